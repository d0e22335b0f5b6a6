"""Who an account is at Stripe."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import StripeIdField
from quickscale_credits.models import CreditAccount


class Customer(models.Model):
    """An account's customer at Stripe. The row comes first, and its id is in Stripe's idempotency key.

    One that was deleted at Stripe is replaced at the next checkout, and stays for what was bought through it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="customers", verbose_name=_("account")
    )
    stripe_id = StripeIdField(_("customer at Stripe"), null=True, unique=True)
    # NULL once it was replaced, so that an account has one current customer on every database.
    is_current = models.BooleanField(_("current"), null=True, default=True)
    email = models.EmailField(_("email address"), blank=True, default="", help_text=_("As it was told to Stripe."))
    # A lease: Stripe cannot be asked while rows are locked, so who changes cards says so here and clears it afterwards.
    changing_cards_since = models.DateTimeField(_("changing cards since"), null=True, editable=False)
    livemode = models.BooleanField(_("live mode"), default=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [
            models.UniqueConstraint(fields=["account", "is_current"], name="billing_customer_one_current"),
            models.CheckConstraint(
                condition=models.Q(is_current__isnull=True) | models.Q(is_current=True),
                name="billing_customer_current_or_null",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id or f"#{self.pk}"
