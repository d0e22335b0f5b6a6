"""Campaigns that give credits for a code."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from model_utils.models import TimeStampedModel

from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models.accounts import CreditAccount, CreditType
from quickscale_credits.models.entries import LedgerEntry

LONGEST = timedelta(days=36_500)


class RedeemCode(TimeStampedModel):
    """A campaign: whoever knows the code gets the credits, as long as its window and its budget last."""

    code = ExactCharField(_("code"), max_length=64, unique=True, help_text=_("Upper and lower case are the same."))
    amount = CreditField(_("amount"))
    credit_type = models.CharField(_("type"), max_length=20, choices=CreditType, default=CreditType.PROMOTIONAL)
    expires_in = models.DurationField(
        _("expires in"), null=True, blank=True, help_text=_("How long the credits last. Empty: for ever.")
    )
    budget = CreditField(_("budget"), null=True, blank=True, help_text=_("Credits given in all. Empty: without end."))
    redeemed = CreditField(_("redeemed"), default=Decimal(0), editable=False)
    uses_per_owner = models.PositiveIntegerField(_("uses per owner"), default=1)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("redeem code")
        verbose_name_plural = _("redeem codes")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_code_amount_positive"),
            models.CheckConstraint(
                condition=Q(expires_in__isnull=True) | Q(expires_in__gt=timedelta(0), expires_in__lte=LONGEST),
                name="credits_code_expires_within_a_century",
            ),
            models.CheckConstraint(
                condition=Q(redeemed__gte=0) & (Q(budget__isnull=True) | Q(redeemed__lte=F("budget"))),
                name="credits_code_within_budget",
            ),
        ]

    def __str__(self) -> str:
        return str(self.code)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.code = self.normalized(self.code)
        super().save(*args, **kwargs)

    @staticmethod
    def normalized(code: str) -> str:
        return str(code).strip().upper()


class Redemption(models.Model):
    """One use of a code."""

    code = models.ForeignKey(RedeemCode, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("code"))
    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, related_name="redemption", verbose_name=_("entry")
    )
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("account")
    )

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")

    def __str__(self) -> str:
        return f"{self.code}"
