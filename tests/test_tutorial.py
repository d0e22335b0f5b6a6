"""The tutorial, followed to the letter in an empty folder, with curl as its customer."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.parts import ROOT
from tests.quickstart import run, write
from tests.services.serving import served

pytestmark = [pytest.mark.once, pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH")]

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"```(python|console|json)\n(.*?)```", re.DOTALL)
SOUND = "reading-time: sound; the example costs 0.06 credits.\n"
HERE = "http://127.0.0.1:8000"
RUNSERVER = ["manage.py", "runserver", "--noreload", "{port}"]

TYPE_INTO_A_SHELL = """
import doctest
session = doctest.DocTestParser().get_doctest(open("session.txt").read(), {}, "session", None, 0)
doctest.DebugRunner().run(session, clear_globs=False)
print(session.globs["plain_key"])
"""


def test_the_tutorial_leads_from_an_empty_folder_to_calls_that_are_paid_for(tmp_path, monkeypatch):
    before, after = PAGE.split("```console\npython manage.py runserver\n```")
    done = {"console": follow, "python": write}
    said = [done[kind](tmp_path, text) for kind, text in BLOCK.findall(before)]
    assert SOUND in said
    assert SOUND.strip() in PAGE
    plain_key = run(tmp_path, "python manage.py shell -v 0 -c", TYPE_INTO_A_SHELL).split()[-1]
    monkeypatch.chdir(tmp_path)
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    with served(RUNSERVER, environment, tmp_path / "log") as server:
        blocks = [text for _language, text in BLOCK.findall(after)]
        for command, answer in zip(blocks[::2], blocks[1::2], strict=True):
            assert_answered(json.loads(curl(command, server.port, plain_key)), json.loads(answer))


def follow(project, commands):
    """All of them but the installation, which brought us here; gives what the last one says."""
    said = ""
    for command in commands.splitlines():
        if "pip install" not in command:
            said = run(project, command.replace("createsuperuser", "createsuperuser --noinput"))
        if "startapp" in command:
            write(project, '# mysite/settings.py\nINSTALLED_APPS += ["shop"]\n')
    return said


def curl(command, port, plain_key):
    environment = os.environ | {"API_KEY": plain_key}
    command = command.replace(HERE, f"http://127.0.0.1:{port}")
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_answered(answer, shown):
    """The page shows a part of the answer, as it is."""
    if not isinstance(shown, dict):
        assert answer == shown
        return
    for name, value in shown.items():
        assert_answered(answer[name], value)
