"""Services: on or off, at which price, how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_services.models import Service
from quickscale_services.price_labels import price_label
from quickscale_services.registry import registry

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin


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
