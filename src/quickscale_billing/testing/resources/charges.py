"""Charges and the lines of the balance. https://docs.stripe.com/api/charges"""

from __future__ import annotations

from quickscale_billing.testing.listing import DATED, PAGING, Page, newest_first, page
from quickscale_billing.testing.parameters import Params, text
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("charge", identifier)


@accepts(DATED, customer=text, payment_intent=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "charge", params, url="/v1/charges", filters=("customer", "payment_intent"))


@accepts(PAGING)
def list_refunds(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    return page(sandbox.all("refund", charge=identifier)[::-1], params, url=f"/v1/charges/{identifier}/refunds")


@accepts()
def retrieve_balance_transaction(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("balance_transaction", identifier)


@accepts(DATED, source=text, type=text)
def list_balance_transactions(sandbox: Sandbox, params: Params) -> Page:
    url, filters = "/v1/balance_transactions", ("source", "type")
    return newest_first(sandbox, "balance_transaction", params, url=url, filters=filters)
