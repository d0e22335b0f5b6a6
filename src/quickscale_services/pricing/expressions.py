"""The expressions that stand as a service's `cost`.

A sum is exact and rounded up once, at the sixth place, however it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_services.exceptions import InvalidInput, NoRateCard
from quickscale_services.pricing.quantities import quantity
from quickscale_services.pricing.tariffs import CardVersion, Tariff, UnitRate
from quickscale_services.pricing.words import MILLION, in_credits, per_number, per_unit
from quickscale_services.usage import TOKENS

if TYPE_CHECKING:
    from quickscale_services.exceptions import Message
    from quickscale_services.models import RateCard

Amount = int | Decimal | str

UNIT = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Price:
    """An expression that stands as a service's `cost`; `+` makes a sum of it and another, or an amount."""

    @property
    def units(self) -> frozenset[str]:
        """What has to be measured."""
        return frozenset()

    @property
    def parts(self) -> tuple[Price, ...]:
        return (self,)

    def tariff(self, data: Any) -> Tariff:
        """What a run on this `Input` is priced by, with the rate cards of this moment."""
        raise NotImplementedError

    def __add__(self, other: object) -> Price:
        return Sum((*self.parts, *as_price(other).parts)) if isinstance(other, Price | Amount) else NotImplemented

    def __radd__(self, other: object) -> Price:
        return as_price(other) + self if isinstance(other, Amount) else NotImplemented


@dataclass(frozen=True)
class Fixed(Price):
    """So much for each run."""

    amount: Amount

    def __post_init__(self) -> None:
        amount = from_micro(to_micro(self.amount))
        if amount < 0:
            raise ValueError(f"A fixed price is 0 credits or more, not {amount}.")
        object.__setattr__(self, "amount", amount)

    def tariff(self, data: Any) -> Tariff:
        return Tariff(fixed=Decimal(self.amount))

    def __str__(self) -> str:
        return in_credits(Decimal(self.amount)) if self.amount else _("Free")


@dataclass(frozen=True)
class PerUnit(Price):
    """So much for each unit that a run has recorded, but for the first `free` ones.

    `each` is the unit's name in the singular, for people, where taking off the plural's "s" is not enough.
    """

    unit: str
    price: Amount
    free: Amount = 0
    each: Message = ""

    def __post_init__(self) -> None:
        if not isinstance(self.unit, str) or not UNIT.fullmatch(self.unit):
            raise ValueError(f"A unit is named in small letters, digits and _, such as 'pages', not {self.unit!r}.")
        object.__setattr__(self, "price", quantity(self.price, f"The price of {self.unit}"))
        object.__setattr__(self, "free", quantity(self.free, f"What is free of {self.unit}"))

    @property
    def units(self) -> frozenset[str]:
        return frozenset({self.unit})

    def tariff(self, data: Any) -> Tariff:
        return Tariff(rates=(UnitRate(unit=self.unit, price=Decimal(self.price), free=Decimal(self.free)),))

    def __str__(self) -> str:
        return per_unit(Decimal(self.price), self.unit, each=str(self.each), free=Decimal(self.free))


@dataclass(frozen=True)
class FromInput:
    """The model that the input names: `PerToken(FromInput("model"))`. One without a rate card is `InvalidInput`."""

    field: str

    def __call__(self, data: Any) -> str:
        return str(getattr(data, self.field))


@dataclass(frozen=True)
class PerToken(Price):
    """By the rate card of a model: its name, or what gives it for an `Input`.

    `margin` stands in for the card's: 0.25 for a quarter more than the card's prices.
    """

    model: str | Callable[[Any], str]
    margin: Amount | None = None

    def __post_init__(self) -> None:
        if not self.model or not (isinstance(self.model, str) or callable(self.model)):
            raise ValueError(f"A model is a name, or gives one for an Input; it is not {self.model!r}.")
        if self.margin is not None:
            object.__setattr__(self, "margin", quantity(self.margin, "A margin", places=4))

    @property
    def units(self) -> frozenset[str]:
        return frozenset(TOKENS)

    def tariff(self, data: Any) -> Tariff:
        """Raises `NoRateCard`; `InvalidInput` where the input has named the model."""
        model = self.model if isinstance(self.model, str) else self.model(data)
        try:
            return self._by(card_of(model))
        except NoRateCard:
            if isinstance(self.model, FromInput):
                message = _("“%(model)s” is not offered.") % {"model": model}
                raise InvalidInput.on(self.model.field, message) from None
            raise

    def _by(self, card: RateCard) -> Tariff:
        factor = (1 + Decimal(card.margin if self.margin is None else self.margin)) / MILLION
        rates = tuple(UnitRate(unit=unit, price=price * factor) for unit, price in card.prices.items())
        return Tariff(rates=rates, rate_card=CardVersion(model=card.model, version=card.version))

    def __str__(self) -> str:
        if not isinstance(self.model, str):
            return _("by the tokens of the model")
        try:
            rates = {rate.unit: rate.price for rate in self._by(card_of(self.model)).rates}
        except NoRateCard:
            return _("by the tokens of %(model)s") % {"model": self.model}
        return " + ".join(per_number(rates[unit], unit, number=MILLION) for unit in _differing(rates))


@dataclass(frozen=True)
class Sum(Price):
    summands: tuple[Price, ...]

    def __post_init__(self) -> None:
        if sum(isinstance(part, PerToken) for part in self.summands) > 1:
            raise ValueError("A price has one PerToken: two would both count every token.")

    @property
    def units(self) -> frozenset[str]:
        return frozenset().union(*(part.units for part in self.summands))

    @property
    def parts(self) -> tuple[Price, ...]:
        return self.summands

    def tariff(self, data: Any) -> Tariff:
        return sum((part.tariff(data) for part in self.summands), Tariff())

    def __str__(self) -> str:
        told = [part for part in self.summands if part != Fixed(0)]
        return " + ".join(map(str, told or [Fixed(0)]))


def as_price(cost: object) -> Price:
    """A plain amount as the fixed price that it is. Raises `TypeError` and `ValueError`."""
    return cost if isinstance(cost, Price) else Fixed(cost)  # type: ignore[arg-type]


def card_of(model: str) -> RateCard:
    """The version that is in force now. Raises `NoRateCard`."""
    from quickscale_services.models import RateCard

    # PostgreSQL refuses to look for text with a NUL character.
    card = None if "\0" in model else RateCard.objects.in_force().filter(model=model).first()
    if card is None:
        raise NoRateCard(model)
    return card


def _differing(rates: dict[str, Decimal]) -> Iterable[str]:
    """Tokens of a cache and of reasoning are told apart only where they cost something else."""
    alike = {
        "cached_tokens": "input_tokens",
        "cache_write_tokens": "input_tokens",
        "cache_write_1h_tokens": "cache_write_tokens",
        "reasoning_tokens": "output_tokens",
    }
    return [unit for unit in rates if unit not in alike or rates[unit] != rates[alike[unit]]]
