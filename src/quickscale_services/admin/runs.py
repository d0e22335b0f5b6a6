"""Runs: found by owner, status and error; credited back; shown on the page of their account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_credits.admin import AccountSection, CsvExport, ReadOnly, account_section, owner_search_fields
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_services.admin.crediting import PERMISSION, CreditBackForm
from quickscale_services.crediting import credited_back
from quickscale_services.models import ServiceRun
from quickscale_services.pricing.words import in_credits

RUNS_OF_AN_ACCOUNT = 10


class ErrorCodeFilter(admin.AllValuesFieldListFilter):
    """Runs without an error have an empty code, of which Django would make a link without a name."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice if choice["display"] else {**choice, "display": gettext("No error")}


@admin.register(ServiceRun)
class RunAdmin(ReadOnly, CsvExport):
    list_display = ("created_at", "service", "account", "status", "cost", "duration", "error_code")
    list_filter = ("status", "service", ("error_code", ErrorCodeFilter), "created_at")
    list_select_related = ("account__owner",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-created_at", "-id")
    search_help_text = _("Owner, number of the account, of the run, an actor, an error code")
    csv_fields = ("id", "created_at", "service", "account_id", "actor", "status", "cost", "duration", "error_code")
    change_form_template = "admin/quickscale_services/run.html"
    # What people sent and got is not for the eyes of staff.
    exclude = ("input", "output")
    readonly_fields = ("credited_back",)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=id", "=actor", "=error_code", "=account__id", *owner_search_fields("account__owner")]

    @admin.display(description=_("credited back"))
    def credited_back(self, run: ServiceRun) -> str | SafeString:
        entry = credited_back(run)
        if entry is None:
            return "—"
        page = reverse("admin:quickscale_credits_ledgerentry_change", args=[entry.pk])
        return format_html('<a href="{}">{}</a>: {}', page, entry, entry.metadata.get("reason", ""))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.credit_back)
        name = "quickscale_services_servicerun_credit_back"
        return [path("<path:run_id>/credit-back/", page, name=name), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        run: ServiceRun | None = kwargs.get("obj")
        may_credit = request.user.has_perm(PERMISSION)
        context["may_credit_back"] = may_credit and run is not None and run.has_ended and credited_back(run) is None
        return super().render_change_form(request, context, *args, **kwargs)

    def credit_back(self, request: HttpRequest, run_id: str) -> HttpResponse:
        run = self._run(request, run_id)
        page = reverse("admin:quickscale_services_servicerun_change", args=[run.pk])
        if (known := credited_back(run)) is not None:
            messages.warning(request, gettext("This run was credited back already: %s.") % known)
            return HttpResponseRedirect(page)
        form = CreditBackForm(run, request.POST if request.method == "POST" else None)
        if form.is_valid() and (entry := form.give(request.user)):
            self._note(request, run, entry)
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Credit back a run"),
            "opts": self.opts,
            "form": form,
            "run": run,
            "back": page,
        }
        return render(request, "admin/quickscale_services/credit_back.html", context)

    def _run(self, request: HttpRequest, run_id: str) -> ServiceRun:
        """Raises `PermissionDenied` and `Http404`."""
        if not (self.has_view_permission(request) and request.user.has_perm(PERMISSION)):
            raise PermissionDenied
        run: ServiceRun | None = self.get_object(request, unquote(run_id))
        if run is None:
            raise Http404
        return run

    def _note(self, request: HttpRequest, run: ServiceRun, entry: LedgerEntry) -> None:
        note = gettext("%(credits)s back: %(reason)s") % {
            "credits": in_credits(entry.amount),
            "reason": entry.metadata["reason"],
        }
        self.log_change(request, run, note)
        messages.success(request, f"{run.account}: {note}")


@account_section
def latest_runs(account: CreditAccount) -> AccountSection:
    runs = ServiceRun.objects.filter(account=account).order_by("-created_at", "-id")[:RUNS_OF_AN_ACCOUNT]
    every_run = reverse("admin:quickscale_services_servicerun_changelist")
    return AccountSection(
        title=_("Service runs"),
        header=(_("created at"), _("service"), _("status"), _("cost")),
        rows=[(run.created_at, run.service, run.get_status_display(), run.cost) for run in runs],
        url=f"{every_run}?account__id__exact={account.pk}",
        permission="quickscale_services.view_servicerun",
    )
