"""Rate cards: to read, and to make a new version of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_credits.admin.base import NamedTimes
from quickscale_services.models import RateCard

if TYPE_CHECKING:  # generic to the type checker alone
    ModelForm = forms.ModelForm[RateCard]
else:
    from django.forms import ModelForm

PRICES = ("input", "cached", "cache_write", "cache_write_1h", "reasoning", "output", "margin")


class RateCardForm(ModelForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        current = RateCard.objects.in_force().filter(model=cleaned.get("model", "")).first()
        begins = cleaned.get("valid_from")
        if current and begins and begins < current.valid_from:
            message = gettext("It would never be used: %(card)s holds since %(since)s.")
            self.add_error("valid_from", message % {"card": current, "since": _moment(current.valid_from)})
        return cleaned


def _moment(when: datetime) -> str:
    return date_format(timezone.localtime(when), "SHORT_DATETIME_FORMAT")


@admin.register(RateCard)
class RateCardAdmin(NamedTimes):
    form = RateCardForm
    list_display = ("model", "version", *PRICES, "valid_from", "note", "next_version")
    list_filter = ("model", "valid_from")
    search_fields = ("model", "note")
    fields = ("model", *PRICES, "valid_from", "note")
    list_per_page = 50

    @admin.display(description="")
    def next_version(self, card: RateCard) -> SafeString:
        """The form for a new card, filled in with what this one says."""
        said = {name: getattr(card, name) for name in ("model", *PRICES, "note")}
        known = urlencode({name: value for name, value in said.items() if value is not None})
        address = reverse("admin:quickscale_services_ratecard_add")
        return format_html('<a href="{}?{}">{}</a>', address, known, _("New version"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
