"""The migrations say what the models say, under every project's settings, and can be taken back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

PROJECTS = [
    "tests.settings.base",
    "tests.settings.billing",
    pytest.param("tests.projects.teams.settings", marks=pytest.mark.once),
    pytest.param("tests.projects.example.settings", marks=pytest.mark.once),
]
# The example has nothing more to take back than the settings with billing.
TAKEN_BACK = PROJECTS[:-1]

# What others migrate is not ours to check: some of it is made without its migrations here.
CHECK = """
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
import django
django.setup()
labels = {config.label for config in apps.get_app_configs()} - set(getattr(settings, "MIGRATION_MODULES", {}))
call_command("makemigrations", *labels, check_changes=True, dry_run=True)
"""

FORWARD_BACK_AND_FORWARD = """
from django.core.management import call_command
import django
django.setup()
call_command("migrate", verbosity=0)
call_command("migrate", "quickscale_credits", "zero")
call_command("migrate", verbosity=0)
call_command("showmigrations")
"""


# The example names its mailer in the one way that every Django it runs on knows; Django 6.1 has another.
WARNINGS = [
    *("-W", "error", "-W", "ignore:The EMAIL_BACKEND setting is deprecated"),
    *("-W", "ignore:The default scheme will be changed"),
]


def python(*arguments: str, environment: dict[str, str]) -> str:
    command = [sys.executable, *WARNINGS, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def empty_database(database_environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which Django works on a database without tables, beside the one of the tests."""
    url = database_environment["DATABASE_URL"]
    if connection.vendor == "sqlite":
        yield database_environment | {"DATABASE_URL": f"sqlite://{tmp_path}/empty.sqlite3"}
        return
    with another_database() as name:
        current = connection.settings_dict["NAME"]
        yield database_environment | {"DATABASE_URL": url.replace(f"/{current}", f"/{name}")}


@contextmanager
def another_database() -> Iterator[str]:
    name = f"test_empty_{uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield name
        cursor.execute(f"DROP DATABASE {name}")


@pytest.mark.once
@pytest.mark.parametrize("settings", PROJECTS)
def test_the_models_have_no_change_without_a_migration(settings, empty_database):
    environment = empty_database | {"DJANGO_SETTINGS_MODULE": settings}
    found = python("-c", CHECK, environment=environment)
    assert "No changes detected" in found


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("settings", TAKEN_BACK)
def test_migrations_go_forward_back_and_forward(settings, empty_database):
    environment = empty_database | {"DJANGO_SETTINGS_MODULE": settings}
    shown = python("-c", FORWARD_BACK_AND_FORWARD, environment=environment)
    assert "Unapplying quickscale_credits.0001_initial... OK" in shown
    assert "[X] 0001_initial" in shown
    assert "[ ]" not in shown
