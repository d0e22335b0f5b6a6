"""One request to the API: who asks, has it been asked before, which operation answers."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from quickscale_billing.testing import forms, routing
from quickscale_billing.testing.errors import StripeError, idempotency_mismatch, invalid, unauthorized
from quickscale_billing.testing.listing import Page
from quickscale_billing.testing.parameters import parse_fields
from quickscale_billing.testing.rendering import expand_path, render
from quickscale_billing.testing.routing import Route
from quickscale_billing.testing.sandbox import API_VERSION, Request, Sandbox
from quickscale_billing.testing.store import Object

logger = logging.getLogger("quickscale_billing.simulator")

KEY_PREFIXES = ("sk_test_", "rk_test_")
# https://docs.stripe.com/api/idempotent_requests: "after they're at least 24 hours old"
KEYS_LAST = timedelta(hours=24)
LONGEST_KEY = 255


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, for those who want to look at the traffic."""

    method: str
    path: str
    route: str | None
    parameters: Mapping[str, Any]
    status: int
    body: Object


@dataclass(frozen=True)
class Answer:
    status: int
    body: Object
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Remembered:
    request: tuple[str, str, str]
    status: int
    body: Object
    at: int


class Api:
    def __init__(self, sandbox: Sandbox, routes: Sequence[Route]) -> None:
        self.sandbox = sandbox
        self.routes = routes
        self.remembered: dict[str, Remembered] = {}
        self.recorders: list[Callable[[Exchange], None]] = []
        self.outage: StripeError | None = None

    def answer(self, method: str, path: str, encoded: str, headers: Mapping[str, str]) -> Answer:
        with self.sandbox.lock:
            key = headers.get("Idempotency-Key") if method == "POST" else None
            self.sandbox.request = Request(self.sandbox.ids.make("req", length=14), key)
            try:
                status, body, replayed = self.once(method, path, encoded, headers, key)
            except StripeError as error:
                status, body, replayed = error.status, error.body(), False
            except Exception as error:
                logger.exception("The simulator failed at %s %s", method, path)
                status, body, replayed = self.broken(error)
            shown = self.headers(key, replayed=replayed)
            self.sandbox.request = Request()
        self.record(method, path, encoded, status, body)
        return Answer(status, body, shown)

    def broken(self, error: Exception) -> tuple[int, Object, bool]:
        failure = StripeError(HTTPStatus.INTERNAL_SERVER_ERROR, "api_error", f"The simulator failed: {error!r}")
        return failure.status, failure.body(), False

    def headers(self, key: str | None, *, replayed: bool) -> dict[str, str]:
        shown = {"Request-Id": str(self.sandbox.request.id), "Stripe-Version": API_VERSION}
        if key:
            shown["Idempotency-Key"] = key
        if replayed:
            shown["Idempotent-Replayed"] = "true"
        return shown

    def once(
        self, method: str, path: str, encoded: str, headers: Mapping[str, str], key: str | None
    ) -> tuple[int, Object, bool]:
        """The answer, which a request with the same idempotency key gets again."""
        if self.outage:
            raise self.outage
        authenticate(headers.get("Authorization", ""))
        self.check_account(headers.get("Stripe-Account"))
        if key is None:
            return *self.perform(method, path, encoded), False
        if len(key) > LONGEST_KEY:
            raise invalid(f"Idempotency keys can have up to {LONGEST_KEY} characters.")
        if known := self.recall(key):
            if known.request != (method, path, encoded):
                raise idempotency_mismatch(key)
            return known.status, known.body, True
        status, body = self.perform(method, path, encoded, key)
        return status, body, False

    def recall(self, key: str) -> Remembered | None:
        known = self.remembered.get(key)
        if known and self.sandbox.clock.seconds - known.at >= KEYS_LAST.total_seconds():
            del self.remembered[key]
            return None
        return known

    def perform(self, method: str, path: str, encoded: str, key: str | None = None) -> tuple[int, Object]:
        found = routing.find(self.routes, method, path)
        if found is None:
            raise unrecognized(method, path)
        route, arguments = found
        params = parse_fields(forms.parse(encoded), route.fields)
        # From here on the request counts as executed: its answer is kept under its key, be it an error.
        status, body = self.execute(route, arguments, params)
        if key:
            now = self.sandbox.clock.seconds
            self.remembered[key] = Remembered((method, path, encoded), status, body, now)
        return status, body

    def execute(self, route: Route, arguments: list[str], params: Object) -> tuple[int, Object]:
        expand, known = params.pop("expand", []), len(self.sandbox.made)
        try:
            with self.sandbox.on_clock_of(self.customer_of(arguments, params)):
                found = route.operation(self.sandbox, params, *arguments)
            return HTTPStatus.OK, self.render(found, expand)
        except StripeError as error:
            if error.status != HTTPStatus.PAYMENT_REQUIRED:
                # A refused request leaves nothing behind; a declined payment does.
                self.sandbox.forget_since(known)
            return error.status, error.body()

    def customer_of(self, arguments: list[str], params: Object) -> str | None:
        if isinstance(params.get("customer"), str):
            return str(params["customer"])
        named = [*arguments[:1], params.get("subscription"), params.get("from_subscription"), params.get("invoice")]
        for identifier in named:
            found = self.sandbox.by_id.get(str(identifier))
            if found:
                return str(found["id"] if found["object"] == "customer" else found.get("customer"))
        return None

    def render(self, found: Object, expand: list[str]) -> Object:
        if not isinstance(found, Page):
            return self.render_one(found, expand)
        answer = {**found, "data": [render(self.sandbox, each) for each in found["data"]]}
        for path in expand:
            expand_path(self.sandbox, answer, path.split("."), path)
        return answer

    def render_one(self, found: Object, expand: list[str]) -> Object:
        if not found.pop("_rendered", False):
            return render(self.sandbox, found, expand)
        for path in expand:
            expand_path(self.sandbox, found, path.split("."), path)
        return found

    def check_account(self, named: str | None) -> None:
        own = next(iter(self.sandbox.kinds["account"]))
        if named and named != own:
            message = f"The provided key does not have access to account '{named}' (or that account does not exist)."
            raise StripeError(HTTPStatus.FORBIDDEN, "invalid_request_error", message, code="account_invalid")

    def record(self, method: str, path: str, encoded: str, status: int, body: Object) -> None:
        if not self.recorders:
            return
        found = routing.find(self.routes, method, path)
        route = found[0].path if found else None
        exchange = Exchange(method, path, route, understood(encoded), status, json.loads(json.dumps(body)))
        for recorder in self.recorders:
            recorder(exchange)


def understood(encoded: str) -> Mapping[str, Any]:
    try:
        return forms.parse(encoded)
    except StripeError:
        return {}


def authenticate(authorization: str) -> None:
    scheme, _, credentials = authorization.partition(" ")
    key = basic_user(credentials) if scheme.lower() == "basic" else credentials.strip()
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if not key.startswith(KEY_PREFIXES):
        hint = "the simulator takes any test key: sk_test_ and at least one character"
        raise unauthorized(f"Invalid API Key provided: {key[:8]}{'*' * 8} ({hint})")


def basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def unrecognized(method: str, path: str) -> StripeError:
    message = (
        f"Unrecognized request URL ({method}: {path}). Stripe's simulator plays a part of Stripe's API; "
        "docs/reference/simulator.md lists it."
    )
    return StripeError(HTTPStatus.NOT_FOUND, "invalid_request_error", message)
