"""How the simulator speaks: forms, errors, keys, pages, expansion. Each test names the page of Stripe it plays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
import stripe

from quickscale_billing.testing import StripeSimulator

pytestmark = pytest.mark.once


def test_a_request_without_a_key_is_unauthorized(stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/api/authentication"""
    answer = requests.get(f"{stripe_simulator.address}/v1/customers", timeout=5)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_live_key_is_refused(stripe_simulator: StripeSimulator) -> None:
    live = stripe.StripeClient("sk_live_" + "0" * 24, base_addresses={"api": stripe_simulator.address})
    with pytest.raises(stripe.AuthenticationError):
        live.v1.customers.list()


@pytest.mark.parametrize("status", [503, 429])
def test_it_can_be_out_of_order_for_a_while(status: int, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/error-low-level#http-status-codes"""
    address, headers = f"{stripe_simulator.address}/v1/customers", {"Authorization": "Bearer sk_test_any"}
    with stripe_simulator.outage(status):
        assert requests.get(address, headers=headers, timeout=5).status_code == status
    assert requests.get(address, headers=headers, timeout=5).status_code == 200


def test_nested_parameters_and_lists_come_as_they_were_sent(client: Any) -> None:
    """https://docs.stripe.com/api/metadata"""
    given = {"name": "Ada & Söhne", "address": {"line1": "1 Main St", "country": "DE"}, "metadata": {"a b": "=&[]"}}
    made = client.customers.create(given)
    assert made.address.line1 == "1 Main St"
    assert made.metadata["a b"] == "=&[]"
    assert made.name == "Ada & Söhne"


def test_an_unknown_parameter_is_refused(client: Any) -> None:
    """https://docs.stripe.com/error-codes#parameter-unknown"""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.customers.create({"nickname": "Ada"})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "nickname")


def test_a_missing_parameter_is_named(client: Any) -> None:
    """https://docs.stripe.com/error-codes#parameter-missing"""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.products.create({})
    assert (refused.value.code, refused.value.param) == ("parameter_missing", "name")


def test_a_product_has_no_features(client: Any) -> None:
    product = client.products.create({"name": "1000 credits"})
    assert client.products.features.list(product.id).data == []


def test_what_is_not_there_is_missing(client: Any) -> None:
    """https://docs.stripe.com/error-codes#resource-missing"""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.customers.retrieve("cus_nobody")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert "No such customer: 'cus_nobody'" in str(refused.value)


def test_nothing_is_listed_of_a_customer_who_is_not_there(client: Any) -> None:
    """https://docs.stripe.com/error-codes#resource-missing"""
    for kind in (client.subscriptions, client.invoices):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            kind.list({"customer": "cus_nobody"})
        assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


def test_an_operation_that_is_not_played_says_so(stripe_simulator: StripeSimulator) -> None:
    headers = {"Authorization": f"Bearer {stripe_simulator.api_key}"}
    answer = requests.get(f"{stripe_simulator.address}/v1/payouts", headers=headers, timeout=5)
    assert answer.status_code == 404
    assert "Unrecognized request URL (GET: /v1/payouts)" in answer.json()["error"]["message"]


def test_metadata_is_merged_and_an_empty_value_deletes_its_key(client: Any) -> None:
    """https://docs.stripe.com/api/metadata"""
    made = client.customers.create({"metadata": {"kept": "1", "gone": "2"}})
    changed = client.customers.update(made.id, {"metadata": {"gone": "", "new": "3"}})
    assert changed.metadata.to_dict() == {"kept": "1", "new": "3"}
    assert client.customers.update(made.id, {"metadata": ""}).metadata.to_dict() == {}


class TestIdempotency:
    """https://docs.stripe.com/api/idempotent_requests"""

    def test_the_same_key_gives_the_first_answer_again(self, client: Any) -> None:
        first = client.customers.create({"name": "Ada"}, {"idempotency_key": "once"})
        again = client.customers.create({"name": "Ada"}, {"idempotency_key": "once"})
        assert again.id == first.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(client.customers.list().data) == 1

    def test_a_key_is_refused_with_other_parameters(self, client: Any) -> None:
        client.customers.create({"name": "Ada"}, {"idempotency_key": "once"})
        with pytest.raises(stripe.IdempotencyError):
            client.customers.create({"name": "Bob"}, {"idempotency_key": "once"})

    def test_a_key_is_forgotten_after_a_day(self, client: Any, stripe_simulator: StripeSimulator) -> None:
        first = client.customers.create({"name": "Ada"}, {"idempotency_key": "once"})
        stripe_simulator.clock.advance(timedelta(hours=24))
        assert client.customers.create({"name": "Ada"}, {"idempotency_key": "once"}).id != first.id

    def test_at_once_from_many_threads_it_is_done_once(self, client: Any) -> None:
        with ThreadPoolExecutor(8) as crowd:
            key = {"idempotency_key": "once"}
            made = list(crowd.map(lambda _: client.customers.create({"name": "Ada"}, key).id, range(24)))
        assert made == [made[0]] * 24
        assert len(client.customers.list().data) == 1

    def test_an_error_of_an_executed_request_is_kept_too(self, client: Any) -> None:
        given = {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
        for _ in range(2):
            with pytest.raises(stripe.CardError):
                client.payment_intents.create(given, {"idempotency_key": "once"})
        assert len(client.payment_intents.list().data) == 1

    def test_parameters_that_fail_validation_leave_the_key_free(self, client: Any) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            client.customers.create({"nickname": "Ada"}, {"idempotency_key": "once"})
        assert client.customers.create({"name": "Ada"}, {"idempotency_key": "once"}).name == "Ada"


def test_lists_come_newest_first_and_page_by_page(client: Any) -> None:
    """https://docs.stripe.com/api/pagination"""
    made = [client.customers.create({"name": str(index)}).id for index in range(5)]
    first = client.customers.list({"limit": 2})
    assert ([each.id for each in first.data], first.has_more) == (made[:2:-1], True)
    last = client.customers.list({"limit": 2, "starting_after": made[1]})
    assert ([each.id for each in last.data], last.has_more) == ([made[0]], False)
    assert [each.id for each in client.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]


def test_a_list_can_go_backwards_and_be_bounded_in_time(client: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/api/pagination"""
    early = client.customers.create({"name": "early"})
    stripe_simulator.clock.advance(timedelta(hours=1))
    late = client.customers.create({"name": "late"})
    assert [each.id for each in client.customers.list({"ending_before": early.id}).data] == [late.id]
    assert [each.id for each in client.customers.list({"created": {"gte": late.created}}).data] == [late.id]


def test_ids_are_expanded_where_asked(client: Any, price: Callable[..., Any]) -> None:
    """https://docs.stripe.com/api/expanding_objects"""
    sold = price(4900)
    assert client.prices.retrieve(sold.id, {"expand": ["product"]}).product.name == "Product at 4900"
    assert client.prices.list({"expand": ["data.product"]}).data[0].product.id == sold.product
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.prices.retrieve(sold.id, {"expand": ["currency"]})


def test_an_event_carries_the_object_as_it_was_then(client: Any) -> None:
    """https://docs.stripe.com/api/events"""
    made = client.customers.create({"name": "Ada"})
    client.customers.update(made.id, {"name": "Countess"})
    updated, created = client.events.list({"types": ["customer.updated", "customer.created"]}).data
    assert created.data.object.name == "Ada"
    assert updated.data.object.name == "Countess"
    assert updated.data.previous_attributes.to_dict() == {"name": "Ada"}


def test_ids_are_the_same_in_every_run_with_one_seed() -> None:
    first, second = StripeSimulator(seed="seven"), StripeSimulator(seed="seven")
    assert first.account["id"] == second.account["id"] != StripeSimulator(seed="eight").account["id"]


def test_a_refused_request_leaves_nothing_behind(client: Any, price: Callable[..., Any], events: Any) -> None:
    lines = [{"price": price(4900).id}, {"price": price(4900, currency="eur").id}]
    before = events()
    asked = {"mode": "payment", "line_items": lines, "success_url": "http://testserver/"}
    with pytest.raises(stripe.InvalidRequestError, match="is in eur, the session in usd"):
        client.checkout.sessions.create(asked)
    assert (client.checkout.sessions.list().data, events()) == ([], before)


def test_a_long_invoice_shows_ten_lines_and_pages_the_rest(client: Any) -> None:
    """https://docs.stripe.com/api/invoices/invoice_lines"""
    owner = client.customers.create({"email": "ada@example.com"}).id
    draft = client.invoices.create({"customer": owner, "currency": "usd"})
    lines = [{"amount": amount, "description": str(amount)} for amount in range(1, 13)]
    shown = client.invoices.add_lines(draft.id, {"lines": lines})
    assert (len(shown.lines.data), shown.lines.has_more, shown.total) == (10, True, 78)
    paged = client.invoices.line_items.list(draft.id, {"limit": 5}).auto_paging_iter()
    assert [line.amount for line in paged] == list(range(1, 13))
