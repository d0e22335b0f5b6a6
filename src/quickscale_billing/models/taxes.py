"""Which taxes are in a payment."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import MinorUnitsField, StripeIdField
from quickscale_billing.models.payments import Payment


class PaymentTax(models.Model):
    """All that one rate of tax came to in a payment, as Stripe counted it. As a string, what a receipt calls it.

    `amount` is below zero where more time at this rate was credited back than was charged.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="taxes", verbose_name=_("payment"))
    position = models.PositiveSmallIntegerField(_("position"))
    name = models.CharField(
        _("name"), max_length=100, blank=True, default="", help_text=_("Empty where Stripe did not tell it.")
    )
    percentage = models.DecimalField(
        _("percentage"), max_digits=9, decimal_places=4, null=True, help_text=_("None where it is unknown.")
    )
    amount = MinorUnitsField(_("amount"))
    is_included = models.BooleanField(_("included"), help_text=_("The price was told with this tax."))
    stripe_tax_rate_id = StripeIdField(_("tax rate at Stripe"), null=True)

    class Meta:
        verbose_name = _("tax of a payment")
        verbose_name_plural = _("taxes of payments")
        ordering = ["payment", "position"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "position"], name="billing_payment_tax_position"),
            models.CheckConstraint(condition=~Q(amount=0), name="billing_payment_tax_is_something"),
        ]

    def __str__(self) -> str:
        words = self.name or gettext("Tax")
        if self.percentage is not None:
            shown = number_format(f"{self.percentage.normalize():f}")
            words = gettext("%(tax)s %(percentage)s %%") % {"tax": words, "percentage": shown}
        return gettext("%(tax)s (included)") % {"tax": words} if self.is_included else words
