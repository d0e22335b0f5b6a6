"""The record of each run."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField, ExactCharField
from quickscale_credits.models import CreditAccount, Hold, LedgerEntry
from quickscale_services.fields import PayloadField
from quickscale_services.models.keys import ApiKey


class RunQuerySet(models.QuerySet["ServiceRun"]):
    def for_owner(self, owner: models.Model) -> Self:
        return self.filter(account__in=CreditAccount.objects.for_owner(owner))

    def under_way(self) -> Self:
        return self.filter(status__in=self.model.UNDER_WAY)

    def lost(self) -> Self:
        """Runs whose time is over, though nobody has recorded their end.

        No worker came for them, their process died, or it still hangs.
        """
        return self.under_way().filter(deadline__lte=timezone.now())

    def unbegun(self) -> Self:
        """Runs that wait for a worker so long that their task may be lost."""
        now = timezone.now()
        return self.filter(status=self.model.Status.QUEUED, deadline__gt=now, hand_over_again_at__lte=now)


class ServiceRun(models.Model):
    """One run of a service. It is charged once, when it succeeds, and its `entry` says so."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")
        CANCELED = "canceled", _("Canceled")

    UNDER_WAY = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.CharField(_("service"), max_length=64)
    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="runs", db_index=False, verbose_name=_("account")
    )
    actor = models.CharField(_("actor"), max_length=255, default="", blank=True)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.RUNNING)
    cost = CreditField(_("cost"), default=Decimal(0), help_text=_("What was charged."))
    provider_cost = CreditField(
        _("provider cost"), null=True, blank=True, help_text=_("In the currency of CREDIT_VALUE, as the service said.")
    )
    units = models.JSONField(_("units"), default=dict, blank=True)
    price = models.JSONField(_("price"), null=True, blank=True, help_text=_("As it was when the credits were held."))
    error_code = models.CharField(_("error code"), max_length=64, default="", blank=True)
    duration = models.DurationField(_("duration"), null=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # Of a queued run, when it is given up if no worker has begun it.
    deadline = models.DateTimeField(_("deadline"), null=True, help_text=_("A result that comes later is thrown away."))
    hand_over_again_at = models.DateTimeField(
        _("handed over again at"),
        null=True,
        help_text=_("When the queue gets it once more, if no worker has begun it."),
    )
    in_background = models.BooleanField(_("in the background"), default=False, db_default=False)
    attempts = models.PositiveSmallIntegerField(
        _("attempts"), default=1, db_default=1, help_text=_("How often its execution was begun.")
    )
    progress = models.FloatField(_("progress"), null=True, help_text=_("From 0 to 1, as the service says."))
    progress_note = models.CharField(_("progress note"), max_length=200, default="", db_default="", blank=True)
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, null=True, related_name="run", verbose_name=_("hold"))
    entry = models.OneToOneField(
        LedgerEntry, on_delete=models.PROTECT, null=True, related_name="run", verbose_name=_("entry")
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="runs", verbose_name=_("API key")
    )
    # Cleared when the run fails, so that the same key may try again.
    idempotency_key = ExactCharField(_("idempotency key"), max_length=255, null=True)
    fingerprint = models.CharField(max_length=64, default="", blank=True, editable=False)
    input = PayloadField(_("input"), null=True)
    output = PayloadField(_("output"), null=True)
    replay_until = models.DateTimeField(
        _("replay until"),
        null=True,
        db_index=True,
        help_text=_("When the output is blanked that was kept for a replay."),
    )

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("service run")
        verbose_name_plural = _("service runs")
        ordering = ["-created_at"]
        permissions = [("credit_back_run", _("Can credit back runs"))]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="services_run_history"),
            models.Index(fields=["service", "-created_at"], name="services_run_by_service"),
            models.Index(fields=["status", "deadline"], name="services_run_lost"),
            models.Index(fields=["created_at"], name="services_run_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="services_run_idempotency_key"),
            models.CheckConstraint(
                condition=Q(cost=0, entry__isnull=True) | Q(cost__gt=0, entry__isnull=False, status="succeeded"),
                name="services_run_charged_only_on_success",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def has_ended(self) -> bool:
        return self.status not in self.UNDER_WAY

    def cancel(self) -> ServiceRun:
        """Stop a run in the background: it ends now as canceled, and its credits come back.

        A result that a worker still brings is thrown away. A run that has ended, or for which somebody waits,
        stays as it is: look at the `status` of what is returned, which is this run, up to date.
        """
        from quickscale_services import queueing

        return queueing.cancel(self)


class RunInput(models.Model):
    """What a run in the background works on: there until the run has ended, whatever its service keeps."""

    run = models.OneToOneField(ServiceRun, on_delete=models.CASCADE, primary_key=True, related_name="queued_input")
    data = PayloadField()
    # What the run itself keeps is text for both, and the text "7" is not the user of that number.
    actor_is_user = models.BooleanField(default=True, db_default=True)

    def __str__(self) -> str:
        return str(self.run_id)
