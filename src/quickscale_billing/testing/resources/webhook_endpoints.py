"""Webhook endpoints. https://docs.stripe.com/api/webhook_endpoints"""

from __future__ import annotations

from urllib.parse import urlsplit

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.listing import PAGING, Page, newest_first
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    many,
    merge_metadata,
    metadata,
    text,
    word,
)
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import API_VERSION, Sandbox
from quickscale_billing.testing.store import Object

WRITABLE: Fields = {"description": text, "enabled_events": many(word), "metadata": metadata, "url": text}


@accepts({**WRITABLE, "enabled_events": Required(many(word)), "url": Required(text)}, api_version=text, connect=boolean)
def create(sandbox: Sandbox, params: Params) -> Object:
    """The secret is told once, in this answer."""
    check(params)
    if params.get("api_version") not in {None, API_VERSION}:
        raise invalid(
            f"Invalid api_version: {params['api_version']}; the simulator writes events of {API_VERSION}.",
            param="api_version",
        )
    endpoint = sandbox.create(
        "webhook_endpoint",
        "we",
        api_version=params.get("api_version"),
        application=None,
        description=params.get("description"),
        enabled_events=params["enabled_events"],
        metadata=merge_metadata({}, params.get("metadata", {})),
        status="enabled",
        url=params["url"],
    )
    endpoint["_secret"] = f"whsec_{token(endpoint['id'], 32)}"
    return endpoint | {"secret": endpoint["_secret"]}


def check(params: Params) -> None:
    if "url" in params and urlsplit(params["url"] or "").scheme not in {"http", "https"}:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    if params.get("enabled_events") == []:
        raise invalid("Invalid array: enabled_events must have at least one event.", param="enabled_events")


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("webhook_endpoint", identifier)


@accepts(WRITABLE, disabled=boolean)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    endpoint = sandbox.get("webhook_endpoint", identifier)
    check(params)
    plain = WRITABLE.keys() - {"metadata"}
    endpoint.update({name: value for name, value in params.items() if name in plain})
    if "metadata" in params:
        endpoint["metadata"] = merge_metadata(endpoint["metadata"], params["metadata"])
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    return endpoint


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    sandbox.remove(sandbox.get("webhook_endpoint", identifier))
    return {"id": identifier, "object": "webhook_endpoint", "deleted": True}


@accepts(PAGING)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "webhook_endpoint", params, url="/v1/webhook_endpoints")
