"""What Stripe billed, and the money that arrived."""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.subscriptions import PlanSubscription
from quickscale_credits.models import CreditAccount


class Invoice(models.Model):
    """An invoice as Stripe told it last; drafts are none yet. Money in minor units, as Stripe counted it."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        PAID = "paid", _("Paid")
        UNCOLLECTIBLE = "uncollectible", _("Uncollectible")
        VOID = "void", _("Void")

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="invoices", verbose_name=_("account")
    )
    subscription = models.ForeignKey(
        PlanSubscription, on_delete=models.PROTECT, null=True, related_name="invoices", verbose_name=_("subscription")
    )
    stripe_id = StripeIdField(_("invoice at Stripe"), unique=True)
    number = models.CharField(_("number"), max_length=64, blank=True, default="")
    status = models.CharField(_("status"), max_length=16, choices=Status)
    reason = models.CharField(_("billing reason"), max_length=64, blank=True, default="")
    currency = CurrencyField(_("currency"))
    subtotal = MinorUnitsField(_("subtotal"), default=0, help_text=_("Before discounts and tax."))
    discount = MinorUnitsField(_("discount"), default=0)
    tax = MinorUnitsField(_("tax"), default=0)
    total = MinorUnitsField(_("total"), default=0, help_text=_("Below zero where Stripe credits money."))
    amount_paid = MinorUnitsField(_("paid"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("To collect it."))
    hosted_url = models.TextField(_("page at Stripe"), blank=True, default="")
    pdf_url = models.TextField(_("PDF at Stripe"), blank=True, default="")
    created_at = models.DateTimeField(_("created at"))
    due_at = models.DateTimeField(_("due at"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    # When the retrieval began that is written here: an older answer never overwrites a newer one.
    retrieved_at = models.DateTimeField(_("retrieved at"), null=True)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="billing_invoice_history"),
            models.Index(fields=["created_at", "attempts", "status"], name="billing_invoice_attempts"),
        ]

    def __str__(self) -> str:
        return self.number or str(self.stripe_id)


class PaymentQuerySet(models.QuerySet["Payment"]):
    def disputed(self) -> Self:
        """Those that a bank looks into now, which has their money meanwhile."""
        return self.filter(disputes__status__in=Payment.UNDER_DISPUTE).distinct()

    def count_anew(self) -> None:
        """So that reports see what changes: before anything is written that tells what they were for or what went back,
        in the same transaction. It locks them."""
        self.update(is_counted=False)


class Payment(models.Model):
    """Money that arrived at once, for a session's packs or an invoice; or a sale that a discount made free.

    `amount` is what was charged, with tax and after discounts; `refunded` and `disputed` are what went back of it, by
    refunds that have not failed and by disputes that were lost.
    """

    UNDER_DISPUTE = ("needs_response", "under_review")

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="payments", verbose_name=_("account")
    )
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, related_name="payments", verbose_name=_("invoice")
    )
    stripe_payment_intent_id = StripeIdField(_("payment at Stripe"), null=True, unique=True)
    stripe_session_id = StripeIdField(_("session at Stripe"), null=True, unique=True)
    stripe_charge_id = StripeIdField(_("charge at Stripe"), null=True, db_index=True)
    amount = MinorUnitsField(_("amount"))
    tax = MinorUnitsField(_("tax"), default=0)
    discount = MinorUnitsField(_("discount"), default=0)
    currency = CurrencyField(_("currency"))
    refunded = MinorUnitsField(_("refunded"), default=0)
    disputed = MinorUnitsField(_("lost in disputes"), default=0)
    paid_at = models.DateTimeField(_("paid at"), default=timezone.now, db_index=True)
    # By `rollup_usage`, as it is now; reports read the others as they are.
    is_counted = models.BooleanField(default=False, editable=False)
    # When the retrieval began that is written here: an older answer never overwrites a newer one.
    retrieved_at = models.DateTimeField(_("retrieved at"), null=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-paid_at", "-pk"]
        permissions = [("refund_payment", _("Can refund payments"))]
        indexes = [
            models.Index(fields=["account", "-paid_at"], name="billing_payment_history"),
            models.Index(fields=["id"], condition=Q(is_counted=False), name="billing_payment_uncounted"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, tax__gte=0, discount__gte=0, refunded__gte=0, disputed__gte=0),
                name="billing_payment_money_not_negative",
            ),
            models.CheckConstraint(condition=Q(refunded__lte=F("amount")), name="billing_payment_refunded_within"),
        ]

    def __str__(self) -> str:
        return str(self.stripe_payment_intent_id or self.stripe_session_id or self.pk)

    @property
    def gone(self) -> int:
        """What went back of it, in minor units: never more than was paid, though a refund was disputed too."""
        gone: int = min(self.amount, self.refunded + self.disputed)
        return gone

    @property
    def kept(self) -> Fraction:
        """The share of the money that is still ours."""
        return Fraction(self.amount - self.gone, self.amount) if self.amount else Fraction(1)

    @property
    def refundable(self) -> int:
        return int(self.amount) - self.gone
