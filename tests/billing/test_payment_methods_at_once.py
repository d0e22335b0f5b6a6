"""Cards that are changed at once: each removal counts on a card that another removes at that moment."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import card_leases, checkout, facts, payment_methods
from quickscale_billing.exceptions import LastPaymentMethod, StripeUnavailable
from quickscale_billing.models import Customer
from quickscale_billing.stripe.client import stripe_client
from tests.stories.threads import at_once

CARDS = 16


@pytest.fixture
def cards(shop: Any) -> Any:
    """A subscriber's, and their owner."""
    owner = get_user_model().objects.create_user("ada", email="ada@example.com")
    session = checkout.start(owner, "basic")
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    methods, customer = stripe_client().v1.payment_methods, Customer.objects.get().stripe_id
    for _ in range(CARDS - 1):
        methods.attach(methods.create({"type": "card", "card": {"token": "tok_visa"}}).id, {"customer": customer})
    return owner, payment_methods.list(owner)


@pytest.mark.django_db(transaction=True)
def test_of_cards_that_are_all_removed_at_once_a_live_subscription_keeps_one(cards: Any) -> None:
    owner, found = cards
    assert len(found) == CARDS
    waiting = iter(found)
    answers = at_once(CARDS, lambda: payment_methods.remove(owner, next(waiting)))
    assert {type(answer) for answer in answers} <= {type(None), LastPaymentMethod, StripeUnavailable}
    left = payment_methods.list(owner)
    assert len(left) == CARDS - answers.count(None)
    assert [each.is_default for each in left][:1] == [True]
    for each in left[:-1]:
        payment_methods.remove(owner, each)
    with pytest.raises(LastPaymentMethod):
        payment_methods.remove(owner, left[-1])


@pytest.mark.once
def test_a_change_of_cards_that_died_holds_up_the_next_for_two_minutes(
    clock: Any, cards: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, found = cards
    monkeypatch.setattr(card_leases, "WAITS", (0,))
    with card_leases.changing_cards(Customer.objects.get()):
        for change in (payment_methods.remove, payment_methods.set_default):
            with pytest.raises(StripeUnavailable, match="try again"):
                change(owner, found[1])
        clock.shift(timedelta(minutes=2, seconds=1))
        payment_methods.remove(owner, found[0])
    assert len(payment_methods.list(owner)) == CARDS - 1
    assert Customer.objects.get().changing_cards_since is None
