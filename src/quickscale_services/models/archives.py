"""What is left of runs that were archived: their sums, so that reports and rollups stay as they were."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_credits.models import CreditAccount
from quickscale_services.models.runs import ServiceRun


class ArchivedRuns(models.Model):
    """An account's archived runs of a service in a day that ended alike and took about as long."""

    day = models.DateField(_("day"))
    service = models.CharField(_("service"), max_length=64)
    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.PROTECT,
        related_name="archived_runs",
        verbose_name=_("account"),
    )
    status = models.CharField(_("status"), max_length=9, choices=ServiceRun.Status)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    at_most = models.BigIntegerField(_("at most"))
    runs = models.BigIntegerField(_("runs"))
    cost = CreditField(_("cost"))
    known_runs = models.BigIntegerField(_("runs with a provider cost"))
    known_cost = CreditField(_("cost of runs with a provider cost"))
    provider_cost = CreditField(_("provider cost"))

    class Meta:
        verbose_name = _("archived runs")
        verbose_name_plural = _("archived runs")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "service", "account", "status", "error_code", "at_most"], name="services_archived_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.service} {self.runs}"
