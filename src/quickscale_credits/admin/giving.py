"""The form by which staff grant and adjust credits. Each use is a row of the ledger and of the admin's log."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, CreditType, LedgerEntry

PERMISSION = "quickscale_credits.adjust_credits"


class GiveForm(forms.Form):
    """A grant, or a correction that may be negative. The token makes sending it twice the same as once."""

    amount = forms.DecimalField(
        label=_("Amount"),
        max_digits=18,
        decimal_places=6,
        help_text=_("Credits. Below zero takes them back, as far as they are available."),
    )
    credit_type = forms.ChoiceField(label=_("Type"), choices=CreditType.choices, initial=CreditType.PROMOTIONAL)
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        help_text=_("Until the end of this day, in UTC. Empty: for ever."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("Stands in the ledger for good."))
    token = forms.CharField(widget=forms.HiddenInput, max_length=36, initial=uuid.uuid4)

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError(_("Zero credits change nothing."))
        return amount

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if not slugify(reason):
            raise forms.ValidationError(_("Give a reason in words."))
        return reason

    def clean_last_day(self) -> Any:
        day = self.cleaned_data["last_day"]
        if day is not None and _end_of(day) <= timezone.now():
            raise forms.ValidationError(_("This day is over."))
        return day

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("last_day") and given.get("amount", 1) < 0:
            raise forms.ValidationError(_("What is taken back has no last day."))
        return given

    def give(self, account: CreditAccount, actor: AbstractBaseUser | AnonymousUser) -> LedgerEntry:
        """A grant where it expires, else an adjustment. Raises what the ledger raises."""
        given = self.cleaned_data
        common = {
            "credit_type": given["credit_type"],
            "reason": slugify(given["reason"])[:64],
            "metadata": {"reason": given["reason"]},
            "actor": actor,
            "idempotency_key": f"admin:{given['token']}",
        }
        if given["last_day"] is None:
            return ledger.adjust(account, given["amount"], **common)
        return ledger.grant(account, given["amount"], expires_at=_end_of(given["last_day"]), **common)


def _end_of(day: Any) -> datetime:
    return datetime.combine(day, time.min, UTC) + timedelta(days=1)
