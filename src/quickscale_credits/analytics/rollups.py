"""Adding a day's entries up once, so that reports need not read them again. Filled by a command, never by a verb.

Each account's entries are counted by their sequence, in which none can come in between: an entry that is committed
late, by a transaction that was long under way, is counted late, but never missed and never twice.

This module is a `rolling.Rollup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Case, Count, DateField, F, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate, TruncMonth

from quickscale_credits.analytics import archived, rolling
from quickscale_credits.analytics.merging import merge
from quickscale_credits.analytics.periods import reporting_zone
from quickscale_credits.models import (
    AccountRollup,
    Allocation,
    CreditAccount,
    LedgerEntry,
    RollupProgress,
    UsageRollup,
)

name = "usage"
what = "entries"
PAGE = 20_000
ACCOUNTS = 1_000
Kind = LedgerEntry.Kind
Span = AccountRollup.Span


def roll_up() -> Iterator[int]:
    rolling.make_watermark(name)
    after = 0
    while page := _roll_up_page(after):
        after, count = page
        yield count


def rebuild() -> Iterator[int]:
    using = rolling.database()
    rolling.made_watermark(name)
    with transaction.atomic(using=using):
        rolling.reset_watermark(name)
        for model in (UsageRollup, AccountRollup, RollupProgress):
            model.objects.using(using).all().delete()
        _merge(archived.by_kind(archived.sums()), archived.by_account(archived.sums()))
    yield from roll_up()


def problems() -> Iterator[str]:
    from quickscale_credits.analytics import auditing

    return auditing.problems()


def _roll_up_page(after: int) -> tuple[int, int] | None:
    """The entries of the next accounts that are behind: the last of these accounts, and how many entries there were."""
    using = rolling.database()
    with transaction.atomic(using=using):
        rolling.locked_watermark(name)
        aims = _next_aims(after, using)
        if not aims:
            return None
        _note(aims, using)
        first, last = aims[0][0], aims[-1][0]
        add_up(under_way(using).filter(account_id__gte=first, account_id__lte=last))
        RollupProgress.objects.using(using).filter(account_id__gte=first, account_id__lte=last).update(
            sequence=F("target")
        )
    # An account with more entries than a page holds is looked at again.
    return last - 1, sum(target - done for _pk, done, target in aims)


def _next_aims(after: int, using: str) -> list[tuple[int, int, int]]:
    """Account, what is counted of it, and up to where to count: no more than a page of entries in all."""
    accounts = CreditAccount.objects.using(using).filter(pk__gt=after)
    behind = accounts.annotate(done=Coalesce("rollup_progress__sequence", 0)).filter(sequence__gt=F("done"))
    aims, room = [], PAGE
    for pk, done, sequence in behind.order_by("pk").values_list("pk", "done", "sequence")[:ACCOUNTS]:
        target = min(sequence, done + room)
        if target > done:
            aims.append((pk, done, target))
        room -= target - done
    return aims


def _note(aims: list[tuple[int, int, int]], using: str) -> None:
    progress = RollupProgress.objects.using(using)
    progress.bulk_create([RollupProgress(account_id=pk) for pk, _done, _target in aims], ignore_conflicts=True)
    progress.bulk_update([RollupProgress(account_id=pk, target=target) for pk, _, target in aims], ["target"], 500)


def under_way(using: str) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.using(using).filter(
        sequence__gt=F("account__rollup_progress__sequence"), sequence__lte=F("account__rollup_progress__target")
    )


def add_up(entries: QuerySet[LedgerEntry]) -> None:
    _merge(by_kind(entries), by_account(entries))


def _merge(kinds: list[QuerySet[Any]], accounts: list[QuerySet[Any]]) -> None:
    for part in kinds:
        merge(part, UsageRollup, key=["day", "kind", "credit_type", "reason"], added=["count", "amount"])
    for part in accounts:
        merge(part, AccountRollup, key=["span", "start", "account"], added=["spends", "spent"])


def day_of(name: str) -> Any:
    return TruncDate(name, tzinfo=reporting_zone())


def by_kind(entries: QuerySet[LedgerEntry], *, place_of: Callable[[str], Any] = day_of) -> list[QuerySet[Any]]:
    """Day, kind, type, reason, count, amount. An entry that touches several grants counts once for each of them.

    `place_of` gives the expression for the day of a column's time, or for a longer stretch's first.
    """
    parts = Allocation.objects.using(entries.db).filter(entry__in=entries.filter(grant__isnull=True).exclude(amount=0))
    signed = Case(When(entry__amount__lt=0, then=-F("amount")), default=F("amount"), output_field=BigIntegerField())
    return [
        _grouped(entries.filter(grant__isnull=False), Sum("amount"), place_of),
        _grouped(parts, Sum(signed), place_of, "entry__"),
    ]


def _grouped(rows: Any, total: Sum, place_of: Callable[[str], Any], entry: str = "") -> QuerySet[Any]:
    grouped = rows.order_by().values(
        of_day=place_of(f"{entry}created_at"),
        of_kind=F(f"{entry}kind"),
        of_type=F("grant__credit_type"),
        of_reason=F(f"{entry}reason"),
    )
    counted: QuerySet[Any] = grouped.annotate(number=Count("pk"), total=total)
    return counted.values_list("of_day", "of_kind", "of_type", "of_reason", "number", "total")


def by_account(entries: QuerySet[LedgerEntry]) -> list[QuerySet[Any]]:
    """Span, start, account, spends, spent."""
    zone = reporting_zone()
    starts = {
        Span.DAY: TruncDate("created_at", tzinfo=zone),
        Span.MONTH: TruncMonth("created_at", output_field=DateField(), tzinfo=zone),
    }
    return [spends_by(entries, span, start) for span, start in starts.items()]


def spends_by(entries: QuerySet[LedgerEntry], span: str, start: Any) -> QuerySet[Any]:
    spends = entries.filter(kind=Kind.SPEND).order_by()
    grouped = spends.annotate(of_span=Value(str(span)), of_start=start).values("of_span", "of_start", "account_id")
    counted = grouped.annotate(number=Count("pk"), total=Sum(-F("amount")))
    return counted.values_list("of_span", "of_start", "account_id", "number", "total")
