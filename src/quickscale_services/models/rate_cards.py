"""What the tokens of a model cost, in versions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn, Self

from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, router, transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.exceptions import AppendOnly
from quickscale_credits.fields import CreditField, ExactCharField

ATTEMPTS = 5
CHANGED = "A rate card is never changed, for runs may have been priced by it: save a new version instead."
DELETED = "A rate card is never deleted, for runs may have been priced by it: save a new version instead."
NOT_NEGATIVE = [MinValueValidator(0)]


class RateCardQuerySet(models.QuerySet["RateCard"]):
    def in_force(self) -> Self:
        """Those that have begun, the one that holds now first: the last to begin, and of several the newest version."""
        return self.filter(valid_from__lte=timezone.now()).order_by("model", "-valid_from", "-version")

    def update(self, **values: Any) -> NoReturn:
        raise AppendOnly(CHANGED)

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(CHANGED)

    def delete(self) -> NoReturn:
        raise AppendOnly(DELETED)


class RateCard(models.Model):
    """One version of a model's prices, in credits for a million tokens. It is never changed: a change is a new version.

    What has no price of its own costs what it is a kind of: tokens read from a cache or written to one as input, those
    written for an hour as those written for minutes, reasoning tokens as output.
    """

    model = ExactCharField(_("model"), max_length=128)
    version = models.PositiveIntegerField(_("version"), editable=False)
    input = CreditField(_("input"), validators=NOT_NEGATIVE, help_text=_("Credits for a million tokens."))
    cached = CreditField(
        _("cached input"), null=True, blank=True, validators=NOT_NEGATIVE, help_text=_("Empty: as other input.")
    )
    cache_write = CreditField(
        _("cache write"), null=True, blank=True, validators=NOT_NEGATIVE, help_text=_("Empty: as other input.")
    )
    cache_write_1h = CreditField(
        _("cache write for an hour"),
        null=True,
        blank=True,
        validators=NOT_NEGATIVE,
        help_text=_("Empty: as any cache write."),
    )
    reasoning = CreditField(
        _("reasoning"), null=True, blank=True, validators=NOT_NEGATIVE, help_text=_("Empty: as other output.")
    )
    output = CreditField(_("output"), validators=NOT_NEGATIVE, help_text=_("Credits for a million tokens."))
    margin = models.DecimalField(
        _("margin"),
        max_digits=8,
        decimal_places=4,
        default=Decimal(0),
        validators=NOT_NEGATIVE,
        help_text=_("What is put on top of these prices: 0.25 for a quarter more."),
    )
    valid_from = models.DateTimeField(_("valid from"), default=timezone.now)
    note = models.CharField(
        _("note"), max_length=255, blank=True, help_text=_("Where the prices come from, for your own memory.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = RateCardQuerySet.as_manager()

    class Meta:
        verbose_name = _("rate card")
        verbose_name_plural = _("rate cards")
        ordering = ["model", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["model", "version"], name="services_rate_card_version"),
            models.CheckConstraint(
                condition=Q(input__gte=0)
                & (Q(cached__isnull=True) | Q(cached__gte=0))
                & (Q(cache_write__isnull=True) | Q(cache_write__gte=0))
                & (Q(cache_write_1h__isnull=True) | Q(cache_write_1h__gte=0))
                & (Q(reasoning__isnull=True) | Q(reasoning__gte=0))
                & Q(output__gte=0)
                & Q(margin__gte=0),
                name="services_rate_card_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Without a version it takes the next of its model. Raises `AppendOnly` for a row that was saved before."""
        if not self._state.adding:
            raise AppendOnly(CHANGED)
        if self.version is not None:
            super().save(*args, **kwargs)
        else:
            self._save_as_next_version(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(DELETED)

    @property
    def prices(self) -> dict[str, Decimal]:
        """Credits for a million tokens of each kind, without the margin."""
        written = self.input if self.cache_write is None else self.cache_write
        return {
            "input_tokens": self.input,
            "cached_tokens": self.input if self.cached is None else self.cached,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": written if self.cache_write_1h is None else self.cache_write_1h,
            "reasoning_tokens": self.output if self.reasoning is None else self.reasoning,
            "output_tokens": self.output,
        }

    def agrees_with(self, other: RateCard) -> bool:
        return self.prices == other.prices and self.margin == other.margin

    def _save_as_next_version(self, *args: Any, **kwargs: Any) -> None:
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        versions = type(self).objects.using(using).filter(model=self.model)
        for _attempt in range(ATTEMPTS):
            self.version = (versions.aggregate(latest=Max("version"))["latest"] or 0) + 1
            try:
                with transaction.atomic(using=using):
                    super().save(*args, **kwargs)
                return
            except IntegrityError as error:  # somebody else may have taken this number just now
                refusal = error
        raise refusal
