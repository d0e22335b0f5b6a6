"""What the admin may switch about a service."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from quickscale_credits.fields import CreditField
from quickscale_services.rates import validate_rate


class Service(models.Model):
    """A registered service, as the administrator has set it. What it does and costs by itself is in its class."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    cost_override = CreditField(
        _("cost override"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Replaces both the price and what is charged in the end. Empty: as the service says."),
    )
    rate_limit = models.CharField(
        _("rate limit"),
        max_length=32,
        blank=True,
        validators=[validate_rate],
        help_text=_("Runs per account, such as 60/minute. Empty: no limit."),
    )

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cost_override__isnull=True) | Q(cost_override__gte=0),
                name="services_service_override_not_negative",
            )
        ]

    def __str__(self) -> str:
        return self.name
