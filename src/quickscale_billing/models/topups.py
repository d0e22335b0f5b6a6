"""Packs that are bought by themselves when credits run low: what the owner agreed to, and each attempt."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.catalog import CreditPack
from quickscale_billing.models.purchases import Purchase
from quickscale_credits.fields import CreditField
from quickscale_credits.models import CreditAccount


class PackTerms(models.Model):
    """A pack as it was when somebody agreed to buy it."""

    pack = models.ForeignKey(CreditPack, on_delete=models.PROTECT, related_name="+", verbose_name=_("pack"))
    credits = CreditField(_("credits"))
    bonus_credits = CreditField(_("bonus credits"), default=Decimal(0))
    currency = CurrencyField(_("currency"))

    class Meta:
        abstract = True

    @property
    def given(self) -> Decimal:
        """What is given when it is paid."""
        given: Decimal = self.credits + self.bonus_credits
        return given


class AutoTopUpQuerySet(models.QuerySet["AutoTopUp"]):
    def on(self) -> Self:
        return self.filter(state=AutoTopUp.State.ON)

    def ready(self) -> Self:
        """Those that would buy now, were the balance low: none is under way, and none is put off."""
        is_time = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=timezone.now())
        under_way = TopUp.objects.pending().filter(account=models.OuterRef("account"))
        return self.on().filter(is_time).exclude(models.Exists(under_way))

    def low(self) -> Self:
        """By what was booked last: what has come due since is looked at when the account is locked."""
        return self.filter(account__balance__lt=F("threshold") + F("account__held"))


class TopUpTerms(PackTerms):
    """Who agreed to what, when, and to which words."""

    amount = MinorUnitsField(_("price"), help_text=_("Of the pack, as agreed; tax may come on top."))
    threshold = CreditField(_("threshold"), help_text=_("Below so many available credits, the pack is bought."))
    monthly_cap = MinorUnitsField(_("monthly cap"), help_text=_("With tax, in a calendar month (UTC)."))
    consented_by = models.CharField(_("agreed by"), max_length=255, blank=True, default="")
    consented_at = models.DateTimeField(_("agreed at"), default=timezone.now)
    consent_wording = models.TextField(_("words agreed to"), blank=True, default="")

    class Meta:
        abstract = True


class AutoTopUp(TopUpTerms):
    """What an owner agreed to: this pack at this price, when less than the threshold is available, and at most so much
    money in a calendar month (UTC). Whoever turned it on, when, and to which words stands beside it."""

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    class Reason(models.TextChoices):
        """Why it is off."""

        OWNER = "owner", _("Turned off by the owner")
        STAFF = "staff", _("Turned off by an administrator")
        DECLINED = "declined", _("Three payments in a row failed")
        DISPUTED = "disputed", _("A payment is disputed")
        REFUNDED = "refunded", _("A top-up was refunded")
        NO_METHOD = "no_method", _("There is no card to charge")
        PACK_CHANGED = "pack_changed", _("The pack is not sold any more as it was agreed")
        CAP_TOO_LOW = "cap_too_low", _("The monthly cap is less than the price with tax")
        CLOSED = "closed", _("The account was closed")

    account = models.OneToOneField(
        CreditAccount, on_delete=models.PROTECT, related_name="auto_top_up", verbose_name=_("account")
    )
    state = models.CharField(_("state"), max_length=3, choices=State, default=State.ON)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason, blank=True, default="")
    failures = models.PositiveSmallIntegerField(_("failures"), default=0, help_text=_("In a row."))
    next_attempt_at = models.DateTimeField(_("not before"), null=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True)

    objects = AutoTopUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("auto top-up")
        verbose_name_plural = _("auto top-ups")
        ordering = ["-pk"]
        permissions = [("stop_auto_top_up", _("Can turn auto top-ups off"))]
        indexes = [models.Index(fields=["state", "next_attempt_at"], name="billing_auto_topup_ready")]
        constraints = [
            models.CheckConstraint(condition=Q(threshold__gt=0), name="billing_auto_topup_threshold_positive"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, monthly_cap__gte=F("amount")), name="billing_auto_topup_cap_allows_one"
            ),
            models.CheckConstraint(
                condition=Q(state="on", reason="") | (Q(state="off") & ~Q(reason="")),
                name="billing_auto_topup_off_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pack} ({self.get_state_display()})"

    @property
    def is_on(self) -> bool:
        return bool(self.state == self.State.ON)

    @property
    def is_as_agreed(self) -> bool:
        """Whether the pack is still on sale, and is what the owner agreed to."""
        pack: CreditPack = self.pack
        agreed = (True, self.credits, self.bonus_credits, self.amount, self.currency)
        return bool(agreed == (pack.is_active, pack.credits, pack.bonus_credits, pack.amount, pack.currency))

    @property
    def counted(self) -> int:
        """The money of this month that counts towards the cap."""
        counted = TopUp.objects.filter(account=self.account_id, currency=self.currency).counting(month_of())
        total: int = counted.aggregate(sum=models.Sum("amount"))["sum"] or 0
        return total

    @property
    def is_capped(self) -> bool:
        """Whether one more would pass the cap of this month."""
        return self.counted + int(self.amount) > int(self.monthly_cap)


class TopUpConsent(TopUpTerms):
    """Each time that somebody agreed, as it was: a row that is only added, and blanked when the account is closed."""

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="top_up_consents", verbose_name=_("account")
    )

    class Meta:
        verbose_name = _("consent to auto top-up")
        verbose_name_plural = _("consents to auto top-up")
        ordering = ["-consented_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.pack} ({self.consented_at:%Y-%m-%d})"


class TopUpQuerySet(models.QuerySet["TopUp"]):
    def pending(self) -> Self:
        return self.filter(is_pending=True)

    def requested(self) -> Self:
        """Begun here, and how it went at Stripe is not known."""
        return self.filter(status=TopUp.Status.REQUESTED)

    def counting(self, month: datetime) -> Self:
        """What counts towards the cap of the month that began then: begun or paid in it, or not ended yet."""
        standing = self.exclude(status__in=[TopUp.Status.DECLINED, TopUp.Status.CANCELED])
        return standing.filter(Q(is_pending=True) | Q(created_at__gte=month) | Q(ended_at__gte=month))


class TopUp(PackTerms):
    """One attempt: the row comes first, and its key is told to Stripe as metadata and in the idempotency keys."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Under way")
        NEEDS_ACTION = "needs_action", _("Waits for the owner to confirm")
        PAID = "paid", _("Paid")
        DECLINED = "declined", _("Declined")
        CANCELED = "canceled", _("Not charged")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="top_ups", verbose_name=_("account")
    )
    # NULL once it has ended, so that an account has one at a time on every database.
    is_pending = models.BooleanField(_("pending"), null=True, default=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.REQUESTED)
    # False before Stripe is told that nobody is to pay it: it ends as canceled then, and not as a failure.
    is_wanted = models.BooleanField(_("wanted"), default=True)
    amount = MinorUnitsField(_("amount"), help_text=_("Of the invoice, once Stripe has counted its tax."))
    stripe_price_id = StripeIdField(_("price at Stripe"))
    stripe_customer_id = StripeIdField(_("customer at Stripe"))
    stripe_method_id = StripeIdField(_("payment method at Stripe"))
    stripe_invoice_id = StripeIdField(_("invoice at Stripe"), null=True, unique=True)
    purchase = models.OneToOneField(
        Purchase, on_delete=models.PROTECT, null=True, related_name="top_up", verbose_name=_("purchase")
    )
    hosted_url = models.TextField(_("page at Stripe"), blank=True, default="")
    problem = models.TextField(_("problem"), blank=True, default="")
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = TopUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["account", "-created_at"], name="billing_topup_history")]
        constraints = [
            models.UniqueConstraint(fields=["account", "is_pending"], name="billing_topup_one_pending"),
            models.CheckConstraint(
                condition=Q(is_pending=True, status__in=["requested", "needs_action"])
                | Q(is_pending__isnull=True, status__in=["paid", "declined", "canceled"]),
                name="billing_topup_pending_or_ended",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="billing_topup_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return self.stripe_invoice_id or str(self.pk)


def month_of(at: datetime | None = None) -> datetime:
    """When the calendar month began, in UTC."""
    return (at or timezone.now()).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month() -> datetime:
    return (month_of() + timedelta(days=32)).replace(day=1)
