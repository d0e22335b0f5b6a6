"""The taxes in what was sold, each by itself, as Stripe tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quickscale_billing.stripe.readers import Json

PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxRate:
    """`percentage` is None of a tax that is so much money, whatever the price."""

    id: str
    name: str
    percentage: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tax:
    """All of one rate, in minor units. `rate` is what the rate is where Stripe said more of it than its id."""

    rate_id: str | None
    amount: int
    is_included: bool
    rate: TaxRate | None = None


def read_session_taxes(found: Json) -> tuple[Tax, ...]:
    """None where `total_details.breakdown` was not expanded."""
    breakdown: Json = (found.get("total_details") or {}).get("breakdown") or {}
    return _added_up(
        _tax(each["rate"], each, is_included=each["rate"]["inclusive"]) for each in _all(breakdown, "taxes")
    )


def read_invoice_taxes(found: Json) -> tuple[Tax, ...]:
    """Their rates are ids alone, unless they were expanded."""
    return _added_up(
        _tax(
            (each.get("tax_rate_details") or {}).get("tax_rate"), each, is_included=each["tax_behavior"] == "inclusive"
        )
        for each in _all(found, "total_taxes")
    )


def read_rate(found: Json) -> TaxRate:
    return TaxRate(id=found["id"], name=found.get("display_name") or "", percentage=_percentage(found))


def _percentage(rate: Json) -> Decimal | None:
    """https://docs.stripe.com/api/tax_rates/object: the effective one is what automatic tax has counted with."""
    effective = rate.get("effective_percentage")
    told = rate.get("percentage") if effective is None else effective
    if told is None or rate.get("rate_type") == "flat_amount":
        return None
    return Decimal(str(told)).quantize(PLACES)


def _tax(rate: Any, found: Json, *, is_included: bool) -> Tax:
    read = read_rate(rate) if isinstance(rate, Mapping) else None
    return Tax(rate_id=read.id if read else rate, amount=found["amount"], is_included=is_included, rate=read)


def _added_up(taxes: Iterable[Tax]) -> tuple[Tax, ...]:
    """One of each rate, in Stripe's order; those that come to nothing are left out."""
    sums: dict[tuple[str | None, bool], Tax] = {}
    for tax in taxes:
        before = sums.get(key := (tax.rate_id, tax.is_included))
        sums[key] = replace(tax, amount=tax.amount + before.amount) if before else tax
    return tuple(tax for tax in sums.values() if tax.amount)


def _all(found: Json, name: str) -> list[Json]:
    taxes: list[Json] = found.get(name) or []
    return taxes
