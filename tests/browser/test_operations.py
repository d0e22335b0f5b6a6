"""What keeps the example running: probes, the schedule, and settings for production."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from inkwell.operations import health, schedule
from inkwell.operations.schedule import Job
from quickscale_billing.roles import ROLES
from quickscale_credits import ledger
from tests.parts import ROOT

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "inkwell.production",
    "SECRET_KEY": "of a test, and long enough to pass the check: 0123456789 abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "inkwell.example",
    "DATABASE_URL": "sqlite://:memory:",
    "REDIS_URL": "redis://127.0.0.1:6379/3",
}


@pytest.fixture
def forgetful():
    health.expect_tables.cache_clear()
    yield
    health.expect_tables.cache_clear()


@pytest.fixture
def without_stripe(settings):
    settings.STRIPE_TEST_SECRET_KEY = ""


def test_a_process_that_answers_lives_whatever_it_was_called(client):
    assert client.get("/health/live", headers={"host": "10.0.0.7"}).json() == {"live": True}


def test_a_process_is_ready_when_its_database_has_every_table(client, db, forgetful):
    assert client.get("/health/ready").json() == {"ready": True}


def test_a_process_is_not_ready_before_the_migrations_have_run(client, db, forgetful, caplog):
    MigrationRecorder.Migration.objects.filter(app="quickscale_services").order_by("name").last().delete()
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"ready": False})
    assert "1 migrations wait, the first of them is quickscale_services" in caplog.text


def test_a_process_is_not_ready_while_its_database_refuses(client, db, forgetful):
    def refuse(execute, sql, params, many, context):
        raise OperationalError("the server is gone")

    with connection.execute_wrapper(refuse):
        assert client.get("/health/ready").status_code == 503
    assert client.get("/health/ready").status_code == 200


def test_a_job_runs_when_it_is_due_and_not_before(db, clock):
    job = Job(command="expire_credits", every=timedelta(minutes=10))
    assert schedule.run_due([job]) == 600
    first = job.due_at
    clock.shift(timedelta(minutes=9))
    assert schedule.run_due([job]) == 60
    assert job.due_at == first


def test_a_job_that_fails_keeps_nothing_else_from_its_turn(without_stripe, db, django_user_model, clock, caplog):
    user = django_user_model.objects.create_user("ada@example.com")
    ledger.grant(user, 5, expires_at=timezone.now() + timedelta(hours=1))
    clock.shift(timedelta(hours=2))
    hour = timedelta(hours=1)
    names = ["no_such_command", "check_webhooks", "expire_credits"]
    schedule.run_due([Job(command=name, every=hour) for name in names])
    assert [entry.kind for entry in user.credit_account.entries.all()] == ["grant", "expiry"]
    assert "no_such_command" in caplog.text


def test_every_job_of_the_schedule_runs_on_an_empty_site(without_stripe, db, caplog):
    schedule.run_due(schedule.jobs())
    assert {record.args[0] for record in caplog.records} == {"check_webhooks", "reconcile_billing"}
    assert "Set STRIPE_TEST_SECRET_KEY" in caplog.text


def manage(*arguments, **changed):
    environment = {key: value for key, value in (os.environ | ENVIRONMENT | changed).items() if value is not None}
    command = [sys.executable, "example_project/manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("settings", ["inkwell.production", "inkwell.team_production"])
def test_production_settings_pass_the_checks_for_deployment(settings):
    done = manage("check", "--deploy", "--fail-level", "ERROR", DJANGO_SETTINGS_MODULE=settings)
    assert done.returncode == 0, done.stderr


def test_production_does_not_start_without_its_secrets():
    done = manage("check", SECRET_KEY=None)
    assert done.returncode == 1
    assert "KeyError: 'SECRET_KEY'" in done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_there_after_the_migrations_with_its_permissions(db, role):
    found = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    assert {".".join(each) for each in found} == set(ROLES[role])


# Asks pages of each kind, without what collectstatic makes, and prints what policy each answer carries.
ASK = """
import json
from django.conf import settings
from django.test import Client, override_settings
told = {}
client = Client(headers={"host": "inkwell.example", "x-forwarded-proto": "https"}, raise_request_exception=False)
plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
with override_settings(STORAGES=settings.STORAGES | {"staticfiles": plain}):
    for path in PATHS:
        answer = client.get(path)
        told[path] = answer.status_code, answer.headers.get("Content-Security-Policy")
print(json.dumps(told))
"""
KINDS = {
    "/about/": 200,
    "/contact/": 200,
    "/accounts/login/": 200,
    "/admin/login/": 200,
    "/nothing-is-here/": 404,
    # Without tables:
    "/api/docs": 503,
    "/services/": 500,
}


@pytest.mark.parametrize("settings", ["inkwell.production", "inkwell.team_production"])
def test_pages_of_every_kind_carry_the_policy_in_production(settings):
    code = ASK.replace("PATHS", repr(list(KINDS)))
    done = manage("shell", "-v", "0", "-c", code, DJANGO_SETTINGS_MODULE=settings)
    told = json.loads(done.stdout.splitlines()[-1])
    assert {path: status for path, (status, _) in told.items()} == KINDS
    (policy,) = {policy for _, policy in told.values()}
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == "'self'"
    assert rules["object-src"] == rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
