"""Events, each with its object as it was then. https://docs.stripe.com/api/events"""

from __future__ import annotations

from fnmatch import fnmatchcase

from quickscale_billing.testing.listing import DATED, Page, page
from quickscale_billing.testing.parameters import Params, boolean, many, word
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("event", identifier)


@accepts(DATED, type=word, types=many(word), delivery_success=boolean)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    kinds = params.get("types", [params["type"]] if "type" in params else ["*"])
    chosen = [each for each in reversed(sandbox.all("event")) if any(fnmatchcase(each["type"], kind) for kind in kinds)]
    if "delivery_success" in params:
        chosen = [each for each in chosen if (each["pending_webhooks"] == 0) is params["delivery_success"]]
    return page(chosen, params, url="/v1/events")
