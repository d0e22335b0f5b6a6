"""What a run is priced by: fixed when its credits are held, and kept on the run, whatever changes afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

from quickscale_credits.amounts import MICRO, from_micro
from quickscale_services.pricing.quantities import as_json


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitRate:
    """Credits for each unit above the free ones."""

    unit: str
    price: Decimal
    free: Decimal = Decimal(0)

    def cost(self, used: Decimal) -> Fraction:
        return Fraction(self.price) * max(Fraction(used) - Fraction(self.free), Fraction(0))


@dataclass(frozen=True, kw_only=True, slots=True)
class CardVersion:
    model: str
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    fixed: Decimal = Decimal(0)
    rates: tuple[UnitRate, ...] = ()
    rate_card: CardVersion | None = None

    def __add__(self, other: Tariff) -> Tariff:
        return Tariff(
            fixed=self.fixed + other.fixed,
            rates=self.rates + other.rates,
            rate_card=self.rate_card or other.rate_card,
        )

    @property
    def units(self) -> frozenset[str]:
        return frozenset(rate.unit for rate in self.rates)

    def cost(self, used: Mapping[str, Decimal]) -> Decimal:
        """Exact, and rounded up once, at the sixth place of the sum."""
        total = sum((rate.cost(used.get(rate.unit, Decimal(0))) for rate in self.rates), Fraction(self.fixed))
        return from_micro(math.ceil(total * MICRO))

    def as_json(self) -> dict[str, Any]:
        """`{"fixed": "2", "rates": [{"unit": "pages", "price": "0.1", "free": "0"}], "rate_card": …}`"""
        kept: dict[str, Any] = {
            "fixed": _text(self.fixed),
            "rates": [{"unit": r.unit, "price": _text(r.price), "free": _text(r.free)} for r in self.rates],
        }
        if self.rate_card:
            kept["rate_card"] = {"model": self.rate_card.model, "version": self.rate_card.version}
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        card = kept.get("rate_card")
        return cls(
            fixed=Decimal(kept["fixed"]),
            rates=tuple(
                UnitRate(unit=rate["unit"], price=Decimal(rate["price"]), free=Decimal(rate["free"]))
                for rate in kept["rates"]
            ),
            rate_card=CardVersion(**card) if card else None,
        )


def _text(number: Decimal) -> str:
    return str(as_json(number))
