"""The page that compares services over a period, and the same as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.validators import MinValueValidator
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from quickscale_credits.spreadsheets import csv_response
from quickscale_services.models import Service
from quickscale_services.reporting import ServiceUsage, usage

VIEW = "quickscale_credits.view_analytics"
EXPORT = "quickscale_credits.export_credits"
DAYS = (7, 30, 90)
DEFAULT_DAYS = 30
EARLIEST = date(2000, 1, 1)
PICKER = forms.DateInput({"type": "date"}, "%Y-%m-%d")


class PeriodForm(forms.Form):
    """The last `days` days, today included, or from one day to another; days are those of UTC."""

    days = forms.TypedChoiceField(choices=[(days, days) for days in DAYS], coerce=int, required=False)
    since = forms.DateField(label=_("From"), required=False, validators=[MinValueValidator(EARLIEST)], widget=PICKER)
    until = forms.DateField(label=_("Until and with"), required=False, widget=PICKER)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        today = timezone.now().astimezone(UTC).date()
        until = given["until"] or today
        since = given["since"] or until - timedelta(days=(given["days"] or DEFAULT_DAYS) - 1)
        if not since <= until <= today:
            raise forms.ValidationError(_("Choose a first day, and a last day that is not before it nor after today."))
        return given | {"since": since, "until": until}

    def period(self) -> tuple[datetime, datetime]:
        """From the beginning of the first day to that of the day after the last."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return datetime.combine(since, time.min, UTC), datetime.combine(until, time.min, UTC) + timedelta(days=1)


def may_view(request: HttpRequest) -> bool:
    return request.user.has_perm(VIEW)


@require_safe
def usage_view(request: HttpRequest, site: AdminSite) -> HttpResponseBase:
    if not may_view(request):
        raise PermissionDenied
    form = PeriodForm(request.GET)
    rows = usage(*form.period()) if form.is_valid() else []
    if request.GET.get("format") == "csv" and form.is_valid():
        return _csv(request, rows, form)
    context = {
        **site.each_context(request),
        "title": _("Usage by service"),
        "opts": Service._meta,
        "form": form,
        "rows": rows,
        "choices": DAYS,
        "csv_query": _csv_query(form) if request.user.has_perm(EXPORT) else "",
    }
    return render(request, "admin/quickscale_services/usage.html", context)


def _csv_query(form: PeriodForm) -> str:
    if not form.is_valid():
        return ""
    return f"since={form.cleaned_data['since']}&until={form.cleaned_data['until']}&format=csv"


def _csv(request: HttpRequest, rows: Iterable[ServiceUsage], form: PeriodForm) -> HttpResponseBase:
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    given = form.cleaned_data
    return csv_response(_lines(rows), f"usage-{given['since']}-{given['until']}.csv")


def _lines(rows: Iterable[ServiceUsage]) -> Iterator[list[Any]]:
    """Durations in seconds."""
    yield ServiceUsage.columns()
    for row in rows:
        yield [_cell(getattr(row, column)) for column in ServiceUsage.columns()]


def _cell(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value
