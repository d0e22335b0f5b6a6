"""Subscriptions, the time they are paid for with the terms of the sale, and its refills."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_billing.models.catalog import Interval, Plan, PlanPrice, Unused
from quickscale_credits.fields import CreditField
from quickscale_credits.models import CreditAccount


class SubscriptionQuerySet(models.QuerySet["PlanSubscription"]):
    def live(self) -> Self:
        """Those that have begun and not ended: paid, in trial, or with a payment that is late."""
        return self.filter(status__in=PlanSubscription.LIVE)

    def chargeable(self) -> Self:
        """Those that live, and those whose first payment may still come."""
        return self.filter(status__in=PlanSubscription.CHARGEABLE)

    def paid_up(self) -> Self:
        """Those for which nothing is owed."""
        return self.filter(status__in=PlanSubscription.PAID_UP)

    def accounts_with_several(self) -> list[int]:
        """Accounts with more than one that lives: each is honored, and somebody should be told."""
        counted = self.live().order_by().values("account").annotate(number=models.Count("pk")).filter(number__gt=1)
        return list(counted.order_by("account").values_list("account", flat=True))


class PlanSubscription(models.Model):
    """A subscription as Stripe told it last. What it is paid for stands in its segments."""

    class Status(models.TextChoices):
        TRIALING = "trialing", _("In trial")
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Payment is late")
        UNPAID = "unpaid", _("Unpaid")
        PAUSED = "paused", _("Paused")
        INCOMPLETE = "incomplete", _("Waiting for the first payment")
        INCOMPLETE_EXPIRED = "incomplete_expired", _("Never paid")
        CANCELED = "canceled", _("Ended")

    LIVE = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.PAUSED)

    CHARGEABLE = (*LIVE, Status.INCOMPLETE)
    PAID_UP = (Status.TRIALING, Status.ACTIVE)

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="subscriptions", verbose_name=_("account")
    )
    stripe_id = StripeIdField(_("subscription at Stripe"), unique=True)
    stripe_customer_id = StripeIdField(_("customer at Stripe"))
    stripe_item_id = StripeIdField(_("item at Stripe"), null=True)
    stripe_price_id = StripeIdField(_("price at Stripe"), null=True)
    stripe_schedule_id = StripeIdField(_("schedule at Stripe"), null=True)
    price = models.ForeignKey(
        PlanPrice,
        on_delete=models.PROTECT,
        null=True,
        related_name="subscriptions",
        verbose_name=_("price"),
        help_text=_("Empty where Stripe's price is not in the catalog."),
    )
    next_price = models.ForeignKey(
        PlanPrice,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("next price"),
        help_text=_("From the next period, where a change is scheduled."),
    )
    pending_price = models.ForeignKey(
        PlanPrice,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("pending price"),
        help_text=_("From the moment that its invoice is paid."),
    )
    pending_until = models.DateTimeField(_("pending until"), null=True)
    invoice_url = models.TextField(_("open invoice"), blank=True, default="")
    status = models.CharField(_("status"), max_length=20, choices=Status)
    cancel_at_period_end = models.BooleanField(_("cancels at the end of the period"), default=False)
    cancel_at = models.DateTimeField(_("cancels at"), null=True)
    current_period_start = models.DateTimeField(_("period began"), null=True)
    current_period_end = models.DateTimeField(_("period ends"), null=True)
    billing_anchor = models.DateTimeField(_("billing anchor"), null=True)
    trial_end = models.DateTimeField(_("trial ends"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    overdrawn = CreditField(
        _("overdrawn"),
        default=Decimal(0),
        help_text=_("Spent of a time that Stripe credited back; taken off the next refills."),
    )
    created_at = models.DateTimeField(_("created at"))
    # When the last retrieval that is written here began: an older answer never overwrites a newer one.
    retrieved_at = models.DateTimeField(_("retrieved at"))
    # What was invoiced before is final and booked: Stripe is asked for the rest alone.
    invoices_settled_until = models.DateTimeField(_("invoices settled until"), null=True, editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["account", "status"], name="billing_subscription_status")]
        constraints = [
            models.CheckConstraint(condition=Q(overdrawn__gte=0), name="billing_subscription_overdrawn_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.plan or self.stripe_price_id} ({self.get_status_display()})"

    @property
    def plan(self) -> Plan | None:
        return self.price.plan if self.price else None

    @property
    def interval(self) -> str:
        return self.price.interval if self.price else ""

    @property
    def is_live(self) -> bool:
        return self.status in self.LIVE

    @property
    def is_chargeable(self) -> bool:
        """It lives, or its first payment may still come."""
        return self.status in self.CHARGEABLE

    @property
    def is_paid_up(self) -> bool:
        """Nothing is owed: in trial or active."""
        return self.status in self.PAID_UP

    @property
    def ends_at(self) -> datetime | None:
        """When it ends unless it is resumed; None where it goes on."""
        return self.ended_at or self.cancel_at or (self.current_period_end if self.cancel_at_period_end else None)


class SegmentQuerySet(models.QuerySet["PaidSegment"]):
    def count_anew(self) -> None:
        """So that reports see what changes of their subscription, which they must be all segments of. It locks them."""
        self.update(is_counted=False)


class PaidSegment(models.Model):
    """A stretch of paid time with the terms it was sold on, which no later change of the plan touches.

    A period that Stripe billed has no `period`. An upgrade within it makes a segment that begins in its midst, names
    it as its `period` and shares its refills.
    """

    subscription = models.ForeignKey(
        PlanSubscription, on_delete=models.PROTECT, related_name="segments", verbose_name=_("subscription")
    )
    period = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="upgrades", verbose_name=_("period")
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="segments", verbose_name=_("plan"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"), help_text=_("Until when it was paid."))
    closed_at = models.DateTimeField(
        _("closed at"), null=True, help_text=_("When something else took its place before its end.")
    )
    is_credited_back = models.BooleanField(
        _("credited back"), default=False, help_text=_("Whether Stripe credited back the money for what was left.")
    )
    anchor = models.DateTimeField(_("anchor"), help_text=_("What the refills are counted from."))
    credits = CreditField(_("credits"), help_text=_("Of each refill."))
    refill_every = models.CharField(_("refill every"), max_length=5, choices=Interval)
    unused = models.CharField(_("unused credits"), max_length=8, choices=Unused)
    rollover_cap = CreditField(_("rollover cap"), null=True)
    interval = models.CharField(_("interval"), max_length=5, choices=Interval)
    amount = MinorUnitsField(_("amount"), help_text=_("Of this line of the invoice, before discounts and tax."))
    monthly = MinorUnitsField(
        _("monthly value"), default=0, help_text=_("Of its full price, after discounts and before tax.")
    )
    currency = CurrencyField(_("currency"))
    stripe_price_id = StripeIdField(_("price at Stripe"))
    stripe_invoice_id = StripeIdField(_("invoice at Stripe"), db_index=True)
    stripe_line_id = StripeIdField(_("line of the invoice"), unique=True)
    next_refill_at = models.DateTimeField(
        _("next refill at"), null=True, db_index=True, help_text=_("Empty where none is left, and for an upgrade.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    # Whether its subscription's changes of value are written down by `rollup_usage`, as they are now.
    is_counted = models.BooleanField(default=False, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("paid segment")
        verbose_name_plural = _("paid segments")
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["subscription"], condition=Q(is_counted=False), name="billing_segment_uncounted"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="billing_segment_has_length"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("starts_at"), closed_at__lte=F("ends_at")),
                name="billing_segment_closed_within",
            ),
            models.CheckConstraint(condition=Q(credits__gte=0), name="billing_segment_credits_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.starts_at:%Y-%m-%d} / {self.lasts_until:%Y-%m-%d}"

    @property
    def lasts_until(self) -> datetime:
        return self.closed_at or self.ends_at

    def close(self, at: datetime, *, credited_back: bool) -> None:
        """End it now or, where it begins only later, before it has begun."""
        self.closed_at = max(at, self.starts_at)
        self.is_credited_back = credited_back
        self.save(update_fields=["closed_at", "is_credited_back"])
        PaidSegment.objects.filter(subscription=self.subscription_id).count_anew()


class Refill(models.Model):
    """A plan's periodic grant: what fell due in a window of a paid period, and what was given for it."""

    class State(models.TextChoices):
        GRANTED = "granted", _("Granted")
        SKIPPED = "skipped", _("Skipped")
        REFUNDED = "refunded", _("Refunded")

    subscription = models.ForeignKey(
        PlanSubscription, on_delete=models.PROTECT, related_name="refills", verbose_name=_("subscription")
    )
    period = models.ForeignKey(PaidSegment, on_delete=models.PROTECT, related_name="refills", verbose_name=_("period"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    # The window's length were it not cut short by the end of what is paid.
    full_length = models.DurationField(_("full length"))
    credits = CreditField(_("credits"), help_text=_("What the window is worth as far as it was given."))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.GRANTED)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("refill")
        verbose_name_plural = _("refills")
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="billing_refill_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="billing_refill_has_length"),
            models.CheckConstraint(condition=Q(credits__gte=0), name="billing_refill_credits_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.credits} {self.starts_at:%Y-%m-%d} / {self.ends_at:%Y-%m-%d}"
