"""Entries added up by day, for reports."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_credits.models.accounts import CreditType
from quickscale_credits.models.entries import LedgerEntry


class UsageRollup(models.Model):
    """A day's entries added up, without accounts; filled by `rollup_usage`, never by a verb."""

    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=12, choices=LedgerEntry.Kind)
    credit_type = models.CharField(_("type"), max_length=20, choices=CreditType, blank=True)
    reason = models.CharField(_("reason"), max_length=64)
    count = models.BigIntegerField(_("count"))
    amount = CreditField(_("amount"))

    class Meta:
        verbose_name = _("usage rollup")
        verbose_name_plural = _("usage rollups")
        constraints = [
            models.UniqueConstraint(fields=["day", "kind", "credit_type", "reason"], name="credits_rollup_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()} {self.amount}"


class RollupWatermark(models.Model):
    """The last entry that a rollup has counted."""

    name = models.CharField(max_length=64, unique=True)
    entry_id = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("rollup watermark")
        verbose_name_plural = _("rollup watermarks")

    def __str__(self) -> str:
        return f"{self.name}: {self.entry_id}"
