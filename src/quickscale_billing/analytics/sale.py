"""What was paid in a place of a period, or went back in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

Product = tuple[int | None, int | None]  # the plan, the pack
UNKNOWN: Product = (None, None)


@dataclass(frozen=True, kw_only=True)
class Sale:
    """Payments of a place, or (`number` 0) what went back in it, in minor units. `gross` and the rest are without tax;
    `tax` is below zero where it went back with a payment."""

    place: date
    currency: str
    product: Product = UNKNOWN
    number: int = 0
    gross: int = 0
    refunded: int = 0
    disputed: int = 0
    tax: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.refunded - self.disputed
