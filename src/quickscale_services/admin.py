"""Services to switch, keys to revoke, and runs to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_credits.admin import AccountSection, ReadOnly, account_section, owner_search_fields
from quickscale_credits.models import CreditAccount
from quickscale_services.models import ApiKey, Service, ServiceRun
from quickscale_services.price_labels import price_label
from quickscale_services.registry import registry

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin

RUNS_OF_AN_ACCOUNT = 10
TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")


@admin.register(Service)
class ServiceAdmin(ModelAdmin):
    """What is saved here holds from the next run on. Rows come from the code, at `migrate`."""

    list_display = ("name", "title", "is_active", "cost", "cost_override", "rate_limit")
    list_editable = ("is_active",)
    fields = ("name", "title", "cost", "is_active", "cost_override", "rate_limit")
    readonly_fields = ("name", "title", "cost")
    search_fields = ("name",)

    @admin.display(description=_("title"))
    def title(self, row: Service) -> str:
        service = registry.get(row.name)
        return str(service) if service else gettext("(registered no more)")

    @admin.display(description=_("price"))
    def cost(self, row: Service) -> str:
        service = registry.get(row.name)
        return price_label(service, Service(name=row.name)) if service else "—"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.name not in registry)


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


@admin.register(ApiKey)
class KeyAdmin(ModelAdmin):
    """Keys are made by their owners, who alone see them. Staff may revoke them, and limit their rate."""

    list_display = ("name", "public_id", "account", "user", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("revoked_at", "expires_at", "last_used_at")
    list_select_related = ("account__owner", "user")
    list_per_page = 50
    show_full_result_count = False
    fields = ("name", "public_id", "account", "user", "scopes", "rate_limit", *TIMES)
    readonly_fields = ("name", "public_id", "account", "user", "scopes", *TIMES)
    actions = ("revoke",)
    search_help_text = _("Owner, number of the account, name or public id of the key")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=public_id", "name", "=account__id", *owner_search_fields("account__owner")]

    @admin.action(description=_("Revoke the selected keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            key.revoke()
            self.log_change(request, key, gettext("Revoked."))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
