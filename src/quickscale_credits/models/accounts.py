"""Who has credits, what they were given, and what they may spend."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from model_utils.models import TimeStampedModel

from quickscale_credits.conf import owner_model
from quickscale_credits.erasing import leave_account
from quickscale_credits.fields import CreditField, ExpiryField
from quickscale_credits.querysets import AccountQuerySet, GrantQuerySet

SAVED_BY_HOSTS = frozenset({"owner", "owner_id", "low_balance_threshold", "modified"})


class CreditType(models.TextChoices):
    SUBSCRIPTION = "subscription", _("Subscription")
    PROMOTIONAL = "promotional", _("Promotional")
    PAY_AS_YOU_GO = "pay_as_you_go", _("Pay as you go")


class CreditAccount(TimeStampedModel):
    """One owner's credits. An erased owner leaves the account without a name, and the ledger as it was.

    The columns are what was booked last; what has come due since, only `ledger.balance` counts.
    """

    owner = models.OneToOneField(
        owner_model(),
        on_delete=leave_account,
        null=True,
        blank=True,
        related_name="credit_account",
        verbose_name=_("owner"),
    )
    balance = CreditField(_("balance"), default=Decimal(0))
    held = CreditField(_("held"), default=Decimal(0))
    debt = CreditField(_("debt"), default=Decimal(0))
    low_balance_threshold = CreditField(
        _("low balance threshold"),
        null=True,
        blank=True,
        help_text=_("Below this, the owner is told. Empty: the threshold in the settings."),
    )
    sequence = models.BigIntegerField(default=0, editable=False)
    # The grant that pays next, or None when that is not known; a hint, checked each time it is used.
    head_grant_id = models.BigIntegerField(null=True, editable=False)
    # No grant or hold ends before this; what it names may have been spent meanwhile.
    next_expiry_at = models.DateTimeField(null=True, editable=False, db_index=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("credit account")
        verbose_name_plural = _("credit accounts")
        permissions = [
            ("adjust_credits", _("Can grant and adjust credits")),
            ("export_credits", _("Can export credits")),
            ("view_analytics", _("Can view analytics")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(debt__gte=0), name="credits_account_debt_not_negative"),
            models.CheckConstraint(condition=Q(held__gte=0), name="credits_account_held_not_negative"),
            models.CheckConstraint(
                condition=Q(balance__gte=F("held") - F("debt")), name="credits_account_spends_not_below_zero"
            ),
        ]

    def __str__(self) -> str:
        return str(self.owner) if self.owner_id is not None else f"#{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Of an existing account, only what is the host's to change: totals belong to the ledger, and may be stale."""
        if not self._state.adding:
            kwargs["update_fields"] = SAVED_BY_HOSTS & set(kwargs.get("update_fields") or SAVED_BY_HOSTS)
        super().save(*args, **kwargs)

    def expiring(self, within: timedelta = timedelta(days=7)) -> Decimal:
        """Free credits that expire within this time, unless they are spent before."""
        soon = self.grants.expiring(within).aggregate(sum=models.Sum("remaining"))["sum"]
        return soon or Decimal(0)


class CreditGrant(models.Model):
    """Credits given at once, with one type, priority and expiry."""

    class State(models.IntegerChoices):
        SPENT = 0, _("Nothing free")
        OPEN = 1, _("Open")
        EXPIRED = 2, _("Expired")
        REVOKED = 3, _("Revoked")

    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.PROTECT,
        related_name="grants",
        db_index=False,
        verbose_name=_("account"),
    )
    credit_type = models.CharField(_("type"), max_length=20, choices=CreditType)
    priority = models.PositiveSmallIntegerField(_("priority"))
    expires_at = ExpiryField(_("expires at"), default=None, blank=True)
    amount = CreditField(_("amount"))
    remaining = CreditField(_("remaining"), help_text=_("What is free: neither spent nor held."))
    held = CreditField(_("held"), default=Decimal(0))
    revoked = CreditField(_("revoked"), default=Decimal(0), help_text=_("Taken back, as credits or as debt."))
    expired = CreditField(_("expired"), default=Decimal(0))
    debt_paid = CreditField(_("debt paid"), default=Decimal(0))
    state = models.PositiveSmallIntegerField(_("state"), choices=State, default=State.OPEN)
    entry = models.ForeignKey(
        "LedgerEntry",
        on_delete=models.PROTECT,
        null=True,
        related_name="grants",
        verbose_name=_("entry"),
        help_text=_("The entry that gave these credits."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    seal = models.BigIntegerField(editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        indexes = [
            models.Index(
                fields=["account", "state", "priority", "expires_at", "id"],
                name="credits_grant_spending_order",
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_grant_amount_positive"),
            models.CheckConstraint(condition=Q(remaining__gte=0), name="credits_grant_remaining_not_negative"),
            models.CheckConstraint(condition=Q(held__gte=0), name="credits_grant_held_not_negative"),
            models.CheckConstraint(
                condition=Q(amount__gte=F("remaining") + F("held")), name="credits_grant_within_amount"
            ),
            models.CheckConstraint(
                condition=Q(revoked__gte=0, revoked__lte=F("amount")),
                name="credits_grant_revoked_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.get_credit_type_display()}"


class SpendingLimit(models.Model):
    """The most that may be spent from an account in a period, by one member or by everybody together."""

    class Period(models.TextChoices):
        DAY = "day", _("a day")
        WEEK = "week", _("a week")
        MONTH = "month", _("a month")
        TOTAL = "total", _("in all")

    account = models.ForeignKey(
        CreditAccount, on_delete=models.CASCADE, related_name="limits", verbose_name=_("account")
    )
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("member"),
        help_text=_("Empty: everybody together."),
    )
    amount = CreditField(_("amount"))
    period = models.CharField(_("period"), max_length=5, choices=Period)

    class Meta:
        verbose_name = _("spending limit")
        verbose_name_plural = _("spending limits")
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="credits_limit_not_negative")]

    def __str__(self) -> str:
        return f"{self.amount} {self.get_period_display()}"
