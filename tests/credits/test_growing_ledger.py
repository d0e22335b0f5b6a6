"""A later migration of a large ledger: nobody waits long for it, and the triggers are there afterwards."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from quickscale_credits import migrations
from tests.credits.commands import manage
from tests.credits.large import FULL
from tests.credits.servers import mortal_server
from tests.parts import ROOT
from tests.test_migrations import empty_database  # noqa: F401 - a fixture

LAST = max(Path(migrations.__file__).parent.glob("[0-9]*.py")).stem
ENTRIES = 1_000_000 if FULL else 4_000

FURTHER = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("quickscale_credits", "{last}")]
    operations = [
        migrations.AddField("ledgerentry", "note", models.TextField(null=True)),
        migrations.AlterField("ledgerentry", "reference", models.CharField(max_length=500, default="", blank=True)),
    ]
"""

SETTINGS = """
from tests.settings.base import *
MIGRATION_MODULES = {"quickscale_credits": "further"}
SILENCED_SYSTEM_CHECKS = ["models.W037"]  # MariaDB makes the index on what an entry corrects without its condition
"""

FILL = f"""
import django
django.setup()
from tests.credits.large import fund_each, spend_from_each
fund_each(10, {ENTRIES})
spend_from_each({ENTRIES // 10})
"""

# Spends without a pause until it is told that the migration is over, and then a little more.
SPENDING = """
import json, sys, threading, time
import django
django.setup()
from django.db import DatabaseError
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount

account = CreditAccount.objects.first()
over = threading.Event()
threading.Thread(target=lambda: sys.stdin.readline() and over.set(), daemon=True).start()
done, more, failures, longest = 0, 20, [], 0
while more:
    started = time.monotonic()
    try:
        ledger.spend(account, 1, reason="page")
        done += 1
    except DatabaseError as error:
        failures.append(str(error))
    longest = max(longest, time.monotonic() - started)
    more -= over.is_set()
    if done == 1:
        print("spending", flush=True)
print(json.dumps({"done": done, "failures": failures, "longest": longest}))
"""


def python(code, environment):
    return subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def grown(environment, folder):
    """Django on this empty database, now with a large ledger, and with one more migration than there is."""
    assert manage(environment, "migrate", "--verbosity=0").returncode == 0
    python(FILL, environment)
    further = shutil.copytree(Path(migrations.__file__).parent, folder / "further")
    (further / "9999_further.py").write_text(FURTHER.format(last=LAST))
    (folder / "further_settings.py").write_text(SETTINGS)
    paths = os.pathsep.join([str(folder), str(ROOT)])
    return environment | {"DJANGO_SETTINGS_MODULE": "further_settings", "PYTHONPATH": paths}


def assert_sound_and_append_only(environment):
    verification = manage(environment, "verify_ledger")
    assert verification.stdout == "The ledger is sound.\n", verification.stdout
    check = manage(environment, "check", "--database", "default", "--fail-level", "WARNING")
    assert check.returncode == 0, check.stderr


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
def test_the_triggers_are_there_after_a_further_migration_and_after_taking_it_back(empty_database, tmp_path):  # noqa: F811
    environment = grown(empty_database, tmp_path)
    for target in ("9999", LAST):
        migration = manage(environment, "migrate", "quickscale_credits", target)
        assert "9999_further... OK" in migration.stdout, migration.stderr
        assert_sound_and_append_only(environment)


@pytest.mark.once
def test_a_further_migration_keeps_nobody_who_spends_on_postgresql_waiting_for_a_second(tmp_path):
    with mortal_server() as server:
        environment = os.environ | {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "tests.settings.base"}
        further = grown(environment, tmp_path)
        with spending(environment | {"PGOPTIONS": "-c lock_timeout=1000"}) as spender:
            migration = manage(further, "migrate", "quickscale_credits", "9999")
            figures = json.loads(spender.communicate("over\n", timeout=60)[0])
        assert "9999_further... OK" in migration.stdout, migration.stderr
        assert (figures["failures"], figures["longest"] < 1) == ([], True), figures
        assert_sound_and_append_only(further)


@contextmanager
def spending(environment):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    spender = subprocess.Popen([sys.executable, "-c", SPENDING], env=environment, **pipes)
    try:
        assert spender.stdout.readline() == "spending\n"
        yield spender
    finally:
        spender.kill()
        spender.communicate()
