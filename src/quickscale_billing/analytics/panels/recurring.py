"""What subscriptions bring in each month, and why it changed."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from django.utils.translation import gettext_lazy as _

from quickscale_billing.analytics import moneys, spans
from quickscale_billing.analytics.spans import Movement
from quickscale_billing.conf import conf
from quickscale_credits.analytics import Figure, Panel, Period, Series, Unit, percent

MOVED: Final = {
    "new": (
        _("New MRR"),
        _("MRR of customers who pay for a subscription at the end of the period, and had never before it."),
        True,
    ),
    "expansion": (
        _("Expansion"),
        _("By how much the MRR of customers rose who paid at both ends of the period."),
        True,
    ),
    "contraction": (
        _("Contraction"),
        _("By how much the MRR of customers fell who paid at both ends of the period."),
        False,
    ),
    "churned": (
        _("Churned MRR"),
        _("MRR at the beginning of the period of customers who do not pay for a subscription at its end."),
        False,
    ),
    "reactivated": (
        _("Reactivated MRR"),
        _("MRR of customers who pay at the end of the period, not at its beginning, and had before."),
        True,
    ),
}
MRR = _(
    "At the end of the period: sum of the monthly value of each subscription that is paid for, after discounts and "
    "without tax; yearly prices ÷ 12, weekly times 52 ÷ 12, daily times 365 ÷ 12, each rounded to the smallest unit of "
    "money. Late payments count until they are given up. Leaves out trials and packs."
)


class Recurring(Panel):
    key = "mrr"
    title = _("Recurring revenue")

    def figures(self, period: Period) -> list[Figure]:
        found = spans.by_currency_from_end_to_end(period)
        listed = [
            figure
            for currency in moneys.currencies({code: moved.count for code, moved in found.items()})
            for figure in _figures(found.get(currency, Movement()), currency, period)
        ]
        return [*listed, *_reporting(found)]

    def series(self, period: Period) -> list[Series]:
        found = spans.by_currency(period)
        order = moneys.in_order({code: moved[-1].count for code, moved in found.items()})
        return [series for currency in order for series in _series(period, found[currency], currency)]


def _figures(moved: Movement, currency: str, period: Period) -> list[Figure]:
    def money(key: str, label: object, value: int | None, definition: object, *, good: bool = True) -> Figure:
        return Figure(
            key=key,
            label=str(label),
            value=value,
            unit=Unit.MONEY,
            currency=currency,
            definition=str(definition),
            is_good_when_up=good,
        )

    return [
        money("mrr", _("MRR"), moved.end, MRR),
        money("arr", _("ARR"), moved.end * 12, _("12 times MRR.")),
        *(money(key, label, getattr(moved, key), text, good=good) for key, (label, text, good) in MOVED.items()),
        _churn(moved, currency),
        money(
            "arpu",
            _("ARPU"),
            round(Fraction(moved.end, moved.count)) if moved.count else None,
            _("MRR ÷ the customers who pay for a subscription in this currency, at the end of the period."),
        ),
        money(
            "ltv",
            _("LTV"),
            _ltv(moved, period),
            _(
                "ARPU ÷ customer churn in 30 days, of this currency: customers lost in the period ÷ those at its "
                "beginning, times 30 ÷ its days. Unknown where nobody left. Leaves out packs and what serving a "
                "customer costs."
            ),
        ),
    ]


def _churn(moved: Movement, currency: str) -> Figure:
    return Figure(
        key=f"churn-{currency}",
        label=_("Revenue churn, %(currency)s") % {"currency": currency.upper()},
        value=percent(moved.churned, moved.start),
        unit=Unit.PERCENT,
        is_good_when_up=False,
        definition=_("Churned MRR ÷ MRR at the beginning of the period. Leaves out Contraction."),
    )


def _ltv(moved: Movement, period: Period) -> int | None:
    lost = moved.counts["churned"] * 30
    if not lost or not moved.count:
        return None
    return round(Fraction(moved.end, moved.count) * moved.counts["start"] * period.days / lost)


def _reporting(found: dict[str, Movement]) -> list[Figure]:
    if conf.REPORTING_CURRENCY is None:
        return []
    return [
        Figure(
            key="mrr-all",
            label=_("MRR of all currencies"),
            value=moneys.converted({currency: moved.end for currency, moved in found.items()}),
            unit=Unit.MONEY,
            currency=conf.REPORTING_CURRENCY,
            definition=_("MRR of each currency times its rate in REPORTING_RATES. Unknown where a rate is missing."),
        )
    ]


def _series(period: Period, moved: list[Movement], currency: str) -> list[Series]:
    at = dict(zip(period.places, moved, strict=True))
    total = Series(
        key="mrr",
        label=_("MRR"),
        chart=_("MRR at the end"),
        unit=Unit.MONEY,
        currency=currency,
        points={place: each.end for place, each in at.items()},
        is_line=True,
    )
    return [
        total,
        *(
            Series(
                key=key,
                label=label,
                chart=_("Changes of MRR"),
                definition=_(
                    "As the figures of the same names, from the beginning of each day or month to its end; what came "
                    "and went within one is not seen."
                ),
                unit=Unit.MONEY,
                currency=currency,
                points={place: getattr(each, key) for place, each in at.items()},
            )
            for key, (label, *_rest) in MOVED.items()
        ),
    ]
