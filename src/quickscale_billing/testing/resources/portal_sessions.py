"""Sessions of Stripe's customer portal. https://docs.stripe.com/api/customer_portal/sessions"""

from __future__ import annotations

from quickscale_billing.testing import locales
from quickscale_billing.testing.parameters import Params, Required, one_of, text, unless_empty
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts(customer=Required(text), locale=unless_empty(one_of(*locales.PORTAL)), return_url=text)
def create(sandbox: Sandbox, params: Params) -> Object:
    customer = sandbox.get("customer", params["customer"], param="customer")
    session = sandbox.create(
        "billing_portal.session",
        "bps",
        configuration="bpc_simulated",
        customer=customer["id"],
        customer_account=None,
        flow=None,
        locale=params.get("locale"),
        on_behalf_of=None,
        return_url=params.get("return_url"),
    )
    session["url"] = f"{sandbox.address}/p/session/{session['id']}"
    return session
