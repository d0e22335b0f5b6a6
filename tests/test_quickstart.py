"""The quickstart, followed to the letter in a new Django project: it needs nothing that it does not say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "quickstart.md").read_text()
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.py)\n")
# What a reader types when asked.
ANSWERS = {"DJANGO_SUPERUSER_PASSWORD": "a long one", "DJANGO_SUPERUSER_EMAIL": "ada@example.com"}

TYPE_INTO_A_SHELL = "import doctest; doctest.testfile('session.txt', module_relative=False, raise_on_error=True)"
VISIT_THE_PAGES = """
from django.contrib.auth import get_user_model
from django.test import Client

browser = Client(SERVER_NAME="localhost")
browser.force_login(get_user_model().objects.get(username="ada"))
ran = browser.post("/services/shout/", {"text": "hello"})
assert "HELLO" in ran.content.decode(), ran.content.decode()
for address in ["/services/", "/services/shout/", "/services/runs/", "/credits/"]:
    assert browser.get(address).status_code == 200, address
"""
PRINT_THE_BALANCE = """
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount

print(ledger.balance(CreditAccount.objects.get()).total)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    run(tmp_path, "python -m django startproject mysite .")
    return tmp_path


def test_the_quickstart_leads_from_a_new_project_to_a_charged_run(project):
    for language, text in BLOCK.findall(PAGE):
        if language == "console":
            follow(project, text)
        else:
            write(project, text)
    run(project, "python manage.py shell -c", TYPE_INTO_A_SHELL)
    run(project, "python manage.py shell -c", VISIT_THE_PAGES)
    assert run(project, "python manage.py shell -v 0 -c", PRINT_THE_BALANCE).split()[-1] == "101"


def follow(project: Path, commands: str) -> None:
    """All of them but the installation, which brought us here, and the server, which does not end."""
    for command in commands.splitlines():
        if not re.search(r"pip install|runserver", command):
            run(project, command.replace("createsuperuser", "createsuperuser --noinput"))
        if "startapp" in command:
            write(project, '# mysite/settings.py\nINSTALLED_APPS += ["shop"]\n')


def write(project: Path, text: str) -> None:
    """Settings, and what is typed into the shell, are added to; other files are as the page shows them."""
    name = FILE.match(text)[1] if not text.startswith(">>>") else "session.txt"
    with (project / name).open("a" if name.endswith(("settings.py", ".txt")) else "w") as file:
        file.write(f"\n{text}")


def run(project: Path, command: str, *arguments: str) -> str:
    words = [sys.executable if word == "python" else word for word in command.split()]
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"} | ANSWERS
    done = subprocess.run([*words, *arguments], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
