"""System checks: settings that nobody reads or nobody can use, and a SQLite that is not set up for writers."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from quickscale_credits import ledger
from quickscale_credits.checks import (
    check_isolation_level,
    check_owner_model,
    check_settings,
    check_sqlite_is_immediate,
    check_times_have_zones,
)
from quickscale_credits.conf import conf
from quickscale_credits.models import CreditAccount

pytestmark = pytest.mark.once

WRONG = [
    {"LOW_BALANCE_THRESHOLD": 0.5},
    {"LOW_BALANCE_THRESHOLD": "a lot"},
    {"HOLD_TIMEOUT": 900},
    {"HOLD_TIMEOUT": timedelta(0)},
    {"REVERSAL_GRACE": "7 days"},
    {"SIGNUP_GRANT": {"amount": 1.5}},
    {"SIGNUP_GRANT": {"expires_in": timedelta(1)}},
    {"SIGNUP_GRANT": {"amount": 0}},
    {"SIGNUP_GRANT": {"amount": -5}},
    {"SIGNUP_GRANT": 100},
    {"SIGNUP_GRANT": {"amount": 1, "expires_in": 30}},
    {"SIGNUP_GRANT": {"amount": 1, "expires": timedelta(1)}},
    {"PRIORITIES": {"promotional": "first"}},
    {"PRIORITIES": {"promotional": -1}},
    {"PRIORITIES": {"gold": 5}},
    {"PRIORITIES": 7},
]


def test_the_tests_own_settings_are_clean():
    assert run_checks(include_deployment_checks=False) == []


@pytest.mark.parametrize(
    ("key", "hint"),
    [("LOW_BALANCE_TRESHOLD", "LOW_BALANCE_THRESHOLD"), ("hold_timeout", "HOLD_TIMEOUT"), ("X", "Known")],
)
def test_a_misspelled_key_is_a_warning_that_suggests_the_right_one(settings, key, hint):
    settings.QUICKSCALE_CREDITS = {key: None}
    [warning] = check_settings()
    assert warning.id == "quickscale_credits.W001"
    assert key in warning.msg
    assert hint in warning.hint


def test_times_without_zones_are_refused(settings):
    settings.USE_TZ = False
    assert [error.id for error in check_times_have_zones()] == ["quickscale_credits.E005"]


@pytest.mark.parametrize("value", WRONG, ids=str)
def test_a_value_that_cannot_be_used_is_an_error_that_names_its_key(settings, value):
    settings.QUICKSCALE_CREDITS = value
    [error] = check_settings()
    assert error.id == "quickscale_credits.E002"
    assert next(iter(value)) in error.msg


def test_all_settings_together_are_fine(settings):
    settings.QUICKSCALE_CREDITS = {
        "LOW_BALANCE_THRESHOLD": "0.5",
        "HOLD_TIMEOUT": timedelta(minutes=1),
        "REVERSAL_GRACE": timedelta(days=1),
        "PRIORITIES": {"promotional": 5},
        "SIGNUP_GRANT": {"amount": 100, "expires_in": None},
        "OWNER_RESOLVER": "django.contrib.auth.get_user",
    }
    assert check_settings() == []


def test_settings_that_are_no_dict_are_refused_kindly(settings):
    settings.QUICKSCALE_CREDITS = ["LOW_BALANCE_THRESHOLD"]
    with pytest.raises(ImproperlyConfigured, match="must be a dict"):
        _ = conf.HOLD_TIMEOUT


def test_an_owner_resolver_that_cannot_be_imported_is_an_error(settings):
    settings.QUICKSCALE_CREDITS = {"OWNER_RESOLVER": "nowhere.at.all"}
    [error] = check_settings()
    assert error.id == "quickscale_credits.E003"


@pytest.mark.parametrize("label", ["auth.Nobody", "nothing", "no.such.model"])
def test_an_owner_model_that_is_not_installed_is_an_error(settings, label):
    settings.QUICKSCALE_OWNER_MODEL = label
    [error] = check_owner_model()
    assert (error.id, label in error.msg) == ("quickscale_credits.E001", True)


@pytest.mark.parametrize(
    ("mode", "ids"),
    [("DEFERRED", ["W003"]), (None, ["W003"]), ("IMMEDIATE", []), ("immediate", []), ("EXCLUSIVE", [])],
)
def test_a_sqlite_that_is_not_immediate_is_a_warning(monkeypatch, mode, ids):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", mode)
    found = [warning.id.partition(".")[2] for warning in check_sqlite_is_immediate()]
    assert found == ids


@pytest.mark.mariadb
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("level", "refused"),
    [
        ("repeatable read", True),
        ("REPEATABLE READ", True),
        (None, True),
        ("read committed", False),
        ("serializable", False),
    ],
)
def test_only_mysqls_repeatable_read_is_an_error_and_no_verb_works_there(user, monkeypatch, level, refused):
    refused = refused and connection.vendor == "mysql"
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", level)
    assert [error.id for error in check_isolation_level()] == ["quickscale_credits.E004"] * refused
    with pytest.raises(ImproperlyConfigured, match="REPEATABLE READ") if refused else nullcontext():
        ledger.grant(user, 1)
    assert CreditAccount.objects.exists() == (not refused)
