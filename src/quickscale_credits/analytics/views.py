"""The dashboard in the admin's look: the page, and each panel as a page, a fragment of it, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from quickscale_credits.analytics import charts, exports
from quickscale_credits.analytics.answers import Answer, ask
from quickscale_credits.analytics.forms import CUSTOM, PERIODS, PeriodForm
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.presenting import ShownFigure
from quickscale_credits.analytics.registry import UnknownPanel, registry
from quickscale_credits.spreadsheets import csv_response

VIEW = "quickscale_credits.view_analytics"
View = Callable[..., HttpResponseBase]


def for_analysts(view: View) -> View:
    """Who is not staff is sent to the admin's login; staff without the permission get 403, whatever they ask for."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_safe(admin.site.admin_view(guarded))


@for_analysts
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """All panels. They come one by one where there are scripts, or with `?all` at once."""
    form = PeriodForm(request.GET)
    is_whole = "all" in request.GET and form.is_valid()
    panels = [_panel_context(panel, form, is_asked=is_whole) for panel in registry.values()] if form.is_valid() else []
    return _page(request, "dashboard.html", form, title=_("Analytics"), panels=panels)


@for_analysts
def panel(request: HttpRequest, key: str) -> HttpResponseBase:
    """One panel, on a page of its own; for the script that asks for it, without the page."""
    found = _found(key)
    form = PeriodForm(request.GET)
    context = _panel_context(found, form, is_asked=True) if form.is_valid() else None
    if request.headers.get("HX-Request") and context:
        return render(request, "admin/quickscale_credits/analytics/_panel.html", context)
    return _page(request, "panel.html", form, title=str(found.title), panels=[context] if context else [])


@for_analysts
def panel_csv(request: HttpRequest, key: str) -> HttpResponseBase:
    """Every figure and series, a line for each value; with `?part=` one chart or table, as it is shown."""
    answer = _answer(key, PeriodForm(request.GET))
    if answer is None:
        return _bad_period()
    name = f"{key}-{answer.period.start}-{answer.period.end}.csv"
    part = request.GET.get("part")
    if part is None:
        return csv_response(exports.csv_rows(answer), name)
    for grid in [*charts.charts(answer), *charts.tables(answer)]:
        if grid.part == part:
            return csv_response(grid.plain_rows(), f"{part}-{name}")
    raise Http404(_("This panel has no such part."))


@for_analysts
def panel_json(request: HttpRequest, key: str) -> HttpResponseBase:
    answer = _answer(key, PeriodForm(request.GET))
    return _bad_period() if answer is None else JsonResponse(exports.as_json(answer))


def _found(key: str) -> Panel:
    try:
        return registry[key]
    except UnknownPanel:
        raise Http404(_("There is no such panel.")) from None


def _answer(key: str, form: PeriodForm) -> Answer | None:
    found = _found(key)
    return ask(found, form.asked) if form.is_valid() else None


def _bad_period() -> HttpResponse:
    return HttpResponse(_("There is no such period."), status=400, content_type="text/plain; charset=utf-8")


def _page(request: HttpRequest, template: str, form: PeriodForm, **context: Any) -> HttpResponse:
    is_valid = form.is_valid()
    period = form.asked if is_valid else None
    context |= {
        **admin.site.each_context(request),
        "form": form,
        "period": period,
        "choices": [(key, label) for key, (label, _period) in PERIODS.items()],
        "choice": form.choice if is_valid else CUSTOM,
        "query": _query(form) if is_valid else "",
    }
    return render(request, f"admin/quickscale_credits/analytics/{template}", context)


def _panel_context(found: Panel, form: PeriodForm, *, is_asked: bool) -> dict[str, Any]:
    context: dict[str, Any] = {"panel": found, "query": _query(form), "app": _app_title(found)}
    if not is_asked:
        return context
    answer = ask(found, form.asked)
    return context | {
        "answer": answer,
        "figures": ShownFigure.all_of(answer.figures),
        "charts": charts.charts(answer),
        "tables": charts.tables(answer),
    }


def _query(form: PeriodForm) -> str:
    if form.choice != CUSTOM:
        return urlencode({"period": form.choice})
    return urlencode({"period": CUSTOM, "since": form.cleaned_data["since"], "until": form.cleaned_data["until"]})


def _app_title(found: Panel) -> str:
    """Panels stand below the name of the app that they come from."""
    app = apps.get_containing_app_config(type(found).__module__)
    return str(app.verbose_name) if app else ""
