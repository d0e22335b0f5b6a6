"""The form by which staff pay back. Each use leaves a row and a line in the admin's log, with the reason."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quickscale_billing import refunds
from quickscale_billing.models import Payment, PlanSubscription, Refund
from quickscale_billing.money import exponent, major
from quickscale_billing.stripe import changing

PERMISSION = "quickscale_billing.refund_payment"


class RefundForm(forms.Form):
    """Money in the currency's own unit, such as 14.70. The token makes sending it twice the same as once."""

    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_digits=20)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("Stands in the books for good."))
    cancel = forms.BooleanField(
        label=_("Cancel the subscription now"), required=False, help_text=_("Otherwise the next period is charged.")
    )
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, payment: Payment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.payment = payment
        self.places = exponent(payment.currency)
        self.fields["amount"].initial = major(payment.refundable, payment.currency)
        if self.subscription is None:
            del self.fields["cancel"]

    @property
    def subscription(self) -> PlanSubscription | None:
        """The one that it paid for, if it lives."""
        found = self.payment.invoice.subscription if self.payment.invoice else None
        return found if found is not None and found.is_live else None

    def clean_amount(self) -> int:
        """In minor units."""
        minor: Decimal = self.cleaned_data["amount"] * 10**self.places
        if minor != minor.to_integral_value() or not 0 < minor <= self.payment.refundable:
            raise forms.ValidationError(
                _("Between the smallest unit of the currency and %(left)s."),
                params={"left": major(self.payment.refundable, self.payment.currency)},
            )
        return int(minor)

    def renew(self) -> None:
        """A token of its own for the next try, if the refund of this one has failed."""
        if Refund.objects.filter(token=self.cleaned_data["token"], status=Refund.Status.FAILED).exists():
            self.data = {**self.data, "token": str(uuid.uuid4())}

    def pay_back(self, actor: Any) -> Refund:
        """Raises what `refunds.refund` raises. The subscription is canceled first: paid back, it must not go on."""
        given = self.cleaned_data
        if given.get("cancel") and self.subscription is not None:
            changing.cancel_now(self.subscription.stripe_id)
        return refunds.refund_once(
            self.payment, amount=given["amount"], reason=given["reason"], actor=actor, token=given["token"]
        )
