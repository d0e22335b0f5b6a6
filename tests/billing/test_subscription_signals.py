"""Who listens hears once that a subscription began, that its end was decided, and that it ended."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.models import PlanSubscription
from quickscale_billing.payments import Money
from quickscale_billing.signals import subscription_canceled, subscription_ended, subscription_started
from tests.billing.selling import Subscriber, plan

NAMES = {subscription_started: "started", subscription_canceled: "canceled", subscription_ended: "ended"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def subscriber(user: Any, clock: Any) -> Subscriber:
    return Subscriber(user)


@pytest.fixture
def heard(django_capture_on_commit_callbacks: Any) -> Iterator[Callable[..., list[str]]]:
    """`heard(step)` takes the step, and answers what was told after its commit."""
    told: list[str] = []

    def note(signal: Any, sender: type, subscription: PlanSubscription, **_: Any) -> None:
        assert sender is PlanSubscription
        told.append(f"{NAMES[signal]}: {subscription.status}")

    def after(step: Callable[..., object], *arguments: Any, **options: Any) -> list[str]:
        told.clear()
        with django_capture_on_commit_callbacks(execute=True):
            step(*arguments, **options)
        return told.copy()

    for signal in NAMES:
        signal.connect(note)
    yield after
    for signal in NAMES:
        signal.disconnect(note)


def test_the_start_is_told_once(subscriber: Subscriber, heard: Any, clock: Any) -> None:
    assert heard(subscriber.subscribe, plan("pro", 100)) == ["started: active"]
    assert heard(subscriber.tell) == []
    clock.shift(timedelta(days=31))
    assert heard(subscriber.renew) == []


def test_a_trial_starts_it_and_the_first_payment_does_not_again(subscriber: Subscriber, heard: Any, clock: Any) -> None:
    assert heard(subscriber.subscribe, plan("pro", 100), trial=7 * DAY) == ["started: trialing"]
    clock.shift(7 * DAY)
    assert heard(subscriber.renew) == []


def test_what_waits_for_its_first_payment_has_not_started(subscriber: Subscriber, heard: Any) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100))
    subscriber.gets_through = True
    paid = subscriber.invoices.pop()
    subscriber.change(status="incomplete")
    assert heard(subscriber.tell) == []
    assert heard(subscriber.tell) == []
    subscriber.invoices.append(paid)
    subscriber.change(status="active")
    assert heard(subscriber.tell) == ["started: active"]


def test_of_what_was_never_paid_neither_a_cancelation_nor_an_end_is_told(subscriber: Subscriber, heard: Any) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100))
    subscriber.gets_through = True
    subscriber.invoices.clear()
    subscriber.change(status="incomplete")
    assert heard(subscriber.tell) == []
    subscriber.change(status="incomplete_expired", ended_at=timezone.now())
    assert heard(subscriber.tell) == []


def test_a_cancelation_is_told_when_it_is_decided_and_the_end_when_it_comes(
    subscriber: Subscriber, heard: Any, clock: Any
) -> None:
    subscriber.subscribe(plan("pro", 100))
    subscriber.change(cancel_at_period_end=True)
    assert heard(subscriber.tell) == ["canceled: active"]
    assert heard(subscriber.tell) == []
    clock.shift(timedelta(days=31))
    assert heard(subscriber.end) == ["ended: canceled"]
    assert heard(subscriber.tell) == []


def test_a_cancelation_after_a_resumption_is_told_anew(subscriber: Subscriber, heard: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    subscriber.change(cancel_at=timezone.now() + DAY)
    assert heard(subscriber.tell) == ["canceled: active"]
    subscriber.change(cancel_at=None)
    assert heard(subscriber.tell) == []
    subscriber.change(cancel_at_period_end=True)
    assert heard(subscriber.tell) == ["canceled: active"]


def test_an_end_at_once_is_a_cancelation_too(subscriber: Subscriber, heard: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    assert heard(subscriber.end) == ["ended: canceled", "canceled: canceled"]


def test_of_what_was_canceled_before_it_was_heard_of_both_are_told(subscriber: Subscriber, heard: Any) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100))
    subscriber.gets_through = True
    subscriber.change(cancel_at_period_end=True)
    assert heard(subscriber.tell) == ["started: active", "canceled: active"]


def test_an_answer_that_is_late_tells_nothing(subscriber: Subscriber, heard: Any, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    late, money = subscriber.state, Money(states={}, began=timezone.now())
    clock.shift(HOUR)
    subscriber.end()
    assert heard(facts.book_subscription, late, subscriber.invoices, money) == []
