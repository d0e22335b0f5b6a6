"""What rollups say, with what is not rolled up yet read live, in one statement: always what the ledger says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from quickscale_credits.amounts import from_micro
from quickscale_credits.analytics import rolling, rollups
from quickscale_credits.analytics.memory import remembered
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.periods import Granularity, Period
from quickscale_credits.models import AccountRollup, CreditAccount, LedgerEntry, UsageRollup

ONE_DAY = timedelta(days=1)
NONE = Q(pk__lt=0)
LATEST_ID = 2**63 - 1
Span = AccountRollup.Span


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What moved in a day, or (`day` is its first) in a longer place of the period.

    The amount is signed; of an entry with several grants, each type has its part.
    """

    day: date
    kind: str
    credit_type: str
    amount: Decimal


@remembered
def flows(period: Period) -> list[Flow]:
    watermark = rolling.usable_watermark(rollups.name)
    counted = UsageRollup.objects.using(rolling.database()).filter(day__gte=period.start, day__lte=period.end)
    columns = ("day", "kind", "credit_type", "reason", "count", "amount")
    parts = [(counted if watermark else counted.filter(NONE)).values_list(*columns)]
    parts += rollups.by_kind(uncounted().filter(period.within("created_at")), place_of=period.place_of)
    rows = summed(parts, by=["day", "kind", "credit_type"], sums=["SUM(amount)"])
    return [
        Flow(day=as_date(day), kind=kind, credit_type=credit_type, amount=from_micro(int(micro)))
        for day, kind, credit_type, micro in rows
    ]


@remembered
def outstanding_before(period: Period) -> Decimal:
    """All balances added up, debts subtracted, when the period begins."""
    watermark = rolling.usable_watermark(rollups.name)
    counted = UsageRollup.objects.using(rolling.database()).filter(day__lt=period.start)
    entries = uncounted().filter(created_at__lt=period.since)
    parts = (counted if watermark else counted.filter(NONE)), entries
    [(micro,)] = summed([part.values_list("amount") for part in parts], by=[], sums=["SUM(amount)"])
    return from_micro(int(micro or 0))


def uncounted() -> QuerySet[LedgerEntry]:
    """The entries that no rollup has."""
    entries = LedgerEntry.objects.using(rolling.database()).order_by()
    if rolling.usable_watermark(rollups.name) is None:
        return entries
    counted = Coalesce("account__rollup_progress__sequence", 0)
    return entries.filter(pk__gte=_first_uncounted(), sequence__gt=counted)


@remembered
def _first_uncounted() -> int:
    """The least id that such an entry has: without it, databases would look for them among all entries.

    An account's ids ascend with its sequences, so it is that of the first one of some account that is behind.
    """
    using = rolling.database()
    done = Coalesce("account__rollup_progress__sequence", 0)
    behind = LedgerEntry.objects.using(using).filter(account__sequence__gt=done, sequence=done + 1)
    first = behind.aggregate(first=Min("pk"))["first"]
    return LATEST_ID if first is None else first


def active_accounts(period: Period) -> int:
    """How many accounts have spent."""
    [(number,)] = summed(_spends(period), by=[], sums=["COUNT(DISTINCT account_id)"])
    return int(number)


def active_accounts_by_place(period: Period) -> dict[date, int]:
    rows = summed(_spends(period), by=["place"], sums=["COUNT(DISTINCT account_id)"])
    return {as_date(place): int(number) for place, number in rows}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What an account spent in a period, and what it may spend now, as booked."""

    account_id: int
    spent: Decimal
    available: Decimal


def spent_most(period: Period, number: int) -> list[Pace]:
    return _paces(period, f"ORDER BY SUM(spent) DESC, account_id LIMIT {number:d}")


def first_to_run_out(period: Period, number: int) -> list[Pace]:
    """Of those that spent in the period: in the order of what is available to what was spent."""
    return _paces(period, f"ORDER BY 1.0 * (MAX(balance) - MAX(held)) / SUM(spent), account_id LIMIT {number:d}")


def _paces(period: Period, order: str) -> list[Pace]:
    accounts = CreditAccount._meta.db_table
    rows = summed(
        _spends(period),
        by=["account_id"],
        sums=["SUM(spent)", "MAX(balance)", "MAX(held)"],
        join=f"JOIN {accounts} accounts ON accounts.id = account_id",
        rest=order,
    )
    return [
        Pace(account_id=pk, spent=from_micro(int(spent)), available=from_micro(int(balance) - int(held)))
        for pk, spent, balance, held in rows
    ]


def _spends(period: Period) -> list[QuerySet[Any]]:
    """Place, account, spent: of whole months by month, of the days beside them by day."""
    watermark = rolling.usable_watermark(rollups.name)
    counted = AccountRollup.objects.using(rolling.database()).filter(Q() if watermark else NONE)
    parts = [_placed(counted, Span.DAY, F("start"), _days(period))]
    if period.granularity == Granularity.MONTH:
        whole = [place for place in period.places if is_whole_month(place, period)]
        parts = [_placed(counted, Span.MONTH, F("start"), Q(start__in=whole))]
        parts += [
            _placed(
                counted,
                Span.DAY,
                Value(place),
                Q(start__gte=max(place, period.start), start__lte=period.last_day(place)),
            )
            for place in period.places
            if place not in whole
        ]
    live = uncounted().filter(period.within("created_at"))
    spends = rollups.spends_by(live, Span.DAY, period.place_of("created_at"))
    return [*parts, spends.values_list("of_start", "account_id", "total")]


def _placed(rows: QuerySet[AccountRollup], span: str, place: Any, where: Q) -> QuerySet[Any]:
    return rows.filter(where, span=span).annotate(place=place).values_list("place", "account_id", "spent")


def _days(period: Period) -> Q:
    return Q(start__gte=period.start, start__lte=period.end)


def is_whole_month(place: date, period: Period) -> bool:
    """Whether the period has all of this month's days that have been."""
    last = (place + timedelta(days=31)).replace(day=1) - ONE_DAY
    today = timezone.now().astimezone(period.zone).date()
    return place >= period.start and (last <= period.end or period.end >= today)


def as_date(value: Any) -> date:
    """SQLite gives days as text."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def by_place(period: Period, amounts: Iterator[tuple[date, Decimal]]) -> dict[date, Decimal]:
    """Added up by place, with zero where there was nothing."""
    found: defaultdict[date, Decimal] = defaultdict(Decimal)
    for day, amount in amounts:
        found[period.place(day)] += amount
    return period.filled(found, Decimal(0))
