"""A visit to Stripe's payment page."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.catalog import CreditPack, Interval, Plan, PlanPrice
from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models import CreditAccount


class CheckoutQuerySet(models.QuerySet["CheckoutSession"]):
    def open(self) -> Self:
        return self.filter(status=self.model.Status.OPEN)


class CheckoutSession(models.Model):
    """What was put before the payer. Written before Stripe is asked; for a pack it freezes the terms of the sale."""

    class Mode(models.TextChoices):
        PAYMENT = "payment", _("Payment")
        SUBSCRIPTION = "subscription", _("Subscription")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        COMPLETE = "complete", _("Complete")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="checkouts", verbose_name=_("account")
    )
    stripe_id = StripeIdField(_("session at Stripe"), null=True, unique=True)
    url = models.TextField(_("address"), blank=True, default="")
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    pack = models.ForeignKey(
        CreditPack, on_delete=models.PROTECT, null=True, related_name="checkouts", verbose_name=_("pack")
    )
    plan_price = models.ForeignKey(
        PlanPrice, on_delete=models.PROTECT, null=True, related_name="checkouts", verbose_name=_("plan price")
    )
    stripe_price_id = StripeIdField(_("price at Stripe"))
    interval = models.CharField(_("interval"), max_length=5, choices=Interval, blank=True, default="")
    amount = MinorUnitsField(_("amount"), help_text=_("Before discounts and tax."))
    currency = CurrencyField(_("currency"))
    credits = CreditField(_("credits"), default=Decimal(0), help_text=_("Of a pack; a plan's are frozen when paid."))
    bonus_credits = CreditField(_("bonus credits"), default=Decimal(0))
    success_url = models.TextField(_("address after success"))
    cancel_url = models.TextField(_("address after cancelation"))
    idempotency_key = ExactCharField(_("idempotency key"), max_length=255, null=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    objects = CheckoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("checkout session")
        verbose_name_plural = _("checkout sessions")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["account", "status"], name="billing_checkout_open")]
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="billing_checkout_idempotency_key"),
            models.CheckConstraint(
                condition=Q(pack__isnull=True, plan_price__isnull=False)
                | Q(pack__isnull=False, plan_price__isnull=True),
                name="billing_checkout_pack_or_plan",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id or str(self.pk)

    @property
    def mode(self) -> Mode:
        return self.Mode.PAYMENT if self.plan_price_id is None else self.Mode.SUBSCRIPTION

    @property
    def item(self) -> CreditPack | Plan:
        """What is bought."""
        bought = self.pack if self.plan_price is None else self.plan_price.plan
        assert bought is not None, "a constraint says so"  # noqa: S101
        return bought

    @property
    def given(self) -> Decimal:
        """The credits that came of it, as far as it sold packs."""
        entries = [purchase.entry.amount for purchase in self.purchases.select_related("entry")]
        return sum(entries, Decimal(0))

    @property
    def request(self) -> tuple[object, ...]:
        """What an idempotency key stands for."""
        return (self.item, self.interval, self.currency, self.success_url, self.cancel_url)
