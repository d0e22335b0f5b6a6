"""Money in several currencies, which are never added but in the reporting currency."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from quickscale_billing.conf import conf
from quickscale_billing.models import CreditPack, PlanPrice
from quickscale_billing.money import exponent
from quickscale_credits.analytics import remembered

FALLBACK = "usd"


def currencies(found: Mapping[str, int]) -> list[str]:
    """Those that were found and those in which something is for sale: the reporting currency, then the most used.

    `found` says how often each is used; amounts of several currencies cannot be compared.
    """
    return in_order({code: found.get(code, 0) for code in {*found, *_sold_in()}}) or [FALLBACK]


def in_order(found: Mapping[str, int]) -> list[str]:
    return sorted(found, key=lambda code: (code != conf.REPORTING_CURRENCY, -found[code], code))


@remembered
def _sold_in() -> list[str]:
    packs = CreditPack.objects.filter(is_active=True).order_by().values_list("currency")
    return [
        code for (code,) in PlanPrice.objects.filter(is_active=True).order_by().values_list("currency").union(packs)
    ]


def converted(amounts: Mapping[str, int]) -> int | None:
    """In minor units of the reporting currency, rounded once, half to even; None if a rate is missing."""
    target = conf.REPORTING_CURRENCY
    rates = conf.REPORTING_RATES | {target: Fraction(1)}
    used = {currency: amount for currency, amount in amounts.items() if amount}
    if target is None or not used.keys() <= rates.keys():
        return None
    total = sum((Fraction(amount, 10 ** exponent(each)) * rates[each] for each, amount in used.items()), Fraction(0))
    minor: int = round(total * 10 ** exponent(target))
    return minor
