"""The command that runs the tests counts honestly and sends each path to its part."""

import pytest

from tests.__main__ import refuse_emptiness, report
from tests.parts import PARTS, paths_for
from tests.tally import Tally

pytestmark = pytest.mark.once

REPORT = """
<testsuites><testsuite>
  <testcase classname="tests.test_a" name="test_good"/>
  <testcase classname="tests.test_a" name="test_bad"><failure message="1 != 2"/></testcase>
  <testcase classname="tests.test_a" name="test_odd"><error message="no such fixture"/></testcase>
  <testcase classname="tests.test_a" name="test_left"><skipped message="no Chromium"/></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def junit(tmp_path):
    file = tmp_path / "report.xml"
    file.write_text(REPORT)
    return file


def test_a_run_is_counted_with_what_failed_and_why_something_was_skipped(junit):
    tally = Tally.of(junit, exit_code=1)
    assert str(tally) == "1 passed, 2 failed, 1 skipped"
    assert tally.failures == ["tests/test_a.py::test_bad", "tests/test_a.py::test_odd"]
    assert tally.skipped == {"no Chromium": 1}


@pytest.mark.parametrize("exit_code", [1, 2, 3, 4, -9])
def test_a_run_that_broke_off_without_a_report_is_a_failure(tmp_path, exit_code):
    assert Tally.of(tmp_path / "none.xml", exit_code=exit_code).failed == 1


def test_a_part_without_tests_is_a_failure_when_all_was_asked_for():
    tallies = {"sqlite": Tally(passed=3), "teams": Tally()}
    refuse_emptiness(tallies, narrowed=False)
    assert tallies["teams"].failed == 1


def test_a_part_without_tests_is_fine_when_another_has_what_was_asked_for():
    tallies = {"sqlite": Tally(passed=3), "teams": Tally()}
    refuse_emptiness(tallies, narrowed=True)
    assert tallies["teams"].failed == 0


def test_the_last_line_is_the_sum_and_the_exit_code_says_whether_something_failed(capsys):
    code = report({"sqlite": Tally(passed=3), "postgresql": Tally(passed=2, failed=1)})
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 1 failed, 0 skipped"
    assert code == 1


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("tests/test_docs.py", ["sqlite", "postgresql", "mariadb"]),
        ("tests/projects/teams/test_teams.py::test_x", ["teams"]),
        ("tests/browser", ["browser"]),
    ],
)
def test_a_path_goes_to_the_parts_that_it_belongs_to(path, names):
    assert [part.name for part in PARTS if paths_for(part, [path])] == names
