"""What was paid in a place of a period, or went back in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

Product = str  # "plan-1" or "pack-1", with the key of its row
UNKNOWN: Product = ""


@dataclass(frozen=True, kw_only=True)
class Sale:
    """Sums of a place, in minor units, named as those of a `SalesRollup`."""

    place: date
    currency: str
    product: Product
    payments: int
    sales: int
    gross: int
    refunded: int
    disputed: int
    tax: int

    @property
    def net(self) -> int:
        return self.gross - self.refunded - self.disputed
