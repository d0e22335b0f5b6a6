"""What a line comes to: before discounts, the discounts, the tax, all in minor units.

https://docs.stripe.com/tax/subscriptions/discounts-and-tax; rounding half up is our reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@dataclass(frozen=True)
class Amounts:
    subtotal: int
    discount: int = 0
    tax: int = 0
    is_tax_included: bool = False

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + (0 if self.is_tax_included else self.tax)


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def amounts_of(sandbox: Sandbox, subtotal: int, discount: int, *, tax_behavior: str | None, taxed: bool) -> Amounts:
    """With automatic tax, at the one rate that the simulator was told (0 unless told)."""
    included = tax_behavior == "inclusive"
    percent = Decimal(str(sandbox.conduct.tax_percent)) if taxed else Decimal(0)
    base = Decimal(subtotal - discount)
    tax = base * percent / (100 + percent) if included else base * percent / 100
    return Amounts(subtotal, discount, rounded(tax), included)


def spread_discount(subtotals: Sequence[int], coupon: Object | None) -> list[int]:
    """Each line's part of what the coupon takes off; the last line with money takes what rounding leaves."""
    if coupon is None:
        return [0] * len(subtotals)
    if coupon["percent_off"] is not None:
        percent = Decimal(str(coupon["percent_off"]))
        return [rounded(subtotal * percent / 100) for subtotal in subtotals]
    return shares(min(coupon["amount_off"], sum(subtotals)), subtotals)


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    parts, left, weight_left = [], amount, sum(weights)
    for weight in weights:
        part = rounded(Decimal(left * weight) / weight_left) if weight_left else 0
        parts.append(part)
        left, weight_left = left - part, weight_left - weight
    return parts
