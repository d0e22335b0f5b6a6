"""What pays an invoice. https://docs.stripe.com/api/invoice-payment"""

from __future__ import annotations

from quickscale_billing.testing.listing import DATED, Page, page
from quickscale_billing.testing.parameters import Params, Required, nested, one_of, text
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("invoice_payment", identifier)


@accepts(
    DATED,
    invoice=text,
    payment=nested(type=Required(one_of("payment_intent")), payment_intent=text),
    status=one_of("canceled", "open", "paid"),
)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    """https://docs.stripe.com/api/invoice-payment/list"""
    equal = {name: params[name] for name in ("invoice", "status") if name in params}
    found = sandbox.all("invoice_payment", **equal)[::-1]
    if intent := params.get("payment", {}).get("payment_intent"):
        found = [each for each in found if each["payment"]["payment_intent"] == intent]
    return page(found, params, url="/v1/invoice_payments")
