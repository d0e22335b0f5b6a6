"""Test clocks: time of their own for some customers. https://docs.stripe.com/billing/testing/test-clocks"""

from __future__ import annotations

from datetime import timedelta

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import PAGING, Page, newest_first
from quickscale_billing.testing.parameters import Params, Required, integer, text
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

LASTS = timedelta(days=30)


@accepts(frozen_time=Required(integer), name=text)
def create(sandbox: Sandbox, params: Params) -> Object:
    return sandbox.create(
        "test_helpers.test_clock",
        "clock",
        deletes_after=sandbox.now + int(LASTS.total_seconds()),
        frozen_time=params["frozen_time"],
        name=params.get("name"),
        status="ready",
        status_details={},
    )


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("test_helpers.test_clock", identifier)


@accepts(frozen_time=Required(integer))
def advance(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """Done when it is answered; Stripe takes a while and answers `advancing`."""
    clock = sandbox.get("test_helpers.test_clock", identifier)
    if params["frozen_time"] < clock["frozen_time"]:
        raise invalid("Clock's frozen_time can only be advanced to a future time.", param="frozen_time")
    sandbox.run_test_clock_until(clock, params["frozen_time"])
    sandbox.emit("test_helpers.test_clock.ready", clock)
    return clock


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """Its customers, and all that is theirs, go with it."""
    clock = sandbox.get("test_helpers.test_clock", identifier)
    for customer in sandbox.all("customer", test_clock=identifier):
        for owned in [each for each in sandbox.by_id.values() if each.get("customer") == customer["id"]]:
            sandbox.remove(owned)
        sandbox.remove(customer)
    sandbox.remove(clock)
    return {"id": identifier, "object": "test_helpers.test_clock", "deleted": True}


@accepts(PAGING)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "test_helpers.test_clock", params, url="/v1/test_helpers/test_clocks")
