"""Runs added up by the day on which they were asked for, for reports: filled by `rollup_usage`, never by a run."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_credits.models import AccountRollup, CreditAccount
from quickscale_services.models.runs import ServiceRun


class ServiceRollup(models.Model):
    """A day's runs of a service that ended alike and took about as long."""

    day = models.DateField(_("day"))
    service = models.CharField(_("service"), max_length=64)
    status = models.CharField(_("status"), max_length=9, choices=ServiceRun.Status)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    at_most = models.BigIntegerField(
        _("at most"), help_text=_("Microseconds that none of them took longer than; 0 where none succeeded.")
    )
    runs = models.BigIntegerField(_("runs"))
    cost = CreditField(_("cost"))
    known_runs = models.BigIntegerField(_("runs with a provider cost"))
    known_cost = CreditField(_("cost of runs with a provider cost"))
    provider_cost = CreditField(_("provider cost"))

    class Meta:
        verbose_name = _("service rollup")
        verbose_name_plural = _("service rollups")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "service", "status", "error_code", "at_most"], name="services_rollup_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.service} {self.status}"


class ServiceAccountRollup(models.Model):
    """An account's runs of a service in a day, or in a month."""

    Span = AccountRollup.Span

    account = models.ForeignKey(
        CreditAccount,
        on_delete=models.CASCADE,
        related_name="service_rollups",
        db_index=False,
        verbose_name=_("account"),
    )
    span = models.CharField(_("span"), max_length=5, choices=AccountRollup.Span)
    start = models.DateField(_("start"))
    service = models.CharField(_("service"), max_length=64)
    runs = models.BigIntegerField(_("runs"))
    cost = CreditField(_("cost"))

    class Meta:
        verbose_name = _("service rollup of an account")
        verbose_name_plural = _("service rollups of accounts")
        constraints = [
            models.UniqueConstraint(fields=["span", "start", "service", "account"], name="services_account_rollup_once")
        ]

    def __str__(self) -> str:
        return f"{self.start} {self.service}"
