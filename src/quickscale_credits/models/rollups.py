"""Entries added up, for reports: filled by `rollup_usage`, never by a verb. Days are those of the reporting zone."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_credits.models.accounts import CreditAccount, CreditType
from quickscale_credits.models.entries import LedgerEntry


class UsageRollup(models.Model):
    """A day's entries added up, without accounts. An entry of several grants counts once for each of them."""

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


class AccountRollup(models.Model):
    """What an account has spent in a day, or in a month: a year of months is read where days would be too many."""

    class Span(models.TextChoices):
        DAY = "day", _("Day")
        MONTH = "month", _("Month")

    account = models.ForeignKey(
        CreditAccount, on_delete=models.CASCADE, related_name="rollups", db_index=False, verbose_name=_("account")
    )
    span = models.CharField(_("span"), max_length=5, choices=Span)
    start = models.DateField(_("start"))
    spends = models.BigIntegerField(_("spends"))
    spent = CreditField(_("spent"))

    class Meta:
        verbose_name = _("account rollup")
        verbose_name_plural = _("account rollups")
        constraints = [models.UniqueConstraint(fields=["span", "start", "account"], name="credits_account_rollup_once")]

    def __str__(self) -> str:
        return f"{self.start} {self.spent}"


class RollupProgress(models.Model):
    """Up to which sequence an account's entries are counted; up to `target` when what is under way is done.

    Sequences become visible in order, since whoever writes one has the account locked: no entry comes in between.
    """

    account = models.OneToOneField(
        CreditAccount, on_delete=models.CASCADE, primary_key=True, related_name="rollup_progress"
    )
    sequence = models.BigIntegerField(default=0)
    target = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("rollup progress")
        verbose_name_plural = _("rollup progress")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.sequence}"


class RollupWatermark(models.Model):
    """The time zone whose days a rollup has, and the first that it has not closed; locked while it is filled."""

    name = models.CharField(max_length=64, unique=True)
    time_zone = models.CharField(max_length=64)
    closed_until = models.DateField(null=True)

    class Meta:
        verbose_name = _("rollup watermark")
        verbose_name_plural = _("rollup watermarks")

    def __str__(self) -> str:
        return f"{self.name}: {self.time_zone}"
