"""Keys: to look at, and to revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_credits.admin import owner_search_fields
from quickscale_services.models import ApiKey

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin

TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")


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
