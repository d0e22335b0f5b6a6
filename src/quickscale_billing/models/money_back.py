"""Money that went back, and the credits that were taken for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.facts import Fact
from quickscale_billing.models.payments import Payment
from quickscale_credits.fields import CreditField
from quickscale_credits.models import CreditAccount, Hold


class RefundQuerySet(models.QuerySet["Refund"]):
    def standing(self) -> Self:
        """Those whose money went back, is on its way, or was asked for."""
        return self.exclude(status__in=[Refund.Status.FAILED, Refund.Status.CANCELED])

    def requested(self) -> Self:
        """Asked for here, and not known to have reached Stripe."""
        return self.filter(status=Refund.Status.REQUESTED)


class Refund(models.Model):
    """Money paid back, by whoever: a row that we made before we asked Stripe, or one that was found there."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        PENDING = "pending", _("Pending")
        REQUIRES_ACTION = "requires_action", _("Waits for the payer")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    # Told to Stripe as metadata and in the idempotency key, so that one row is never paid out twice; None for a refund
    # that somebody else made there.
    token = models.UUIDField(null=True, unique=True, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    stripe_id = StripeIdField(_("refund at Stripe"), null=True, unique=True)
    amount = MinorUnitsField(_("amount"))
    currency = CurrencyField(_("currency"))
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.REQUESTED)
    reason = models.TextField(_("reason"), blank=True, default="")
    actor = models.CharField(_("actor"), max_length=255, blank=True, default="")
    problem = models.TextField(_("problem"), blank=True, default="")
    cancels = models.BooleanField(
        _("cancels the subscription"), default=False, help_text=_("At once, before the money is sent.")
    )
    part_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="parts",
        verbose_name=_("part of"),
        help_text=_("The first of the refunds that were asked for at once, of an invoice with several payments."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["created_at"], name="billing_refund_time")]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="billing_refund_amount_positive")]

    def __str__(self) -> str:
        return str(self.stripe_id or self.token)

    @property
    def is_standing(self) -> bool:
        return self.status not in {self.Status.FAILED, self.Status.CANCELED}


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> Self:
        """Those in which the bank has the money meanwhile; inquiries are none of them."""
        return self.filter(status__in=Payment.UNDER_DISPUTE)


class Dispute(models.Model):
    """A payer's bank looks into a payment, or only asks (an inquiry: its status begins with `warning_`)."""

    class Status(models.TextChoices):
        WARNING_NEEDS_RESPONSE = "warning_needs_response", _("Inquiry: needs a response")
        WARNING_UNDER_REVIEW = "warning_under_review", _("Inquiry: under review")
        WARNING_CLOSED = "warning_closed", _("Inquiry: closed")
        NEEDS_RESPONSE = "needs_response", _("Needs a response")
        UNDER_REVIEW = "under_review", _("Under review")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")
        PREVENTED = "prevented", _("Prevented")

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes", verbose_name=_("payment"))
    stripe_id = StripeIdField(_("dispute at Stripe"), unique=True)
    amount = MinorUnitsField(_("amount"))
    currency = CurrencyField(_("currency"))
    status = models.CharField(_("status"), max_length=32, choices=Status)
    reason = models.CharField(_("reason"), max_length=64, blank=True, default="")
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    evidence_due_at = models.DateTimeField(_("evidence due at"), null=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-opened_at", "-pk"]
        indexes = [models.Index(fields=["closed_at"], name="billing_dispute_end")]

    def __str__(self) -> str:
        return str(self.stripe_id)

    @property
    def is_open(self) -> bool:
        return self.status in Payment.UNDER_DISPUTE

    @property
    def is_inquiry(self) -> bool:
        return self.status.startswith("warning_")


class FrozenGrant(models.Model):
    """Credits that a dispute keeps from being spent until it is over: those that were free when it was heard of, and
    what of the same grant came back later, each in a hold of its own."""

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="frozen", verbose_name=_("dispute"))
    fact = models.ForeignKey(Fact, on_delete=models.PROTECT, related_name="frozen", verbose_name=_("given by"))
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="frozen_grant", verbose_name=_("hold"))

    class Meta:
        verbose_name = _("frozen grant")
        verbose_name_plural = _("frozen grants")

    def __str__(self) -> str:
        return str(self.hold)


class ClawbackQuerySet(models.QuerySet["Clawback"]):
    def outstanding(self) -> Self:
        """Where less could be taken than was wanted: the rest was spent or is held, and debt is not allowed."""
        return self.filter(taken__lt=F("wanted"))


class Clawback(models.Model):
    """What a fact gave and its money no longer pays for. Below zero, more is due than was given at the time."""

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="clawbacks", verbose_name=_("account")
    )
    fact = models.OneToOneField(Fact, on_delete=models.PROTECT, related_name="clawback", verbose_name=_("given by"))
    wanted = CreditField(_("wanted"), default=Decimal(0))
    taken = CreditField(_("taken"), default=Decimal(0))
    steps = models.PositiveIntegerField(_("steps"), default=0)
    # Of the last that was wanted; what is taken later, for what came back, is for the same.
    reason = models.CharField(_("reason"), max_length=16, default="refund", editable=False)

    objects = ClawbackQuerySet.as_manager()

    class Meta:
        verbose_name = _("clawback")
        verbose_name_plural = _("clawbacks")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.fact}: {self.taken} of {self.wanted}"
