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
    taxes: tuple[int, ...] = ()
    is_tax_included: bool = False

    @property
    def tax(self) -> int:
        return sum(self.taxes)

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + (0 if self.is_tax_included else self.tax)


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def amounts_of(sandbox: Sandbox, subtotal: int, discount: int, *, tax_behavior: str | None, taxed: bool) -> Amounts:
    """With automatic tax, at the rates that the simulator was told (none unless told), each of what is left without any
    tax."""
    included = tax_behavior == "inclusive"
    percents = [*sandbox.conduct.taxes.values()] if taxed else []
    base, whole = Decimal(subtotal - discount), 100 + (sum(percents) if included else 0)
    return Amounts(subtotal, discount, tuple(rounded(base * percent / whole) for percent in percents), included)


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
