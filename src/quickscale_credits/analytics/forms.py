"""Which period is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics.periods import Period, reporting_zone

CUSTOM = "custom"
DEFAULT = "30d"
PERIODS: dict[str, tuple[Any, Callable[[], Period]]] = {
    "7d": (_("7 days"), partial(Period.last_days, 7)),
    "30d": (_("30 days"), partial(Period.last_days, 30)),
    "90d": (_("90 days"), partial(Period.last_days, 90)),
    "12m": (_("12 months"), partial(Period.last_months, 12)),
}
EARLIEST = date(2000, 1, 1)
LONGEST = timedelta(days=3660)
PICKER = forms.DateInput({"type": "date"}, "%Y-%m-%d")


class PeriodForm(forms.Form):
    """One of the periods that end today, or from one day to another. Without a choice, the last 30 days."""

    period = forms.ChoiceField(choices=[(key, key) for key in (*PERIODS, CUSTOM)], required=False)
    since = forms.DateField(label=_("From"), required=False, validators=[MinValueValidator(EARLIEST)], widget=PICKER)
    until = forms.DateField(label=_("To"), required=False, widget=PICKER)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors and self.choice == CUSTOM:
            self._check_days(given["since"], given["until"])
        return given

    @staticmethod
    def _check_days(since: date | None, until: date | None) -> None:
        today = timezone.now().astimezone(reporting_zone()).date()
        if since is None or until is None or not since <= until <= today:
            raise ValidationError(_("Choose a first day, and a last day that is not before it nor after today."))
        if until - since > LONGEST:
            raise ValidationError(_("Choose ten years at most."))

    @property
    def choice(self) -> str:
        """Days without a choice mean these days."""
        given = self.cleaned_data
        days = CUSTOM if given.get("since") or given.get("until") else DEFAULT
        return given.get("period") or days

    @property
    def asked(self) -> Period:
        """Once the form is valid."""
        if self.choice == CUSTOM:
            return Period(start=self.cleaned_data["since"], end=self.cleaned_data["until"])
        return PERIODS[self.choice][1]()
