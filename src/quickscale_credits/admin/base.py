"""What the admin pages of the ledger share: read only, found by owner, and taken away as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from quickscale_credits.conf import owner_model
from quickscale_credits.spreadsheets import csv_response

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin

EXPORT = "quickscale_credits.export_credits"

# What owners are usually called by; those that the owner model has are searched.
OWNER_NAMES = ("email", "username", "name", "title", "slug", "first_name", "last_name")


def owner_search_fields(prefix: str) -> list[str]:
    model = apps.get_model(owner_model())
    names = dict.fromkeys([getattr(model, "USERNAME_FIELD", ""), *OWNER_NAMES])
    return [f"{prefix}__{name}" for name in names if name and _is_text(model, name)]


def _is_text(model: type[models.Model], name: str) -> bool:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return isinstance(field, models.CharField | models.TextField)


class ReadOnly:
    """Only the ledger writes credits, so the admin offers no way to add, change or delete them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NamedTimes(ModelAdmin):
    """The two boxes in which Django's admin takes a date and a time have no label: each is named by its field."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        for box in getattr(getattr(field, "widget", None), "widgets", ()):
            box.attrs["aria-label"] = field.label
        return field


class LinksThatOpen(ModelAdmin):
    """What a row belongs to is a link where Django's admin only shows it, also for staff whom it would answer with 403:
    for them it is text."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": [self.shown(name, request) for name in options["fields"]]})
            for title, options in fieldsets
        ]

    def shown(self, name: Any, request: HttpRequest) -> Any:
        if not isinstance(name, str):
            return name if callable(name) else [self.shown(each, request) for each in name]
        field = next((each for each in self.opts.fields if each.name == name and each.is_relation), None)
        there = field and self.admin_site._registry.get(field.related_model)  # type: ignore[arg-type]
        return _as_text(field) if field and there and not there.has_view_permission(request) else name


@cache
def _as_text(field: models.Field[Any, Any]) -> Callable[[models.Model], Any]:
    def text(row: models.Model) -> Any:
        return getattr(row, field.name) or "-"

    text.__name__ = field.name
    return admin.display(description=field.verbose_name)(text)


class CsvExport(LinksThatOpen):
    """A button above the list: the rows that its filters and its search leave, as CSV. A permission of its own."""

    csv_fields: tuple[str, ...]
    change_list_template = "admin/quickscale_credits/change_list.html"

    class Media:
        css: ClassVar = {"all": ["quickscale_credits/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export), name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """As for the list itself, filters that make no sense lead back to the list."""
        if not self.has_view_permission(request) or not request.user.has_perm(EXPORT):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"../?{ERROR_FLAG}=1")
        rows = shown.select_related(None).values_list(*self.csv_fields).iterator(chunk_size=2000)
        return csv_response(_with_header(self.csv_fields, rows), f"{self.opts.model_name}.csv")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        export = f"export/?{request.GET.urlencode()}" if request.user.has_perm(EXPORT) else ""
        return super().changelist_view(request, {**(extra_context or {}), "export_url": export})


class LedgerAdmin(ReadOnly, CsvExport):
    """Rows of an account, found by its owner, without counting all of them."""

    show_full_result_count = False
    list_per_page = 50
    list_select_related: ClassVar[tuple[str, ...]] = ("account__owner",)
    search_help_text = _("Owner, or number of the account")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=account__id", *owner_search_fields("account__owner")]


def _with_header(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield header
    for row in rows:
        yield tuple(cell.isoformat() if isinstance(cell, datetime) else cell for cell in row)
