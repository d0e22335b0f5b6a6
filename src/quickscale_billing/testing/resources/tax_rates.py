"""Rates of tax. https://docs.stripe.com/api/tax_rates"""

from __future__ import annotations

from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import Params, boolean
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("tax_rate", identifier)


@accepts(DATED, active=boolean, inclusive=boolean)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "tax_rate", params, url="/v1/tax_rates", filters=("active", "inclusive"))
