"""What came from Stripe, and what was made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.fields import StripeIdField
from quickscale_billing.models.subscriptions import Refill
from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models import CreditAccount, LedgerEntry


class InboxQuerySet(models.QuerySet["InboxItem"]):
    def pending(self) -> Self:
        """What is to be looked at: it has arrived, or could not be settled and its time has come again."""
        return self.exclude(state=InboxItem.State.SETTLED)

    def due(self) -> Self:
        return self.pending().filter(due_at__lte=timezone.now())


class InboxItem(models.Model):
    """An object at Stripe of which an event spoke. Only its id is kept: what it says is asked of Stripe each time."""

    class Kind(models.TextChoices):
        SESSION = "session", _("Checkout session")
        SUBSCRIPTION = "subscription", _("Subscription")
        INVOICE = "invoice", _("Invoice")
        PAYMENT = "payment", _("Payment")

    class State(models.TextChoices):
        ARRIVED = "arrived", _("Arrived")
        SETTLED = "settled", _("Settled")
        WAITING = "waiting", _("Needs attention")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    stripe_id = StripeIdField(_("object at Stripe"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ARRIVED)
    # Counted up by each event, so that one which arrives during a settlement is not taken for settled.
    arrivals = models.PositiveIntegerField(_("arrivals"), default=1)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("Since the last arrival."))
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    problem = models.TextField(_("problem"), blank=True, default="")
    last_event_type = models.CharField(_("last event"), max_length=250, blank=True, default="")
    arrived_at = models.DateTimeField(_("arrived at"), default=timezone.now)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    objects = InboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("inbox item")
        verbose_name_plural = _("inbox")
        permissions = [
            ("settle_again", _("Can settle again what Stripe told")),
            ("reconcile_billing", _("Can compare with Stripe and repair")),
        ]
        ordering = ["-arrived_at", "-pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="billing_inbox_due")]
        constraints = [models.UniqueConstraint(fields=["kind", "stripe_id"], name="billing_inbox_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.stripe_id}"


class Fact(models.Model):
    """Something that Stripe says happened and that has its effect once, whoever tells it and however often.

    Written in the transaction of its ledger entry. Without an entry it gave nothing, and `note` says why.
    """

    class Kind(models.TextChoices):
        PACK = "pack", _("Pack bought")
        PERIOD = "period", _("Period paid")
        REFILL = "refill", _("Refill")
        UPGRADE = "upgrade", _("Upgrade paid")
        TRIAL = "trial", _("Trial begun")
        BONUS = "bonus", _("Signup bonus")
        CLAWBACK = "clawback", _("Money back")
        TOP_UP = "topup", _("Top-up paid")

    key = ExactCharField(_("key"), max_length=250, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="facts", verbose_name=_("account")
    )
    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, null=True, related_name="fact", verbose_name=_("entry")
    )
    refill = models.ForeignKey(
        Refill, on_delete=models.PROTECT, null=True, related_name="facts", verbose_name=_("refill")
    )
    stripe_id = StripeIdField(_("object at Stripe"), db_index=True)
    worth = CreditField(
        _("worth"), default=Decimal(0), help_text=_("The credits it gives as long as none of its money goes back.")
    )
    credited_back = CreditField(
        _("credited back"),
        default=Decimal(0),
        help_text=_("Of what it gave: ended, or owed by later refills, because Stripe credited its time back."),
    )
    note = models.TextField(_("note"), blank=True, default="")
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("fact")
        verbose_name_plural = _("facts")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return str(self.key)
