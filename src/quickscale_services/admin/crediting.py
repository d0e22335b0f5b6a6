"""The form by which staff give back what a run cost, or something for the trouble. Once per run, with a reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import LedgerEntry
from quickscale_services.crediting import credit_back
from quickscale_services.models import ServiceRun

PERMISSION = "quickscale_services.credit_back_run"


class CreditBackForm(forms.Form):
    amount = forms.DecimalField(label=_("Credits"), max_digits=18, decimal_places=6)
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Stands in the ledger for good, where the owner may see it.")
    )

    def __init__(self, run: ServiceRun, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        amount = self.fields["amount"]
        if run.entry is None:
            amount.help_text = _("Nothing was charged: this is a gift, in promotional credits.")
        else:
            amount.initial = run.cost
            amount.help_text = _("At most what was charged. They go back where they came from.")

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError(_("Give more than zero."))
        return amount

    def give(self, actor: Any) -> LedgerEntry | None:
        """None if it was refused; the form then says why."""
        given = self.cleaned_data
        try:
            return credit_back(self.run, given["amount"], reason=given["reason"], actor=actor)
        except (CreditsError, ValueError) as error:
            self.add_error(None, str(error))
            return None
