"""What Stripe is asked to do, in a process of its own that kills itself, with SIGKILL, when Stripe has just done it or
when what came of it is about to be committed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import stripe
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from quickscale_billing import checkout, facts, refunds, subscriptions
from quickscale_billing.models import Payment
from tests.credits.killing import Fuse, serve

ORDER = {
    "idempotency_key": "order-1",
    "success_url": "http://testserver/thanks/",
    "cancel_url": "http://testserver/prices/",
}


@dataclass(frozen=True)
class Scene:
    """Who acts; `session` is the page of Stripe that they have paid on."""

    user: int
    session: str = ""

    def owner(self) -> Any:
        return get_user_model().objects.get(pk=self.user)


def buy(item: str, scene: Scene) -> None:
    checkout.start(scene.owner(), item, **ORDER)


def settle(scene: Scene) -> None:
    facts.settle_session(scene.session)


def change(plan: str, scene: Scene) -> None:
    subscriptions.change_plan(scene.owner(), plan)


def pay_back(scene: Scene) -> None:
    payment = Payment.objects.get(account__owner=scene.owner())
    refunds.refund(payment, amount=2450, reason="asked", actor=None)


def pay_back_and_cancel(scene: Scene) -> None:
    payment = Payment.objects.get(account__owner=scene.owner())
    row, _ = refunds.requested(payment, amount=None, reason="asked", actor=None, token=uuid4(), cancels=True)
    refunds.sent(row)


DEEDS: dict[str, Callable[[Scene], None]] = {
    "buy large": partial(buy, "large"),
    "buy pro": partial(buy, "pro"),
    "settle": settle,
    "pay back": pay_back,
    "pay back and cancel": pay_back_and_cancel,
    "change to basic": partial(change, "basic"),
    "change to pro": partial(change, "pro"),
}


def serve_at(address: str, api_key: str) -> None:
    settings.STRIPE_API_HOST, settings.STRIPE_TEST_SECRET_KEY = address, api_key
    settings.ALLOWED_HOSTS = ["testserver"]
    serve(do)


def do(deed: str, scene: dict[str, Any], moment: int) -> None:
    """Exits with the number of moments there were."""
    fuse, ask, commit = Fuse(moment), stripe.RequestsClient.request, connection._commit

    def asked(client: Any, method: str, *arguments: Any, **options: Any) -> Any:
        answer = ask(client, method, *arguments, **options)
        if method in {"post", "delete"}:
            fuse.burn()
        return answer

    def committed() -> None:
        fuse.burn()
        commit()

    stripe.RequestsClient.request, connection._commit = asked, committed
    connection.ensure_connection()
    DEEDS[deed](Scene(**scene))
    os._exit(fuse.moments)
