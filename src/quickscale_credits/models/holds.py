"""Credits that are set aside."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models.accounts import CreditAccount, CreditGrant
from quickscale_credits.models.entries import LedgerEntry
from quickscale_credits.querysets import HoldQuerySet


class Hold(models.Model):
    """Credits set aside for work that is under way, or a frozen grant, which has no `expires_at`.

    The status is what was booked last: a hold whose time is over reads open until the account is written next.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CAPTURED = "captured", _("Captured")
        RELEASED = "released", _("Released")
        EXPIRED = "expired", _("Expired")

    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.PROTECT,
        related_name="holds",
        db_index=False,
        verbose_name=_("account"),
    )
    amount = CreditField(_("amount"))
    captured = CreditField(_("captured"), default=Decimal(0))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    grant = models.ForeignKey(
        CreditGrant,
        on_delete=models.PROTECT,
        null=True,
        related_name="holds",
        verbose_name=_("grant"),
        help_text=_("The one grant that is held; empty when there are several, see the allocations."),
    )
    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, null=True, related_name="hold", verbose_name=_("entry")
    )
    reason = models.CharField(_("reason"), max_length=64)
    reference = models.CharField(_("reference"), max_length=255, default="", blank=True)
    idempotency_key = ExactCharField(_("idempotency key"), max_length=255, null=True)
    fingerprint = models.BigIntegerField(null=True, editable=False)
    actor = models.CharField(_("actor"), max_length=255, default="", blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    seal = models.BigIntegerField(editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        indexes = [models.Index(fields=["account", "status", "expires_at"], name="credits_hold_ending")]
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="credits_hold_idempotency_key"),
            models.CheckConstraint(
                condition=Q(captured__gte=0, captured__lte=F("amount")),
                name="credits_hold_captured_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(status="captured", captured__gt=0, entry__isnull=False)
                | (Q(captured=0, entry__isnull=True) & ~Q(status="captured")),
                name="credits_hold_captured_has_entry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.get_status_display()}"

    @property
    def is_freeze(self) -> bool:
        return self.expires_at is None


class HoldAllocation(models.Model):
    """Which grant holds which part of a hold; only where a hold touches several."""

    hold = models.ForeignKey(
        Hold, on_delete=models.PROTECT, related_name="allocations", db_index=False, verbose_name=_("hold")
    )
    grant = models.ForeignKey(
        CreditGrant, on_delete=models.PROTECT, related_name="hold_allocations", verbose_name=_("grant")
    )
    amount = CreditField(_("amount"))

    class Meta:
        verbose_name = _("hold allocation")
        verbose_name_plural = _("hold allocations")
        constraints = [
            models.UniqueConstraint(fields=["hold", "grant"], name="credits_hold_allocation_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_hold_allocation_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
