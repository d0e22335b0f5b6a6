"""The rates of automatic tax, which Stripe makes by itself. https://docs.stripe.com/tax/tax-rates"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quickscale_billing.testing.amounts import Amounts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def on_invoice(sandbox: Sandbox, amounts: Amounts) -> list[Object]:
    """`taxes` of a line; rates by their ids."""
    behavior = "inclusive" if amounts.is_tax_included else "exclusive"
    return [
        {
            "amount": amount,
            "tax_behavior": behavior,
            "tax_rate_details": {"tax_rate": rate["id"]},
            "taxability_reason": "standard_rated",
            "taxable_amount": amounts.subtotal - amounts.discount,
            "type": "tax_rate_details",
        }
        for rate, amount in charged(sandbox, amounts)
    ]


def on_session(sandbox: Sandbox, amounts: Amounts) -> list[Object]:
    """`taxes` of a line; rates by their ids, which are whole objects in answers."""
    taxable = amounts.subtotal - amounts.discount
    return [
        {"amount": amount, "rate": rate["id"], "taxability_reason": "standard_rated", "taxable_amount": taxable}
        for rate, amount in charged(sandbox, amounts)
    ]


def added_up(lines: Iterable[Object], *, of: str) -> list[Object]:
    """What the taxes in this member of the lines come to, rate by rate."""
    sums: dict[str, Object] = {}
    for tax in (tax for line in lines for tax in line[of]):
        rate = tax["rate"] if "rate" in tax else tax["tax_rate_details"]["tax_rate"]
        before = sums.get(rate, {"amount": 0, "taxable_amount": 0})
        sums[rate] = tax | {name: tax[name] + before[name] for name in ("amount", "taxable_amount")}
    return [*sums.values()]


def charged(sandbox: Sandbox, amounts: Amounts) -> list[tuple[Object, int]]:
    """Nothing at a rate of 0, nor on lines that cost nothing."""
    if not amounts.tax:
        return []
    percents = sandbox.conduct.taxes.items()
    rates = [found_or_made(sandbox, name, percent, inclusive=amounts.is_tax_included) for name, percent in percents]
    return [(rate, amount) for rate, amount in zip(rates, amounts.taxes, strict=True) if amount]


def found_or_made(sandbox: Sandbox, name: str, percent: Decimal, *, inclusive: bool) -> Object:
    told: Object = {"display_name": name, "inclusive": inclusive, "percentage": float(percent)}
    for found in sandbox.all("tax_rate", **told):
        return found
    return sandbox.create(
        "tax_rate",
        "txr",
        **told,
        active=True,
        country=None,
        description=None,
        effective_percentage=float(percent),
        flat_amount=None,
        jurisdiction=None,
        jurisdiction_level=None,
        metadata={},
        rate_type="percentage",
        state=None,
        tax_type=None,
    )
