"""System checks. Those of the database run with `migrate` and `check --database NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils.module_loading import import_string

from quickscale_credits.conf import CreditsSettings, SettingsDict, conf, owner_model


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return [*misspelled_keys(conf, "quickscale_credits.W001"), *_unusable_values(), *_owner_resolver()]


@register()
def check_owner_model(**kwargs: Any) -> list[CheckMessage]:
    try:
        apps.get_model(owner_model())
    except (LookupError, ValueError):
        message = f"QUICKSCALE_OWNER_MODEL is {owner_model()!r}, which is no installed model."
        return [Error(message, hint='Write it as "app_label.ModelName".', id="quickscale_credits.E001")]
    return []


@register()
def check_times_have_zones(**kwargs: Any) -> list[CheckMessage]:
    if settings.USE_TZ:
        return []
    message = "USE_TZ is False, but the ledger compares times that have a zone: nothing that expires can be granted."
    return [Error(message, hint="Leave USE_TZ at Django's default, True.", id="quickscale_credits.E005")]


@register()
def check_sqlite_is_immediate(**kwargs: Any) -> list[CheckMessage]:
    alias = router.db_for_write(apps.get_model("quickscale_credits", "CreditAccount"))
    connection = connections[alias]
    mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode", "")).upper()
    if connection.vendor != "sqlite" or mode in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    hint = (
        f'Set DATABASES["{alias}"]["OPTIONS"] = {{"transaction_mode": "IMMEDIATE", "timeout": 20, '
        '"init_command": "PRAGMA journal_mode=WAL"}.'
    )
    message = "SQLite begins transactions without its write lock, so that concurrent writers may fail as locked."
    return [Warning(message, hint=hint, id="quickscale_credits.W003")]


@register()
def check_isolation_level(**kwargs: Any) -> list[CheckMessage]:
    from quickscale_credits.ledger.isolation import is_blind_to_its_lock

    alias = router.db_for_write(apps.get_model("quickscale_credits", "CreditAccount"))
    if not is_blind_to_its_lock(connections[alias]):
        return []
    message = "At REPEATABLE READ, MySQL and MariaDB would let credits be spent twice: the ledger refuses to work."
    hint = f'Set DATABASES["{alias}"]["OPTIONS"]["isolation_level"] to "read committed", Django\'s default.'
    return [Error(message, hint=hint, id="quickscale_credits.E004")]


@register()
def check_reads_are_not_late(**kwargs: Any) -> list[CheckMessage]:
    """Of all our apps: what a service or a payment has decided before is looked up before it is decided again."""
    ours = [model for model in apps.get_models() if model._meta.app_label.startswith("quickscale_")]
    late = {model._meta.app_label for model in ours if router.db_for_read(model) != router.db_for_write(model)}
    if not late:
        return []
    message = f"A router reads {', '.join(sorted(late))} from another database than it writes to, which may be late."
    hint = "Let db_for_read answer for these apps what db_for_write does; send single queries elsewhere by using()."
    return [Warning(message, hint=hint, id="quickscale_credits.W006")]


@register(Tags.database)
def check_triggers(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    from quickscale_credits import triggers

    return [
        Warning(
            f"The ledger in database {alias!r} lacks append-only triggers: {', '.join(names)}.",
            hint="Run `migrate` as a user who may make triggers.",
            id="quickscale_credits.W004",
        )
        for alias in databases or []
        if router.allow_migrate(alias, "quickscale_credits") and (names := triggers.missing(alias))
    ]


@register(Tags.database)
def check_rollups_have_the_days_of_reports(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    from quickscale_credits.analytics import rolling

    if rolling.database() not in (databases or []) or not (others := rolling.other_time_zones()):
        return []
    message = (
        f'Rollups have the days of {", ".join(others)}, and {conf.setting}["REPORTING_TIME_ZONE"] is '
        f"{conf.REPORTING_TIME_ZONE}: until they are rebuilt, reports read every entry, which is slow."
    )
    return [Warning(message, hint="Run rollup_usage --rebuild.", id="quickscale_credits.W005")]


@register(Tags.database)
def check_database_knows_the_time_zone(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    from quickscale_credits.analytics import rolling

    alias = rolling.database()
    if alias not in (databases or []) or rolling.knows_the_time_zone(alias):
        return []
    message = (
        f"The database {alias!r} has no time zones, so that there are no reports in the days of "
        f"{conf.REPORTING_TIME_ZONE}."
    )
    hint = "Load them with mysql_tzinfo_to_sql, as Django's notes on MySQL say, or report in UTC."
    return [Error(message, hint=hint, id="quickscale_credits.E006")]


def misspelled_keys(conf: SettingsDict, check_id: str) -> list[CheckMessage]:
    """A warning for each key of a settings dict that nobody reads. For every app of ours."""
    known = conf.keys()
    unknown = sorted(str(key) for key in conf.raw() if key not in known)
    return [
        Warning(f"{conf.setting} has an unknown key {key!r}.", hint=_suggestion(key, known), id=check_id)
        for key in unknown
    ]


def _suggestion(key: str, known: list[str]) -> str:
    close = get_close_matches(key.upper(), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}."


def _unusable_values() -> list[CheckMessage]:
    problems: list[tuple[str, Exception]] = []
    for key in CreditsSettings.keys():  # noqa: SIM118 - not a mapping
        try:
            getattr(conf, key)
        except (ImproperlyConfigured, TypeError, ValueError) as error:
            problems.append((key, error))
    return [
        Error(f'{conf.setting}["{key}"] cannot be used: {error}', id="quickscale_credits.E002")
        for key, error in problems
    ]


def _owner_resolver() -> list[CheckMessage]:
    if conf.OWNER_RESOLVER is None:
        return []
    try:
        import_string(conf.OWNER_RESOLVER)
    except ImportError as error:
        message = f'{conf.setting}["OWNER_RESOLVER"] cannot be imported: {error}'
        return [Error(message, hint="Name a callable: request -> owner or None.", id="quickscale_credits.E003")]
    return []
