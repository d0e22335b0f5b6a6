"""What is for sale. Editing it never changes what somebody who has paid receives: terms are frozen at the sale."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import CurrencyField, MinorUnitsField, StripeIdField
from quickscale_credits.fields import CreditField


class Interval(models.TextChoices):
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    YEAR = "year", _("year")


class Unused(models.TextChoices):
    EXPIRE = "expire", _("Expire")
    ROLLOVER = "rollover", _("Roll over")


class CatalogQuerySet(models.QuerySet[Any]):
    def for_sale(self) -> Self:
        return self.filter(is_active=True)


class Plan(models.Model):
    """A subscription: credits at a cadence of their own, for as long as its price is paid."""

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=128)
    description = models.TextField(_("description"), blank=True, default="")
    credits = CreditField(
        _("credits"), validators=[MinValueValidator(0)], default=Decimal(0), help_text=_("Given at each refill.")
    )
    refill_every = models.CharField(
        _("refill every"),
        max_length=5,
        choices=Interval,
        default=Interval.MONTH,
        help_text=_("Apart from how often it is paid: a yearly price may give credits each month."),
    )
    signup_bonus = CreditField(_("signup bonus"), validators=[MinValueValidator(0)], default=Decimal(0))
    trial_days = models.PositiveSmallIntegerField(_("trial days"), default=0)
    trial_credits = CreditField(_("trial credits"), validators=[MinValueValidator(0)], default=Decimal(0))
    unused = models.CharField(
        _("unused credits"), max_length=8, choices=Unused, default=Unused.EXPIRE, help_text=_("At the next refill.")
    )
    rollover_cap = CreditField(
        _("rollover cap"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("How many unused credits are carried over at most. Empty: all."),
    )
    features = models.JSONField(_("features"), default=list, blank=True, help_text=_("A list of lines."))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Whether it can be bought."))
    stripe_product_id = StripeIdField(_("product at Stripe"), null=True, blank=True, unique=True)

    objects = CatalogQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["position", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(credits__gte=0, signup_bonus__gte=0, trial_credits__gte=0),
                name="billing_plan_credits_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(rollover_cap__isnull=True) | Q(rollover_cap__gte=0, unused="rollover"),
                name="billing_plan_cap_only_with_rollover",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Priced(models.Model):
    """A price of ours and the one at Stripe that stands for it."""

    amount = MinorUnitsField(
        _("amount"),
        validators=[MinValueValidator(0)],
        help_text=_("In the smallest unit of the currency, such as cents."),
    )
    currency = CurrencyField(_("currency"))
    stripe_price_id = StripeIdField(_("price at Stripe"), null=True, blank=True, unique=True)
    # What the price at Stripe says, as `terms` writes it; empty where somebody else has linked it.
    stripe_terms = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        abstract = True

    @property
    def terms(self) -> str:
        return f"{self.amount} {self.currency}"

    @property
    def is_at_stripe(self) -> bool:
        """Whether Stripe would charge what we say. An edited price is not, until it was pushed."""
        return bool(self.stripe_price_id) and self.stripe_terms in ("", self.terms)


class PlanPrice(Priced):
    """What a plan costs for an interval. One that was replaced stays, for those who still pay it."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="prices", verbose_name=_("plan"))
    interval = models.CharField(_("interval"), max_length=5, choices=Interval, default=Interval.MONTH)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Whether it can be bought."))

    objects = CatalogQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan price")
        verbose_name_plural = _("plan prices")
        ordering = ["plan", "amount", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="billing_plan_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} / {self.get_interval_display()}"

    @property
    def terms(self) -> str:
        return f"{super().terms} / {self.interval}"


class CreditPack(Priced):
    """Credits that are bought once, pay as you go, and never expire."""

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=128)
    description = models.TextField(_("description"), blank=True, default="")
    credits = CreditField(_("credits"), validators=[MinValueValidator(0)])
    bonus_credits = CreditField(_("bonus credits"), validators=[MinValueValidator(0)], default=Decimal(0))
    stripe_product_id = StripeIdField(_("product at Stripe"), null=True, blank=True, unique=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Whether it can be bought."))

    objects = CatalogQuerySet.as_manager()

    class Meta:
        verbose_name = _("credit pack")
        verbose_name_plural = _("credit packs")
        ordering = ["position", "slug"]
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0), name="billing_pack_credits_positive"),
            models.CheckConstraint(condition=Q(bonus_credits__gte=0), name="billing_pack_bonus_not_negative"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_pack_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.name
