"""Rate cards from published prices of models, as the package genai-prices keeps them; nothing is fetched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices import Usage, calc_price
from genai_prices.types import TieredPrices

from quickscale_credits.amounts import MICRO, from_micro
from quickscale_services.models import RateCard

# The prices of a card, and what the package calls them: dollars for a million tokens.
NAMES = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "output": "output_mtok",
}


class UnknownModel(LookupError):
    """No price by tokens is published for a model of this name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What one's own credits are worth, and what is put on top."""

    credits_per_dollar: Decimal
    margin: Decimal = Decimal(0)


def card_of(model: str, terms: Terms, *, provider: str | None = None) -> RateCard:
    """Not saved. Fractions are rounded up at the sixth place; of prices in tiers the dearest is taken.

    Raises `UnknownModel`.
    """
    try:
        found = calc_price(Usage(input_tokens=1, output_tokens=1), model, provider_id=provider)
    except LookupError as error:
        raise UnknownModel(f"No price is known of {model!r}: {error}.") from error
    prices = {name: _credits(getattr(found.model_price, theirs), terms) for name, theirs in NAMES.items()}
    if prices["input"] is None:
        raise UnknownModel(f"{found.model.id!r} of {found.provider.id} is not sold by tokens.")
    # Embeddings have no output; what gave some nevertheless would not be free.
    prices["output"] = prices["input"] if prices["output"] is None else prices["output"]
    source = f"{found.provider.id} {found.model.id}, genai-prices {version('genai-prices')}"
    note = f"{source}, {terms.credits_per_dollar:f} credits a dollar"
    return RateCard(model=model, margin=terms.margin, note=note, **prices)


def _credits(dollars: Any, terms: Terms) -> Decimal | None:
    if isinstance(dollars, TieredPrices):
        dollars = max(dollars.base, *(tier.price for tier in dollars.tiers))
    if dollars is None:
        return None
    return from_micro(math.ceil(Decimal(dollars) * terms.credits_per_dollar * MICRO))
