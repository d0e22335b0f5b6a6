"""What the tests of archived entries share."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.utils import timezone

from quickscale_credits import analytics, ledger
from quickscale_credits.analytics.answers import ask
from quickscale_credits.models import (
    AccountRollup,
    CreditAccount,
    CreditGrant,
    LedgerEntry,
    UsageRollup,
)
from quickscale_credits.testing import fund
from tests.credits.commands import run

SOUND = "The ledger is sound.\n"


def before(days=31):
    return (timezone.now() - timedelta(days=days)).date()


def midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def archive(path, *options):
    return run("archive_entries", "--before", before(), *(options or ["--output", path]))


def later(clock, days=60):
    clock.shift(timedelta(days=days))
    run("rollup_usage")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def everybody():
    """What no archive may change, but for the moments at which rows were written."""
    accounts = CreditAccount.objects.order_by("pk").values("pk", "balance", "held", "debt", "sequence")
    grants = CreditGrant.objects.order_by("pk").values()
    return list(accounts), list(grants), [ledger.balance(account) for account in CreditAccount.objects.order_by("pk")]


def reports():
    periods = [analytics.Period.last_months(12), analytics.Period.last_days(90), analytics.Period.last_days(45)]
    keys = [key for key, panel in analytics.registry.items() if type(panel).__module__.startswith("quickscale_credits")]
    return [plain(ask(analytics.registry[key], period)) for key in keys for period in periods]


def plain(answer):
    series = [(each.key, dict(each.points)) for each in answer.series]
    tables = [(each.title, [tuple(row) for row in each.rows]) for each in answer.tables]
    return [(figure.label, figure.value) for figure in answer.figures], series, tables


def rolled_up():
    kinds = UsageRollup.objects.values_list("day", "kind", "credit_type", "reason", "count", "amount")
    accounts = AccountRollup.objects.values_list("account", "span", "start", "spends", "spent")
    return sorted(kinds), sorted(accounts)


def standing():
    return everybody(), reports(), rolled_up()


def spent(user, clock, **options):
    """A spend of two months ago that is not the last entry of its account."""
    fund(user, 10)
    entry = ledger.spend(user, 4, reason="report", **options)
    ledger.spend(user, 1, reason="last", idempotency_key="last")
    later(clock)
    return entry


def goes(entry, tmp_path):
    archive(tmp_path / f"{uuid4()}.jsonl")
    assert run("verify_ledger") == SOUND
    return not LedgerEntry.objects.filter(pk=entry.pk).exists()
