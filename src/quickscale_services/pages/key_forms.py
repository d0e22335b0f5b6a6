"""The form by which an owner makes a key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_services import scopes
from quickscale_services.registry import registry

LIFETIMES = [("", _("Never")), (30, _("In 30 days")), (90, _("In 90 days")), (365, _("In a year"))]


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("To tell it from others: where it is used, for example."),
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), widget=forms.CheckboxSelectMultiple, initial=[scopes.RUN]
    )
    lifetime = forms.TypedChoiceField(
        label=_("Expires"), choices=LIFETIMES, coerce=int, empty_value=None, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["scopes"]
        field.choices = [(scope, scope_words(scope)) for scope in scopes.known()]

    def given(self) -> dict[str, Any]:
        """As `issue` takes it."""
        days: int | None = self.cleaned_data["lifetime"]
        return {
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "expires_at": None if days is None else timezone.now() + timedelta(days=days),
        }


def scope_words(scope: str) -> str:
    """What a scope allows, as people say it."""
    if scope == scopes.RUN:
        return str(_("Run every service"))
    if scope == scopes.READ_CREDITS:
        return str(_("Read balance and history"))
    name = scope.removeprefix(scopes.RUN_ONE)
    return str(_("Run “%s”") % registry.get(name, name))
