"""The ledger itself: rows that are written once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.exceptions import AppendOnly
from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models.accounts import CreditAccount, CreditGrant
from quickscale_credits.querysets import AppendOnlyQuerySet


class AppendOnlyModel(models.Model):
    """Rows that are written once. The database's triggers say so too."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"A {self._meta.verbose_name} is never changed: book a correction instead.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"A {self._meta.verbose_name} is never deleted: book a correction instead.")


class LedgerEntry(AppendOnlyModel):
    """One line of an account's ledger.

    `amount` is signed. It equals what the grants gave or got (`grant` alone, or the allocations) less `debt`.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", _("Grant")
        SPEND = "spend", _("Spend")
        REVERSAL = "reversal", _("Reversal")
        REVOCATION = "revocation", _("Revocation")
        ADJUSTMENT = "adjustment", _("Adjustment")
        TRANSFER_IN = "transfer_in", _("Transfer in")
        TRANSFER_OUT = "transfer_out", _("Transfer out")
        EXPIRY = "expiry", _("Expiry")

    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,
        verbose_name=_("account"),
    )
    sequence = models.BigIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    amount = CreditField(_("amount"))
    balance_after = CreditField(_("balance after"))
    debt = CreditField(_("debt"), default=Decimal(0), help_text=_("What no grant could pay: the debt this made."))
    grant = models.ForeignKey(
        CreditGrant,
        on_delete=models.PROTECT,
        null=True,
        related_name="entries",
        db_index=False,
        verbose_name=_("grant"),
        help_text=_("The one grant that gave or got; empty when there are several, see the allocations."),
    )
    origin = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="followers",
        db_index=False,
        verbose_name=_("origin"),
        help_text=_("The entry that a reversal reverses, or that a transfer in came from."),
    )
    reason = models.CharField(_("reason"), max_length=64)
    reference = models.CharField(_("reference"), max_length=255, default="", blank=True)
    idempotency_key = ExactCharField(_("idempotency key"), max_length=255, null=True)
    fingerprint = models.BigIntegerField(null=True, editable=False)
    actor = models.CharField(_("actor"), max_length=255, default="", blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    seal = models.BigIntegerField(editable=False)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["account_id", "sequence"]
        indexes = [models.Index(fields=["origin"], name="credits_entry_origin", condition=Q(origin__isnull=False))]
        constraints = [
            models.UniqueConstraint(fields=["account", "sequence"], name="credits_entry_sequence"),
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="credits_entry_idempotency_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, kind__in=["grant", "reversal", "transfer_in", "adjustment"])
                | Q(amount__lt=0, kind__in=["spend", "revocation", "transfer_out", "expiry", "adjustment"]),
                name="credits_entry_sign_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}. {self.get_kind_display()} {self.amount:+}"


class Allocation(AppendOnlyModel):
    """Which grant paid, or got, which part of an entry; only where an entry touches several."""

    entry = models.ForeignKey(
        LedgerEntry,
        on_delete=models.PROTECT,
        related_name="allocations",
        db_index=False,
        verbose_name=_("entry"),
    )
    grant = models.ForeignKey(
        CreditGrant, on_delete=models.PROTECT, related_name="allocations", verbose_name=_("grant")
    )
    amount = CreditField(_("amount"), help_text=_("Above zero; the entry says in which direction."))

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [
            models.UniqueConstraint(fields=["entry", "grant"], name="credits_allocation_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_allocation_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
