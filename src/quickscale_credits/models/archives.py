"""What is left of archived entries: a row for each stretch of them, so that numbers and balances still chain."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_credits.models.accounts import CreditAccount, CreditGrant
from quickscale_credits.models.entries import AppendOnlyModel, LedgerEntry
from quickscale_credits.querysets import ArchiveQuerySet


class ArchivedEntries(AppendOnlyModel):
    """Consecutive entries of an account that are in a file. The triggers let none go that no such row covers."""

    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.PROTECT,
        related_name="archives",
        db_index=False,
        verbose_name=_("account"),
    )
    first_sequence = models.BigIntegerField(_("first sequence"))
    last_sequence = models.BigIntegerField(_("last sequence"))
    balance_before = CreditField(_("balance before"))
    balance_after = CreditField(_("balance after"))
    since = models.DateTimeField(_("since"), help_text=_("When the earliest of these entries was booked."))
    until = models.DateTimeField(_("until"), help_text=_("When the latest of these entries was booked."))
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of their lines in the file, in order."))
    archived_at = models.DateTimeField(_("archived at"), default=timezone.now)
    seal = models.BigIntegerField(editable=False)

    objects: ClassVar = ArchiveQuerySet.as_manager()

    class Meta:
        verbose_name = _("archived entries")
        verbose_name_plural = _("archived entries")
        constraints = [
            models.UniqueConstraint(fields=["account", "first_sequence"], name="credits_archive_once"),
            models.CheckConstraint(
                condition=Q(last_sequence__gte=F("first_sequence")), name="credits_archive_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_sequence}-{self.last_sequence}"

    @property
    def sequence(self) -> int:
        """Where it stands among the entries."""
        return self.first_sequence


class ArchivedSum(AppendOnlyModel):
    """What archived entries took from a grant in a day, by kind, reason and actor. Days are those of the reports."""

    archive = models.ForeignKey(
        ArchivedEntries, on_delete=models.PROTECT, related_name="sums", verbose_name=_("archived entries")
    )
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=12, choices=LedgerEntry.Kind)
    grant = models.ForeignKey(
        CreditGrant, on_delete=models.PROTECT, related_name="archived_sums", db_index=False, verbose_name=_("grant")
    )
    reason = models.CharField(_("reason"), max_length=64)
    actor = models.CharField(_("actor"), max_length=255, default="", blank=True)
    entries = models.BigIntegerField(_("entries"), help_text=_("Each counts once, at the first grant that paid it."))
    parts = models.BigIntegerField(_("parts"), help_text=_("Each entry counts once for each grant that paid it."))
    amount = CreditField(_("amount"), help_text=_("Below zero, as that of the entries."))

    class Meta:
        verbose_name = _("archived sum")
        verbose_name_plural = _("archived sums")
        constraints = [models.CheckConstraint(condition=Q(amount__lt=0), name="credits_archived_sum_negative")]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()} {self.amount}"
