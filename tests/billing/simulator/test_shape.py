"""That the comparison with Stripe's description finds what is wrong."""

from typing import Any

import pytest

from quickscale_billing.testing.api import Exchange
from tests.billing.stripe_description import Recorder, object_problems

pytestmark = pytest.mark.once


def shown(**changes: Any) -> Exchange:
    """A customer, asked for and answered, with these changes to the answer."""
    body = {"id": "cus_1", "object": "customer", "created": 1, "livemode": False, **changes}
    return Exchange("GET", "/v1/customers/cus_1", "/v1/customers/{customer}", {}, 200, body)


def problems(exchange: Exchange) -> list[str]:
    recorder = Recorder()
    recorder(exchange)
    return recorder.problems


def test_an_answer_as_described_is_fine() -> None:
    assert problems(shown(email=None, metadata={"object": "anything"})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nickname": "Ada"}, "nickname"),
        ({"created": "now"}, '"now" is not of type "integer"'),
        ({"created": None}, "null is not of type"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
        ({"object": "costumer"}, "no schema 'costumer'"),
        ({"default_source": {"object": "customer", "id": "cus_2"}}, "default_source"),
        ({"invoice_settings": {"default_payment_method": {"object": "payment_method", "nonsense": 1}}}, "nonsense"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_foreign_answer_is_found(changes: Any, said: str) -> None:
    assert said in "\n".join(problems(shown(**changes)))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"nickname": "Ada"}, "nickname is no parameter"),
        ({"address": {"street": "Main"}}, "address[street] is no parameter"),
        ({"balance": "ten"}, "balance"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
        ({"shipping": {"name": "Ada"}}, "shipping[address] is missing"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_foreign_request_is_found(sent: Any, said: str) -> None:
    body = {"id": "cus_1", "object": "customer", "created": 1, "livemode": False}
    exchange = Exchange("POST", "/v1/customers/cus_1", "/v1/customers/{customer}", sent, 200, body)
    assert said in "\n".join(problems(exchange))


def test_an_object_inside_a_list_is_checked_too() -> None:
    page = {"object": "list", "data": [{"object": "refund", "id": "re_1"}], "has_more": False, "url": "/v1/refunds"}
    assert '"amount" is a required property' in "\n".join(object_problems(page))


def test_an_error_is_checked_too() -> None:
    exchange = Exchange("GET", "/v1/customers/x", None, {}, 404, {"error": {"type": "gone", "reason": "why"}})
    assert len(problems(exchange)) > 0
