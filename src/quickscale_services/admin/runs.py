"""Runs: found by owner, status and error; shown on the page of their account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from quickscale_credits.admin import AccountSection, ReadOnly, account_section, owner_search_fields
from quickscale_credits.models import CreditAccount
from quickscale_services.models import ServiceRun

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin

RUNS_OF_AN_ACCOUNT = 10


@admin.register(ServiceRun)
class RunAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "service", "account", "status", "cost", "duration", "error_code")
    list_filter = ("status", "service", "error_code", "created_at")
    list_select_related = ("account__owner",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-created_at", "-id")
    search_help_text = _("Owner, number of the account, of the run, or an actor")
    # What people sent and got is not for the eyes of staff.
    exclude = ("input", "output")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=id", "=actor", "=account__id", *owner_search_fields("account__owner")]


@account_section
def latest_runs(account: CreditAccount) -> AccountSection:
    runs = ServiceRun.objects.filter(account=account).order_by("-created_at", "-id")[:RUNS_OF_AN_ACCOUNT]
    every_run = reverse("admin:quickscale_services_servicerun_changelist")
    return AccountSection(
        title=_("Service runs"),
        header=(_("created at"), _("service"), _("status"), _("cost")),
        rows=[(run.created_at, run.service, run.get_status_display(), run.cost) for run in runs],
        url=f"{every_run}?account__id__exact={account.pk}",
    )
