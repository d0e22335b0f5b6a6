"""The example as somebody's own: copied and renamed by the commands of its README."""

import re
import shutil
import subprocess

import pytest

from tests.parts import ROOT
from tests.quickstart import environment, run

pytestmark = pytest.mark.once

README = (ROOT / "example_project" / "README.md").read_text()
COMMANDS = re.search(r"\$ (mv inkwell .*?)```", README, re.DOTALL)[1].replace("\n$ ", "\n")
PRINT_THE_FILES_THAT_A_PAGE_NAMES = r"""
import re
from django.contrib.staticfiles.finders import find
from django.test import Client

page = Client(headers={"host": "localhost"}).get("/about/")
assert page.status_code == 200
for file in re.findall(r'"/static/([^"]+)"', page.content.decode()):
    print(file, "found" if find(file) else "MISSING")
"""


@pytest.fixture(scope="module")
def renamed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy") / "mysaas"
    shutil.copytree(ROOT / "example_project", folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"))
    subprocess.run(["bash", "-e", "-c", COMMANDS], cwd=folder, env=environment(), check=True, capture_output=True)
    return folder


def test_the_renamed_example_finds_the_files_that_its_pages_name(renamed):
    lines = run(renamed, "python manage.py shell --verbosity 0 --command", PRINT_THE_FILES_THAT_A_PAGE_NAMES)
    assert "site/site.css found" in lines
    assert "MISSING" not in lines


def test_nothing_of_the_old_name_is_left_in_paths(renamed):
    assert [path for path in renamed.rglob("*") if "inkwell" in path.name] == []
