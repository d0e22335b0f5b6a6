"""Letters to owners and to staff: each row is claimed before it is sent, and so goes out at most once by itself."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import ExactCharField
from quickscale_credits.models import CreditAccount


class MailQuerySet(models.QuerySet["Mail"]):
    def due(self) -> Self:
        return self.filter(state=Mail.State.WAITING, due_at__lte=timezone.now())

    def resendable(self) -> Self:
        """Those with which nothing is under way."""
        return self.filter(state__in=[Mail.State.SENT, Mail.State.FAILED, Mail.State.DROPPED])


class Mail(models.Model):
    """A letter about something that happened. `about` has the numbers of its rows, and figures as they were then."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("Receipt")
        PAYMENT_FAILED = "payment_failed", _("Payment failed")
        CARD_EXPIRING = "card_expiring", _("Card expiring")
        SUBSCRIPTION_CANCELED = "subscription_canceled", _("Subscription canceled")
        REFUND_MADE = "refund_made", _("Refund made")
        DISPUTE_OPENED = "dispute_opened", _("Dispute opened")
        DISPUTE_ALERT = "dispute_alert", _("Dispute opened, to staff")
        CREDITS_LOW = "credits_low", _("Credits low")
        CREDITS_EXPIRING = "credits_expiring", _("Credits expiring soon")
        TOP_UP_STOPPED = "top_up_stopped", _("Top-up stopped")
        WEBHOOKS_REFUSED = "webhooks_refused", _("Webhooks refused, to staff")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        DROPPED = "dropped", _("Not to be sent")

    TO_STAFF = (Kind.DISPUTE_ALERT, Kind.WEBHOOKS_REFUSED)

    kind = models.CharField(_("kind"), max_length=24, choices=Kind)
    key = ExactCharField(_("key"), max_length=200, help_text=_("What it is about: one letter of a kind about each."))
    # None for what is no owner's matter.
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, null=True, related_name="mail", verbose_name=_("account")
    )
    about = models.JSONField(_("about"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    to = models.TextField(_("to"), blank=True, default="", help_text=_("As of the last attempt."))
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    problem = models.TextField(_("problem"), blank=True, default="")
    # Counted up by each claim, so that whoever claimed it earlier does not speak for a later attempt.
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    happened_at = models.DateTimeField(_("happened at"), default=timezone.now)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    claimed_at = models.DateTimeField(_("last attempt"), null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mail")
        ordering = ["-pk"]
        permissions = [("resend_mail", _("Can send mail again"))]
        indexes = [models.Index(fields=["state", "due_at"], name="billing_mail_due")]
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="billing_mail_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}"

    @property
    def is_to_staff(self) -> bool:
        return self.kind in self.TO_STAFF
