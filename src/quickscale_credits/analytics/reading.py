"""What rollups say, with what is not rolled up yet read live, in one statement: always what the ledger says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from quickscale_credits.amounts import from_micro
from quickscale_credits.analytics import archived, rolling, rollups
from quickscale_credits.analytics.comparing import Compared
from quickscale_credits.analytics.memory import asked_about, remembered
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.periods import Granularity, Period
from quickscale_credits.models import AccountRollup, CreditAccount, LedgerEntry, UsageRollup

ONE_DAY = timedelta(days=1)
NONE = Q(pk__lt=0)
LATEST_ID = 2**63 - 1
Span = AccountRollup.Span


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What moved in a place of the period; `day` is the first of it.

    The amount is signed; of an entry with several grants, each type has its part.
    """

    day: date
    kind: str
    credit_type: str
    amount: Decimal


def flows(period: Period) -> list[Flow]:
    """In the period."""
    return [flow for of, flow in _flows(Compared(asked_about(period))) if of == period]


def balances(period: Period) -> tuple[Decimal, list[Flow]]:
    """All balances added up, debts subtracted, when the period begins; and what moved in it."""
    told = _flows(Compared(asked_about(period)), since_ever=True)
    before = sum((flow.amount for _of, flow in told if flow.day < period.start), Decimal(0))
    return before, [flow for of, flow in told if of == period]


@remembered
def _flows(compared: Compared, *, since_ever: bool = False) -> list[tuple[Period | None, Flow]]:
    """Each with its period; what was before both is of none, and of a day before them."""
    whole, has_rollups = compared.whole, rolling.usable_watermark(rollups.name) is not None
    days, times = Q(day__lte=whole.end), Q(created_at__lt=whole.until)
    if not since_ever:
        days, times = days & Q(day__gte=whole.start), times & Q(created_at__gte=whole.since)
    counted = UsageRollup.objects.using(rolling.database()).filter(days if has_rollups else NONE)
    columns = ("kind", "credit_type", "reason", "count", "amount")
    parts = [counted.annotate(number=compared.number_of_day("day")).values_list("number", *columns)]
    parts += rollups.by_kind(uncounted().filter(times), place_of=compared.number_of_time)
    if not has_rollups:
        parts += archived.by_kind(archived.sums().filter(days), day=compared.number_of_day("day"))
    rows = summed(parts, by=["number", "kind", "credit_type"], sums=["SUM(amount)"])
    return [_flow(compared, *row) for row in rows]


def _flow(compared: Compared, number: int, kind: str, credit_type: str, micro: Any) -> tuple[Period | None, Flow]:
    period, day = compared.place(number) if number else (None, compared.start - ONE_DAY)
    return period, Flow(
        day=day if period is None else max(day, period.start),
        kind=kind,
        credit_type=credit_type,
        amount=from_micro(int(micro)),
    )


def uncounted() -> QuerySet[LedgerEntry]:
    """The entries that no rollup has."""
    entries = LedgerEntry.objects.using(rolling.database()).order_by()
    if rolling.usable_watermark(rollups.name) is None:
        return entries
    # As an alias: in the filter itself Django would leave out the accounts of which nothing is counted.
    behind = entries.alias(counted=Coalesce("account__rollup_progress__sequence", 0))
    return behind.filter(pk__gte=_first_uncounted(), sequence__gt=F("counted"))


@remembered
def _first_uncounted() -> int:
    """The least id that such an entry has: without it, databases would look for them among all entries.

    An account's ids ascend with its sequences, so it is that of the first one of some account that is behind: the next
    that is there, where the next number was archived and all are being counted anew.
    """
    done = Coalesce("rollup_progress__sequence", 0)
    following = LedgerEntry.objects.filter(account=OuterRef("pk"), sequence__gt=OuterRef("done")).order_by("sequence")
    accounts = CreditAccount.objects.using(rolling.database()).annotate(done=done).filter(sequence__gt=F("done"))
    first = accounts.annotate(next=Subquery(following.values("pk")[:1])).aggregate(first=Min("next"))["first"]
    return LATEST_ID if first is None else first


def spans(period: Period) -> list[Q]:
    """Conditions for the `span` and the `start` of rollups by account, which together make up the period: of whole
    months by month, of the days beside them by day."""
    if period.granularity == Granularity.DAY:
        return [_days(period.start, period.end)]
    whole = [place for place in period.places if is_whole_month(place, period)]
    beside = [place for place in period.places if place not in whole]
    days = [_days(max(place, period.start), period.last_day(place)) for place in beside]
    return [Q(span=Span.MONTH, start__in=whole), *days]


def _days(first: date, last: date) -> Q:
    return Q(span=Span.DAY, start__gte=first, start__lte=last)


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
