"""What archived entries come to, in the columns in which `rollups` gives those that are there. Always counted."""

from __future__ import annotations

from typing import Any

from django.db.models import DateField, F, QuerySet, Sum, Value
from django.db.models.functions import TruncMonth

from quickscale_credits.analytics import rolling
from quickscale_credits.models import AccountRollup, ArchivedSum, LedgerEntry

Span = AccountRollup.Span


def sums() -> QuerySet[ArchivedSum]:
    return ArchivedSum.objects.using(rolling.database()).order_by()


def by_kind(rows: QuerySet[ArchivedSum], *, day: Any = None) -> list[QuerySet[Any]]:
    """Day, or what is given for it, kind, type, reason, count, amount."""
    grouped = rows.values(
        of_day=day or F("day"), of_kind=F("kind"), of_type=F("grant__credit_type"), of_reason=F("reason")
    ).annotate(number=Sum("parts"), total=Sum("amount"))
    return [grouped.values_list("of_day", "of_kind", "of_type", "of_reason", "number", "total")]


def by_account(rows: QuerySet[ArchivedSum]) -> list[QuerySet[Any]]:
    """Span, start, account, spends, spent."""
    starts = {Span.DAY: F("day"), Span.MONTH: TruncMonth("day", output_field=DateField())}
    return [_spends_by(rows, span, start) for span, start in starts.items()]


def _spends_by(rows: QuerySet[ArchivedSum], span: str, start: Any) -> QuerySet[Any]:
    spends = rows.filter(kind=LedgerEntry.Kind.SPEND)
    named = spends.annotate(of_span=Value(str(span)), of_start=start, of_account=F("archive__account_id"))
    counted = named.values("of_span", "of_start", "of_account").annotate(number=Sum("entries"), total=Sum(-F("amount")))
    return counted.values_list("of_span", "of_start", "of_account", "number", "total")
