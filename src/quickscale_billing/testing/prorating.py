"""What a change in the middle of a period gives back, and what it costs, to the second.

https://docs.stripe.com/billing/subscriptions/prorations
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from quickscale_billing.testing.amounts import rounded
from quickscale_billing.testing.invoice_lines import Draft, price_of
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@dataclass(frozen=True)
class Holding:
    """What an item is at one moment: so many of a price, in a period."""

    item: str
    price: str
    quantity: int
    start: int
    end: int

    @classmethod
    def of(cls, item: Object) -> Holding:
        return cls(
            item["id"], item["price"], item["quantity"], item["current_period_start"], item["current_period_end"]
        )


def drafts(
    sandbox: Sandbox, subscription: Object, before: list[Holding], after: list[Holding], *, at: int
) -> list[Draft]:
    """Two lines for each item that changed: the unused time of the old, the remaining time of the new."""
    old, new = {each.item: each for each in before}, {each.item: each for each in after}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    given_back = [unused(sandbox, subscription, old[name], at) for name in changed if name in old]
    charges = [remaining(sandbox, subscription, new[name], at) for name in changed if name in new]
    return [draft for draft in [*given_back, *charges] if draft.amount]


def unused(sandbox: Sandbox, subscription: Object, holding: Holding, at: int) -> Draft:
    name = name_of(sandbox, holding)
    return Draft(
        amount=-share(sandbox, holding, at),
        description=f"Unused time on {name} after {day(at)}",
        credited=credited(sandbox, subscription, holding, at),
        **about(subscription, holding, at),
    )


def remaining(sandbox: Sandbox, subscription: Object, holding: Holding, at: int) -> Draft:
    name = name_of(sandbox, holding)
    return Draft(
        amount=share(sandbox, holding, at),
        description=f"Remaining time on {name} after {day(at)}",
        **about(subscription, holding, at),
    )


def about(subscription: Object, holding: Holding, at: int) -> Object:
    return {
        "start": at,
        "end": holding.end,
        "price": holding.price,
        "quantity": holding.quantity,
        "subscription": subscription["id"],
        "subscription_item": holding.item,
        "proration": True,
        "metadata": dict(subscription["metadata"]),
    }


def share(sandbox: Sandbox, holding: Holding, at: int) -> int:
    """Rounding half up is our reading."""
    price = sandbox.by_id[holding.price]
    left, whole = holding.end - at, holding.end - holding.start
    return rounded(Decimal(price["unit_amount"] * holding.quantity * left) / whole) if whole else 0


def name_of(sandbox: Sandbox, holding: Holding) -> str:
    product = sandbox.by_id[sandbox.by_id[holding.price]["product"]]["name"]
    return product if holding.quantity == 1 else f"{holding.quantity} \N{MULTIPLICATION SIGN} {product}"


def day(moment: int) -> str:
    date = datetime.fromtimestamp(moment, UTC)
    return f"{date.day} {date:%b %Y}"


def credited(sandbox: Sandbox, subscription: Object, holding: Holding, at: int) -> Object | None:
    """The line that was paid for the time given back: the newest one of this price that reaches beyond now."""
    for line in reversed(sandbox.all("line_item", subscription=subscription["id"])):
        reaches = line["period"]["end"] > at and line["amount"] > 0
        if reaches and price_of(line) == holding.price:
            return {"invoice": line["invoice"], "invoice_line_items": [line["id"]]}
    return None
