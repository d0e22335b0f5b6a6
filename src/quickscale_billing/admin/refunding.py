"""The form by which staff pay back. Each use leaves a row and a line in the admin's log, with the reason."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quickscale_billing import refunds
from quickscale_billing.models import Payment, PlanSubscription, Refund
from quickscale_billing.money import exponent, formatted, major

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

    def clean(self) -> dict[str, Any]:
        """The amount in minor units. A form that is sent again is right as it was, though less is left now."""
        given = self.cleaned_data
        known = Refund.objects.select_related("payment").filter(token=given.get("token")).first()
        if "amount" not in given or "token" not in given:
            return given
        minor = given["amount"] * 10**self.places
        if known is None:
            self._check(minor)
        elif known.payment_id != self.payment.pk:
            self.add_error(None, _("This form was sent for another payment already. Open it anew."))
        elif known.amount != minor:
            sent = formatted(known.amount, known.currency)
            message = _("With this form %(sent)s were asked for already. Open it anew to pay back more.")
            self.add_error("amount", forms.ValidationError(message, params={"sent": sent}))
        return given | {"amount": int(minor)}

    def _check(self, minor: Decimal) -> None:
        if minor != minor.to_integral_value() or not 0 < minor <= self.payment.refundable:
            left = major(self.payment.refundable, self.payment.currency)
            message = _("Between the smallest unit of the currency and %(left)s.")
            self.add_error("amount", forms.ValidationError(message, params={"left": left}))

    def renew(self) -> None:
        """A token of its own for the next try, if the refund of this one has failed."""
        if Refund.objects.filter(token=self.cleaned_data["token"], status=Refund.Status.FAILED).exists():
            self.data = {**self.data, "token": str(uuid.uuid4())}

    def request(self, actor: Any) -> tuple[Refund, bool]:
        """The row that is to be sent, and whether it is new. Raises what `refunds.requested` raises."""
        given = self.cleaned_data
        return refunds.requested(
            self.payment,
            amount=given["amount"],
            reason=given["reason"],
            actor=actor,
            token=given["token"],
            cancels=bool(given.get("cancel")),
        )
