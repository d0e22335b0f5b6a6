"""Receipts that were given."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing.models.payments import Payment


class Receipt(models.Model):
    """The number of a payment's receipt, given once, and who sold and bought as it was on that day."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="receipt", verbose_name=_("payment"))
    number = models.CharField(_("number"), max_length=19, unique=True)
    seller = models.JSONField(_("seller"), default=list, help_text=_("Line by line."))
    buyer = models.JSONField(_("buyer"), default=list, help_text=_("Line by line."))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.number
