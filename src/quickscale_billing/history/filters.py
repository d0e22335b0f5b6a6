"""What of a history is to be shown, as a form, and the statement as rows of CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quickscale_billing.history.rows import HistoryRow, RowKind
from quickscale_billing.money import exponent, major
from quickscale_credits.history import DayField, midnight

CSV_HEADER = ("at", "kind", "title", "detail", "status", "amount", "currency", "credits")


class HistoryFilter(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))

    def __init__(self, data: Any, kinds: Iterable[RowKind]) -> None:
        super().__init__(data)
        kind: Any = self.fields["kind"]
        kind.choices = [("", _("All kinds")), *((each.value, each.label) for each in kinds)]

    @property
    def wanted(self) -> dict[str, Any]:
        """For `statement` and `timeline`; a field that cannot be read narrows nothing and shows its error."""
        self.full_clean()
        found = self.cleaned_data
        wanted: dict[str, Any] = {"kind": found["kind"]} if found.get("kind") else {}
        if found.get("since"):
            wanted["since"] = midnight(found["since"])
        if found.get("until"):
            wanted["until"] = midnight(found["until"] + timedelta(days=1))
        return wanted


def csv_rows(rows: Iterable[HistoryRow]) -> Iterator[tuple[object, ...]]:
    """Money in whole units of its currency, as a number with as many digits as that has."""
    yield CSV_HEADER
    for row in rows:
        amount = "" if row.amount is None else _number(row.amount, row.currency)
        yield (row.at.isoformat(), row.kind, row.title, row.detail, row.status, amount, row.currency, row.credits)


def _number(amount: int, currency: str) -> Any:
    return major(amount, currency).quantize(major(1, currency)) if exponent(currency) else major(amount, currency)
