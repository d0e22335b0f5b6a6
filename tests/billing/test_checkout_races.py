"""Many buy at once: one customer for an owner, one session for a key."""

import pytest

from quickscale_billing import checkout
from quickscale_billing.exceptions import StripeUnavailable
from quickscale_billing.testing.api import Answer
from tests.stories.threads import at_once

BUYERS = 8
IN_USE = {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "In use."}}


@pytest.mark.django_db(transaction=True)
def test_an_owner_who_buys_in_many_windows_has_one_customer_and_one_session_for_a_key(shop, user):
    keyed = at_once(BUYERS, lambda: checkout.start(user, "large", idempotency_key="once"))
    others = at_once(BUYERS, lambda: checkout.start(user, "small"))
    assert len({session.stripe_id for session in keyed}) == 1
    assert len({session.stripe_id for session in others}) == BUYERS
    assert len(shop.sandbox.all("checkout.session")) == 1 + BUYERS
    assert len(shop.sandbox.all("customer")) == user.credit_account.customers.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_button_for_a_plan_pressed_many_times_at_once_leads_to_one_page_that_is_open(shop, user):
    pressed = at_once(BUYERS, lambda: checkout.start(user, "pro", idempotency_key="once"))
    assert len({session.stripe_id for session in pressed}) == 1
    assert [session["status"] for session in shop.sandbox.all("checkout.session")] == ["open"]


@pytest.mark.parametrize(("refusals", "succeeds"), [(2, True), (9, False)])
def test_a_request_that_another_process_has_under_way_is_waited_for(shop, user, monkeypatch, refusals, succeeds):
    answer, left = shop.api.answer, [Answer(409, IN_USE, {})] * refusals
    monkeypatch.setattr(shop.api, "answer", lambda *request: left.pop() if left else answer(*request))
    if succeeds:
        assert checkout.start(user, "large").url
    else:
        with pytest.raises(StripeUnavailable, match="under way"):
            checkout.start(user, "large")
