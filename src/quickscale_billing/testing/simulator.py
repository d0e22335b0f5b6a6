"""Stripe, played by a server on loopback: start it, pay, move its clock, and watch the webhooks come."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from quickscale_billing.testing import authentication, checkout, disputing
from quickscale_billing.testing.api import Api
from quickscale_billing.testing.cards import VISA
from quickscale_billing.testing.checkout import Payer
from quickscale_billing.testing.clock import Clock
from quickscale_billing.testing.errors import StripeError
from quickscale_billing.testing.pages.site import Site
from quickscale_billing.testing.resources import refunds, webhook_endpoints
from quickscale_billing.testing.resources.accounts import open_account
from quickscale_billing.testing.routes import ROUTES
from quickscale_billing.testing.sandbox import API_VERSION, Sandbox
from quickscale_billing.testing.server import Server
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.webhooks import Webhooks
from quickscale_billing.testing.wiring import AGENDA, REACTIONS

API_KEY = "sk_test_" + "simulator" * 3


class StripeSimulator:
    """One simulated Stripe account. It keeps everything in memory and forgets it when it is stopped.

    Ids are the same in every run with the same seed. The clock stands still until it is advanced, and starts at
    `start`, by default now. Whatever a method brings about is told to the webhook endpoints before it returns,
    unless the deliveries are held (`webhooks.hold()`).
    """

    def __init__(self, *, seed: str = "", start: datetime | None = None, port: int = 0) -> None:
        chosen = seed or secrets.token_hex(8)
        self.sandbox = Sandbox(seed=chosen, start=start, reactions=REACTIONS, agenda=AGENDA)
        self.webhooks: Webhooks = Webhooks(self.sandbox)
        self.sandbox.after_moving.append(self.webhooks.flow)
        self.account = open_account(self.sandbox)
        self.api = Api(self.sandbox, ROUTES)
        self.site = Site(self)
        self.port = port
        self.server: Server | None = None
        self.api_key = API_KEY

    def __enter__(self) -> StripeSimulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer at `address` from now on, in threads of this process."""
        self.server = Server(self.api, self.site, self.port)
        self.sandbox.address = self.server.address
        self.server.start()

    def stop(self) -> None:
        if self.server:
            self.server.stop()
            self.server = None

    @property
    def address(self) -> str:
        """For `base_addresses={"api": …}` of a StripeClient, and for dj-stripe's STRIPE_API_HOST."""
        return self.sandbox.address

    @property
    def clock(self) -> Clock:
        return self.sandbox.clock

    @property
    def after_last_retry(self) -> str:
        """What becomes of a subscription whose renewal failed to the last: "canceled", "unpaid" or "past_due"."""
        return self.sandbox.conduct.after_last_retry

    @after_last_retry.setter
    def after_last_retry(self, status: str) -> None:
        if status not in {"canceled", "unpaid", "past_due"}:
            raise ValueError(f"after_last_retry is canceled, unpaid or past_due, not {status!r}")
        self.sandbox.conduct.after_last_retry = status

    @property
    def tax_percent(self) -> float:
        """Of automatic tax, all together: 0, as where nobody has registered to collect any."""
        return float(sum(self.taxes.values()))

    @tax_percent.setter
    def tax_percent(self, percent: float) -> None:
        self.taxes = {"VAT": percent} if percent else {}

    @property
    def taxes(self) -> Mapping[str, Any]:
        """The same, each by its name, in percent: `{"GST": 5, "QST": "9.975"}`."""
        return self.sandbox.conduct.taxes

    @taxes.setter
    def taxes(self, percents: Mapping[str, Any]) -> None:
        self.sandbox.conduct.taxes = {name: Decimal(str(percent)) for name, percent in percents.items()}

    def settings(self) -> dict[str, Any]:
        """The Django settings with which dj-stripe talks to this simulator."""
        return {
            "STRIPE_API_HOST": self.address,
            "STRIPE_API_VERSION": API_VERSION,
            "STRIPE_LIVE_MODE": False,
            "STRIPE_TEST_SECRET_KEY": self.api_key,
        }

    def listen(self, address: str, *, events: list[str] | None = None) -> Object:
        """A webhook endpoint at the address; its `secret` signs what is delivered there."""
        params = {"url": address, "enabled_events": events or ["*"], "api_version": API_VERSION}
        with self.sandbox.lock:
            made: Object = webhook_endpoints.create(self.sandbox, params)
            return made

    def pay(
        self,
        session: Any,
        card: str = VISA,
        *,
        email: str = "customer@example.com",
        name: str = "Simulated Customer",
        authenticate: bool = True,
    ) -> Object:
        """Pay the checkout session (its id, or anything with an `id` or `stripe_id`) as a customer would on the hosted
        page, and pass the 3-D Secure challenge, or fail it. Raises StripeError where the page would show an error."""
        with self.sandbox.lock:
            found = self.sandbox.get("checkout.session", identifier_of(session))
            if found["status"] != "open":
                raise StripeError(400, "invalid_request_error", f"The session is {found['status']}, not open.")
            with self.sandbox.on_clock_of(found["customer"]):
                self.pay_open(found, card, Payer(email, name), authenticate=authenticate)
        self.webhooks.flow()
        if found["status"] != "complete":
            raise self.why_open(found)
        return found

    def pay_open(self, session: Object, card: str, payer: Payer, *, authenticate: bool) -> None:
        method = checkout.method_for(self.sandbox, card, payer)
        if method is None:
            raise ValueError(f"{card} is none of Stripe's test cards; see quickscale_billing.testing.cards.CARDS")
        checkout.pay(self.sandbox, session, method, payer)
        if session["status"] == "open":
            intent = checkout.pending_intent(self.sandbox, session)
            if intent["status"] == "requires_action":
                authentication.finish(self.sandbox, intent, passed=authenticate)

    def why_open(self, session: Object) -> StripeError:
        message = checkout.problem_of(checkout.pending_intent(self.sandbox, session))
        return StripeError(402, "card_error", message)

    def decline_next(self, customer: Any = None, code: str = "generic_decline") -> None:
        """The next payment of the customer (of anybody, without one) is declined with this decline code."""
        with self.sandbox.lock:
            key = None if customer is None else identifier_of(customer)
            self.sandbox.conduct.declines.setdefault(key, []).append(code)

    @contextmanager
    def outage(self, status: int = 503) -> Iterator[None]:
        """Within it every request is answered with this status: 503, or 429 for too many requests."""
        self.api.outage = StripeError(status, "api_error", "Stripe cannot answer just now. Try again later.")
        try:
            yield
        finally:
            self.api.outage = None

    def authenticate(self, intent: Any, *, passed: bool = True) -> Object:
        """The customer passes, or fails, the challenge of a payment intent or a setup intent."""
        with self.acting():
            return authentication.finish(self.sandbox, self.find(intent), passed=passed)

    def dispute(
        self, charge: Any, *, amount: int | None = None, reason: str = "fraudulent", inquiry: bool = False
    ) -> Object:
        """The bank disputes the charge (or the payment intent): the money is withdrawn, unless it only inquires."""
        with self.acting():
            found = self.find(charge)
            charged = self.find(found["latest_charge"]) if found["object"] == "payment_intent" else found
            return disputing.open_dispute(self.sandbox, charged, amount=amount, reason=reason, inquiry=inquiry)

    def close_dispute(self, dispute: Any, status: str = "won") -> Object:
        """`won` or `lost`; an inquiry is closed as `warning_closed`."""
        with self.acting():
            return disputing.close(self.sandbox, self.find(dispute), status=status)

    def escalate(self, dispute: Any) -> Object:
        """An inquiry becomes a dispute."""
        with self.acting():
            return disputing.escalate(self.sandbox, self.find(dispute))

    def fail_refund(self, refund: Any, *, reason: str = "expired_or_canceled_card") -> Object:
        """The bank could not pass the refund on: the money comes back."""
        with self.acting():
            found = self.find(refund)
            refunds.fail(self.sandbox, found, reason=reason)
            return found

    def find(self, thing: Any) -> Object:
        """The object as the simulator keeps it."""
        identifier = identifier_of(thing)
        try:
            return self.sandbox.by_id[identifier]
        except KeyError:
            raise LookupError(f"the simulator has no object {identifier!r}") from None

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Under the lock; what happened is delivered when it is free again."""
        with self.sandbox.lock:
            yield
        self.webhooks.flow()


def identifier_of(thing: Any) -> str:
    """The Stripe id of a string, of a Stripe object, or of a row that has `stripe_id` or `id`."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, dict):
        return str(thing["id"])
    return str(getattr(thing, "stripe_id", None) or thing.id)
