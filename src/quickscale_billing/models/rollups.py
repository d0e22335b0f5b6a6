"""Sales added up, for reports: filled by `rollup_usage`. Days are those of the reporting zone, money in minor units."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField
from quickscale_billing.models.payments import Payment
from quickscale_billing.models.subscriptions import PlanSubscription
from quickscale_credits.models import CreditAccount


class Sums(models.Model):
    """What `gross`, `refunded` and `disputed` have in common is that no tax is in them.

    `payments` counts each payment once, whatever it was for; `sales` counts it with each product that it was for.
    `tax` is below zero where more went back than came in.
    """

    NUMBERS = ("payments", "sales", "gross", "refunded", "disputed", "tax")

    day = models.DateField(_("day"))
    currency = CurrencyField(_("currency"))
    product = models.CharField(_("product"), max_length=32, blank=True)
    payments = models.BigIntegerField(_("payments"))
    sales = models.BigIntegerField(_("sales"))
    gross = models.BigIntegerField(_("gross"))
    refunded = models.BigIntegerField(_("refunded"))
    disputed = models.BigIntegerField(_("lost in disputes"))
    tax = models.BigIntegerField(_("tax"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.day} {self.product} {self.gross} {self.currency}"


class SalesRollup(Sums):
    """A day's sales and what went back in it, by currency and product."""

    class Meta:
        verbose_name = _("sales rollup")
        verbose_name_plural = _("sales rollups")
        constraints = [models.UniqueConstraint(fields=["day", "currency", "product"], name="billing_sales_rollup_once")]


class CountedSale(Sums):
    """What the rollups have of a payment: once it changes, this is taken out of them and it is counted anew."""

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="+", verbose_name=_("payment"))

    class Meta:
        verbose_name = _("counted sale")
        verbose_name_plural = _("counted sales")


class ValueChange(models.Model):
    """When the monthly value of a subscription changed, by how much, and whether paid time began then.

    `is_open` is the end of what is paid of a subscription that has not ended: it counts from `at` on, unless its
    renewal is being collected then.
    """

    subscription = models.ForeignKey(
        PlanSubscription, on_delete=models.CASCADE, related_name="+", verbose_name=_("subscription")
    )
    # Without a constraint, whose check waits for who has the account locked, and who may wait for the segments.
    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("account"),
    )
    currency = CurrencyField(_("currency"))
    at = models.DateTimeField(_("at"))
    change = models.BigIntegerField(_("change"))
    begins = models.BooleanField(_("begins"), default=False)
    is_open = models.BooleanField(_("open"), default=False)

    class Meta:
        verbose_name = _("change of value")
        verbose_name_plural = _("changes of value")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} {self.change:+} {self.currency}"
