"""An account's entries as its owner reads them: filtered, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.models import LedgerEntry
from quickscale_credits.telling import told

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

PAGE_SIZE, CHUNK_SIZE = 50, 2000
CSV_HEADER = ("sequence", "created_at", "kind", "amount", "balance_after", "reason", "reference", "actor")

Entries = QuerySet[LedgerEntry]


class DayField(forms.DateField):
    """A day that the calendar still has when a day or a time zone is added to it."""

    def __init__(self, *, label: str | StrPromise) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=forms.DateInput({"type": "date", "class": "input"}, "%Y-%m-%d"),
            validators=[MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9998, 12, 31))],
        )


class HistoryFilter(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All kinds")), *LedgerEntry.Kind.choices])
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))

    def narrow(self, entries: Entries) -> Entries:
        """The entries that fit; a field that cannot be read narrows nothing and shows its error."""
        self.full_clean()
        wanted = self.cleaned_data
        if wanted.get("kind"):
            entries = entries.filter(kind=wanted["kind"])
        if wanted.get("since"):
            entries = entries.filter(created_at__gte=midnight(wanted["since"]))
        if wanted.get("until"):
            entries = entries.filter(created_at__lt=midnight(wanted["until"] + timedelta(days=1)))
        return entries


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """`older` and `newer` are the sequences to turn the page from, None at either end."""

    entries: list[LedgerEntry]
    older: int | None
    newer: int | None


def history_page(entries: Entries, *, before: int | None = None, after: int | None = None) -> HistoryPage:
    """Turns pages by sequence, so that the last page of a million entries costs what the first does."""
    page = _page(entries, before=before, after=after)
    return replace(page, entries=told(page.entries))


def _page(entries: Entries, *, before: int | None, after: int | None) -> HistoryPage:
    if after is not None:
        following = list(entries.filter(sequence__gt=after).order_by("sequence")[: PAGE_SIZE + 1])
        shown, more = following[:PAGE_SIZE][::-1], len(following) > PAGE_SIZE
        return HistoryPage(entries=shown, older=after + 1, newer=shown[0].sequence if more else None)
    if before is not None:
        entries = entries.filter(sequence__lt=before)
    preceding = list(entries.order_by("-sequence")[: PAGE_SIZE + 1])
    shown, more = preceding[:PAGE_SIZE], len(preceding) > PAGE_SIZE
    return HistoryPage(
        entries=shown,
        older=shown[-1].sequence if more else None,
        newer=before - 1 if before is not None else None,
    )


def history_rows(entries: Entries) -> Iterator[tuple[object, ...]]:
    """For CSV: a header, then the entries from the first to the last, without holding them all."""
    yield CSV_HEADER
    rows = entries.order_by("sequence").iterator(chunk_size=CHUNK_SIZE)
    while chunk := told(islice(rows, CHUNK_SIZE)):
        for entry in chunk:
            yield tuple(
                value.isoformat() if isinstance(value, datetime) else value
                for value in (getattr(entry, column) for column in CSV_HEADER)
            )


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
