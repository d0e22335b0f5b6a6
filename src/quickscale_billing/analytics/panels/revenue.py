"""What was sold, what went back, and what is left of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext_lazy as _

from quickscale_billing.analytics import moneys, products, sales
from quickscale_billing.analytics.sale import Product, Sale
from quickscale_billing.conf import conf
from quickscale_credits.analytics import Column, Figure, Panel, Period, Series, Table, Unit

KINDS: Final = {
    "gross": (
        _("Gross"),
        _(
            "Sum of the payments that arrived in the period, after discounts and without tax. Leaves out sales that "
            "cost nothing."
        ),
        True,
    ),
    "refunded": (
        _("Refunded"),
        _(
            "Sum of the refunds made in the period, of payments of whatever time, without the tax in them. Leaves out "
            "refunds that failed, were canceled or have not reached Stripe."
        ),
        False,
    ),
    "disputed": (
        _("Disputed"),
        _(
            "Sum of the disputes lost in the period, without the tax in them. Leaves out disputes that are open or "
            "were won, Stripe's fees, and what had been refunded before."
        ),
        False,
    ),
    "net": (_("Net"), _("Gross less Refunded and Disputed."), True),
    "tax": (
        _("Tax"),
        _("Tax in the payments of the period, less the part that went back with its refunds and lost disputes."),
        None,
    ),
}
BY_PRODUCT = _(
    "Each pack with what it cost, else a payment under the last plan that its invoice pays for; what went back, in the "
    "period in which it did and in proportion. A payment for several packs counts with each of them."
)


class Revenue(Panel):
    key = "revenue"
    title = _("Revenue")

    def figures(self, period: Period) -> list[Figure]:
        found = by_currency(sales.sales(period))
        money = [
            Figure(
                key=key,
                label=label,
                value=_sum(found[currency], key),
                unit=Unit.MONEY,
                currency=currency,
                definition=definition,
                is_good_when_up=is_good,
            )
            for currency in moneys.currencies(_used(found))
            for key, (label, definition, is_good) in KINDS.items()
        ]
        return [*money, *_reporting(found), _payments(found), _top_ups(period)]

    def series(self, period: Period) -> list[Series]:
        found = by_currency(sales.sales(period))
        order = moneys.currencies(_used(found))
        shown = [_over_time(period, found[currency], currency, key) for currency in order for key in KINDS]
        return [*shown, *(each for code in order for each in _products(period, found[code], code))]

    def tables(self, period: Period) -> list[Table]:
        found = by_currency(sales.sales(period))
        return [_table(found[currency], currency) for currency in moneys.currencies(_used(found))]


def by_currency(rows: Iterable[Sale]) -> defaultdict[str, list[Sale]]:
    found: defaultdict[str, list[Sale]] = defaultdict(list)
    for row in rows:
        found[row.currency].append(row)
    return found


def _used(found: dict[str, list[Sale]]) -> dict[str, int]:
    return {currency: _sum(rows, "payments") for currency, rows in found.items()}


def _sum(rows: Iterable[Sale], key: str) -> int:
    return sum(getattr(row, key) for row in rows)


def _reporting(found: dict[str, list[Sale]]) -> list[Figure]:
    if conf.REPORTING_CURRENCY is None:
        return []
    return [
        Figure(
            key="net-all",
            label=_("Net of all currencies"),
            value=moneys.converted({currency: _sum(rows, "net") for currency, rows in found.items()}),
            unit=Unit.MONEY,
            currency=conf.REPORTING_CURRENCY,
            definition=_(
                "Net of each currency times its rate in REPORTING_RATES, whatever the rate was at the time. Unknown "
                "where a rate is missing."
            ),
        )
    ]


def _payments(found: dict[str, list[Sale]]) -> Figure:
    return Figure(
        key="payments",
        label=_("Payments"),
        value=sum(_sum(rows, "payments") for rows in found.values()),
        definition=_("Payments above zero that arrived in the period, those that went back among them."),
    )


def _top_ups(period: Period) -> Figure:
    return Figure(
        key="top-ups",
        label=_("Auto top-ups"),
        value=sales.topped_up(period),
        definition=_("Those of the Payments for which a pack was bought by itself, because credits ran low."),
    )


def _over_time(period: Period, rows: list[Sale], currency: str, key: str) -> Series:
    label, definition, _is_good = KINDS[key]
    return Series(
        key=key,
        label=label,
        chart=_("Tax") if key == "tax" else _("Revenue"),
        definition=definition if key == "tax" else "",
        unit=Unit.MONEY,
        currency=currency,
        points=_by_place(period, rows, key),
        is_line=key == "net",
    )


def _by_place(period: Period, rows: Iterable[Sale], key: str) -> dict[object, int]:
    found: dict[object, int] = dict.fromkeys(period.places, 0)
    for row in rows:
        found[row.place] += getattr(row, key)
    return found


def _by_product(rows: Iterable[Sale]) -> dict[Product, list[Sale]]:
    """In the order of the catalog."""
    found: dict[Product, list[Sale]] = {product: [] for product in products.names()}
    for row in rows:
        found.setdefault(row.product, []).append(row)
    return {product: each for product, each in found.items() if each}


def _name(product: Product) -> str:
    return products.names().get(product) or str(_("Other"))


def _products(period: Period, rows: list[Sale], currency: str) -> list[Series]:
    return [
        Series(
            key=f"product-{product or 'other'}",
            label=_name(product),
            chart=_("Net by product"),
            definition=BY_PRODUCT,
            unit=Unit.MONEY,
            currency=currency,
            points=_by_place(period, each, "net"),
            is_stacked=True,
        )
        for product, each in _by_product(rows).items()
    ]


def _table(rows: list[Sale], currency: str) -> Table:
    return Table(
        key=f"products-{currency}",
        title=_("By product, %(currency)s") % {"currency": currency.upper()},
        definition=BY_PRODUCT,
        columns=[
            Column(key="product", label=_("Product"), unit=Unit.TEXT),
            Column(key="payments", label=_("Payments")),
            *(
                Column(key=key, label=label, unit=Unit.MONEY, currency=currency)
                for key, (label, *_rest) in KINDS.items()
            ),
        ],
        rows=[
            [_name(product), _sum(each, "sales"), *(_sum(each, key) for key in KINDS)]
            for product, each in _by_product(rows).items()
        ],
    )
