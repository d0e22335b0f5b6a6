"""Packs that were paid."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.catalog import CreditPack
from quickscale_billing.models.checkouts import CheckoutSession
from quickscale_billing.models.payments import Payment
from quickscale_credits.fields import CreditField
from quickscale_credits.models import CreditAccount, LedgerEntry


class Purchase(models.Model):
    """A pack that was paid. Its money is as Stripe counted it on the day of the sale."""

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="purchases", verbose_name=_("account")
    )
    pack = models.ForeignKey(CreditPack, on_delete=models.PROTECT, related_name="purchases", verbose_name=_("pack"))
    checkout = models.ForeignKey(
        CheckoutSession, on_delete=models.PROTECT, null=True, related_name="purchases", verbose_name=_("checkout")
    )
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    credits = CreditField(_("credits"), help_text=_("Of each pack."))
    bonus_credits = CreditField(_("bonus credits"), default=Decimal(0), help_text=_("Once, whatever the quantity."))
    amount = MinorUnitsField(_("paid"), help_text=_("With tax and after discounts."))
    tax = MinorUnitsField(_("tax"), default=0)
    discount = MinorUnitsField(_("discount"), default=0)
    currency = CurrencyField(_("currency"))
    stripe_session_id = StripeIdField(_("session at Stripe"), null=True, help_text=_("None of a top-up."))
    stripe_line_id = StripeIdField(_("line of the session or invoice"), unique=True)
    stripe_customer_id = StripeIdField(_("customer at Stripe"), null=True)
    stripe_payment_intent_id = StripeIdField(_("payment at Stripe"), null=True, db_index=True)
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, related_name="purchases", verbose_name=_("payment")
    )
    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, related_name="purchase", verbose_name=_("entry")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="billing_purchase_quantity_positive"),
            models.CheckConstraint(condition=Q(credits__gt=0), name="billing_purchase_credits_positive"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, tax__gte=0, discount__gte=0), name="billing_purchase_money_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.pack}"
