"""Who pays for a subscription, whatever the currency: told by the same changes as the cohorts."""

from __future__ import annotations

from django.db.models import CharField, Value

from quickscale_billing.analytics import cohorts, spans
from quickscale_billing.analytics.spans import Histories, Movement
from quickscale_credits.analytics import Period
from quickscale_credits.analytics.memory import asked_about

_EVERYBODY = ""


def by_place(period: Period) -> list[Movement]:
    """Only the counts say something."""
    found = spans.between(spans.edges(period), histories(period))
    return found.get(_EVERYBODY) or [Movement() for _place in period.places]


def from_end_to_end(period: Period) -> Movement:
    [moved] = spans.between(spans.ends(period), histories(period)).get(_EVERYBODY) or [Movement()]
    return moved


def histories(period: Period) -> Histories:
    asked = asked_about(period)
    moments = {*spans.ends(asked.previous), *spans.edges(asked), *cohorts.moments(asked)}
    return spans.histories(spans.moments_of(moments), Value(_EVERYBODY, output_field=CharField()))
