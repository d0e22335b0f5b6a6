"""The long run itself: it goes on where it stopped, and a round can be run again."""

import json

import pytest

from tests.parts import ROOT
from tests.soak.__main__ import main, next_task
from tests.soak.tasks import TASKS

pytestmark = pytest.mark.once


def test_the_task_furthest_from_its_goal_is_next_until_all_are_done():
    state = {task.name: {"done": task.goal} for task in TASKS[1:]}
    assert next_task(state, None) == TASKS[0]
    assert next_task(state, [TASKS[1].name]) is None


def test_every_task_names_tests_that_exist():
    files = [path for task in TASKS for path in task.paths if path.startswith("tests")]
    assert [path for path in files if not (ROOT / path).exists()] == []


def test_what_was_done_is_told_and_what_failed_is_an_error(tmp_path, capsys):
    known = {"rounds": 2, "done": 1000, "seconds": 9, "failed": [501]}
    (tmp_path / "state.json").write_text(json.dumps({"histories, SQLite": known}))
    assert main(["--report", "--state", str(tmp_path / "state.json")]) == 1
    assert "| histories, SQLite | 1,000 | 20,000 | 9 | 501 |" in capsys.readouterr().out


def test_a_round_is_run_and_noted(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    monkeypatch.setattr("tests.soak.__main__.run", lambda task, seed: seed == 1)
    main(["--minutes", "1", "--only", "kills of PostgreSQL", "--state", str(path)])
    assert json.loads(path.read_text())["kills of PostgreSQL"] == {
        "first": 1,
        "rounds": 5,
        "done": 50,
        "seconds": 0,
        "failed": [11, 21, 31, 41],
    }


def test_another_first_seed_is_kept_with_what_was_done(tmp_path, monkeypatch):
    path, seeds = tmp_path / "state.json", []
    monkeypatch.setattr("tests.soak.__main__.run", lambda task, seed: not seeds.append(seed))
    arguments = ["--minutes", "1", "--only", "kills of PostgreSQL", "--state", str(path)]
    known = {"first": 700, "rounds": 2, "done": 20, "seconds": 0, "failed": []}
    path.write_text(json.dumps({"kills of PostgreSQL": known}))
    main([*arguments, "--first-seed", "5"])
    assert seeds == [720, 730, 740]
