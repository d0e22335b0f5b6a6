"""Services: on or off, at which price, how often; and how they compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_services.admin.usage import may_view, usage_view
from quickscale_services.models import Service
from quickscale_services.pricing.labels import price_label
from quickscale_services.registry import registry

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
else:
    from django.contrib.admin import ModelAdmin
    from django.forms import ModelForm


class SwitchForm(ModelForm):
    """A row of the list: its box has no label, and is named by what it switches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_active"].widget.attrs["aria-label"] = f"{self.instance.name}: {self.fields['is_active'].label}"


@admin.register(Service)
class ServiceAdmin(ModelAdmin):
    """What is saved here holds from the next run on. Rows come from the code, at `migrate`."""

    list_display = ("name", "title", "is_active", "cost", "cost_override", "rate_limit")
    list_editable = ("is_active",)
    fields = ("name", "title", "cost", "is_active", "cost_override", "rate_limit")
    readonly_fields = ("name", "title", "cost")
    search_fields = ("name",)
    change_list_template = "admin/quickscale_services/services.html"

    @admin.display(description=_("title"))
    def title(self, row: Service) -> str:
        service = registry.get(row.name)
        return str(service) if service else gettext("(registered no more)")

    @admin.display(description=_("price"))
    def cost(self, row: Service) -> str:
        service = registry.get(row.name)
        return price_label(service, Service(name=row.name)) if service else "—"

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": SwitchForm, **kwargs})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.name not in registry)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.usage)
        return [path("usage/", page, name="quickscale_services_usage"), *super().get_urls()]

    def usage(self, request: HttpRequest) -> HttpResponseBase:
        return usage_view(request, self.admin_site)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "may_view_usage": may_view(request)})
