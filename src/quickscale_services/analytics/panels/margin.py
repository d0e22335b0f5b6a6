"""What is left of the credits when the provider is paid."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial

from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import Column, Figure, Panel, Period, Table, Unit, percent
from quickscale_credits.currencies import exponent
from quickscale_services.analytics import reading
from quickscale_services.analytics.panels.outcomes import SERVICE, by_service, runs, title
from quickscale_services.analytics.reading import Outcome
from quickscale_services.conf import CreditValue, conf


class Margin(Panel):
    key = "margin"
    title = _("Margin of services")

    def figures(self, period: Period) -> list[Figure]:
        found = reading.outcomes(period)
        known = sum(each.known_runs for each in found)
        return [
            Figure(
                key="known",
                label=_("Provider cost known"),
                value=percent(known, runs(found)),
                unit=Unit.PERCENT,
                definition=_(
                    "Runs for which the service has called context.record_provider_cost ÷ all runs of the period. The "
                    "margin is of these runs alone."
                ),
            ),
            *(_margin_figures(found, conf.CREDIT_VALUE) if conf.CREDIT_VALUE else []),
        ]

    def tables(self, period: Period) -> list[Table]:
        value = conf.CREDIT_VALUE
        if value is None:
            return []
        money = partial(Column, unit=Unit.MONEY, currency=value.currency)
        return [
            Table(
                key="services",
                title=_("By service"),
                columns=[
                    SERVICE,
                    Column(key="known", label=_("Runs with a known cost")),
                    money(key="worth", label=_("Worth of the credits")),
                    money(key="provider", label=_("Provider cost")),
                    money(key="margin", label=_("Margin")),
                    Column(key="share", label=_("Margin in %"), unit=Unit.PERCENT),
                ],
                rows=[
                    [title(service), sum(each.known_runs for each in ended), *_margin(ended, value)]
                    for service, ended in by_service(reading.outcomes(period)).items()
                    if any(each.known_runs for each in ended)
                ],
            )
        ]


def _margin_figures(found: list[Outcome], value: CreditValue) -> list[Figure]:
    worth, cost, margin, share = _margin(found, value)
    money = partial(Figure, unit=Unit.MONEY, currency=value.currency)
    return [
        money(
            key="worth",
            label=_("Worth of the credits"),
            value=worth,
            definition=_(
                "Credits charged for the runs whose provider cost is known, times CREDIT_VALUE. Leaves out what the "
                "credits were really sold for."
            ),
        ),
        money(
            key="provider",
            label=_("Provider cost"),
            value=cost,
            is_good_when_up=False,
            definition=_("Sum of what services have recorded with context.record_provider_cost, of failed runs too."),
        ),
        money(
            key="margin",
            label=_("Margin"),
            value=margin,
            definition=_("Worth of the credits less Provider cost. Leaves out runs whose provider cost is not known."),
        ),
        Figure(
            key="share",
            label=_("Margin in %"),
            value=share,
            unit=Unit.PERCENT,
            definition=_("Margin ÷ Worth of the credits."),
        ),
    ]


def _margin(found: Iterable[Outcome], value: CreditValue) -> tuple[int, int, int, Decimal | None]:
    """Worth, provider cost and margin in minor units, each rounded once, and the margin in percent of the worth."""
    outcomes = list(found)
    worth = sum((each.known_cost for each in outcomes), Decimal(0)) * value.amount
    cost = sum((each.provider_cost for each in outcomes), Decimal(0))
    minor = partial(_minor, currency=value.currency)
    return minor(worth), minor(cost), minor(worth - cost), percent(worth - cost, worth)


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_EVEN))
