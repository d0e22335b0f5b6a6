"""Acceptance stories 1-4, 6, 9-13 and 23: credits, and services that are sold for them, in Python."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from subprocess import Popen
from typing import Any

import pydantic
import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits
from quickscale_credits.models import LedgerEntry
from quickscale_credits.signals import credits_granted, credits_spent
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService, ServiceResult, registry
from quickscale_services.exceptions import InvalidInput, ServiceFailed
from quickscale_services.models import ServiceRun
from quickscale_services.testing import register_temporarily
from tests.stories.threads import at_once

everywhere = pytest.mark.mariadb
committed = pytest.mark.django_db(transaction=True)


class Word(pydantic.BaseModel):
    word: str = pydantic.Field(min_length=1)


class Shout(BaseService):
    """Notes every time that it is really executed."""

    name = "story-shout"
    cost = 10
    Input = Word

    def __init__(self) -> None:
        self.heard: list[str] = []

    def execute(self, data: Word, context: Any) -> str:
        self.heard.append(data.word)
        return f"{data.word.upper()}!"


@pytest.fixture
def shout() -> Iterator[Any]:
    with register_temporarily(Shout):
        yield registry["story-shout"]


@everywhere
def test_1_subscription_credits_are_used_before_those_that_were_bought(user: Any):
    fund(user, 500, credit_type="pay_as_you_go")
    fund(user, 1000, credit_type="subscription")
    ledger.spend(user, 1200, reason="report")
    assert ledger.balance(user).by_type == {"subscription": 0, "promotional": 0, "pay_as_you_go": 300}


@everywhere
def test_1_bought_credits_alone_simply_become_fewer(user: Any):
    fund(user, 800)
    ledger.spend(user, 300, reason="report")
    assert_balance(user, 500)


@everywhere
def test_1_bought_credits_remain_when_the_subscription_has_expired(user: Any, clock: Any):
    fund(user, 1000, credit_type="subscription", expires_at=timezone.now() + timedelta(days=30))
    fund(user, 400)
    clock.shift(timedelta(days=31))
    ledger.spend(user, 200, reason="report")
    assert ledger.balance(user).by_type["pay_as_you_go"] == 200
    assert_balance(user, 200)


@everywhere
def test_2_what_expires_soonest_is_spent_first(user: Any, clock: Any):
    never = fund(user, 100).grant
    later = fund(user, 100, expires_at=timezone.now() + timedelta(days=20)).grant
    soon = fund(user, 100, expires_at=timezone.now() + timedelta(days=10)).grant
    ledger.spend(user, 150, reason="report")
    left = {grant.pk: grant.remaining for grant in user.credit_account.grants.all()}
    assert [left[grant.pk] for grant in (soon, later, never)] == [0, 50, 100]


@everywhere
def test_3_what_was_spent_in_time_does_not_expire_again(user: Any, clock: Any):
    fund(user, 100, expires_at=timezone.now() + timedelta(days=10))
    fund(user, 100)
    ledger.spend(user, 100, reason="report")
    clock.shift(timedelta(days=11))
    assert_balance(user, 100)
    assert ledger.expire() == 0
    assert_balance(user, 100)


@everywhere
@committed
def test_4_of_fifty_threads_thirty_spend_and_twenty_are_refused(user: Any):
    fund(user, 30)
    answers = at_once(50, lambda: ledger.spend(user, 1, reason="page"))
    assert sum(isinstance(answer, LedgerEntry) for answer in answers) == 30
    assert sum(isinstance(answer, InsufficientCredits) for answer in answers) == 20
    assert_balance(user, 0)
    assert list(user.credit_account.entries.values_list("sequence", flat=True)) == list(range(1, 32))


@everywhere
@committed
def test_6_ten_threads_with_one_key_make_one_entry_and_get_ten_equal_answers(user: Any):
    fund(user, 100)
    answers = at_once(10, lambda: ledger.spend(user, 7, reason="page", idempotency_key="order-1"))
    entry = user.credit_account.entries.get(kind="spend")
    assert answers == [entry] * 10
    assert_balance(user, 93)


@everywhere
def test_6_the_same_key_with_another_amount_is_refused(user: Any):
    fund(user, 100)
    ledger.spend(user, 7, reason="page", idempotency_key="order-1")
    with pytest.raises(IdempotencyConflict):
        ledger.spend(user, 8, reason="page", idempotency_key="order-1")
    assert_balance(user, 93)


@committed
def test_9_a_handler_that_raises_harms_nothing(user: Any):
    def broken(**kwargs: Any) -> None:
        raise RuntimeError("the host's own trouble")

    fund(user, 10)
    credits_spent.connect(broken)
    try:
        entry = ledger.spend(user, 4, reason="page")
    finally:
        credits_spent.disconnect(broken)
    assert entry.balance_after == 6
    assert_balance(user, 6)


@committed
def test_9_credits_that_were_rolled_back_were_never_announced(user: Any):
    heard: list[Any] = []

    def listen(**kwargs: Any) -> None:
        heard.append(kwargs["entry"])

    credits_granted.connect(listen)
    try:
        with transaction.atomic():
            fund(user, 5)
            transaction.set_rollback(True)
        kept = fund(user, 3)
    finally:
        credits_granted.disconnect(listen)
    assert heard == [kept]
    assert_balance(user, 3)


@committed
def test_23_the_hosts_transaction_goes_on_after_a_refused_spend(user: Any):
    fund(user, 5)
    with transaction.atomic():
        order = Group.objects.create(name="order: new")
        try:
            ledger.spend(user, 6, reason="order")
        except InsufficientCredits:
            order.name = "order: waiting for credits"
            order.save()
    assert Group.objects.get().name == "order: waiting for credits"
    assert_balance(user, 5)


@pytest.mark.django_db
def test_10_a_service_that_raises_charges_nothing_and_its_run_has_failed(user: Any):
    class Broken(BaseService):
        name = "story-broken"
        cost = 10

        def execute(self, data: Any, context: Any) -> None:
            raise ConnectionError("the provider is away")

    fund(user, 10)
    with register_temporarily(Broken), pytest.raises(ServiceFailed) as failure:
        registry["story-broken"].run(user)
    assert isinstance(failure.value.__cause__, ConnectionError)
    assert ServiceRun.objects.get().status == "failed"
    assert (ledger.balance(user).available, user.credit_account.entries.count()) == (10, 1)


@pytest.mark.parametrize("given", [{}, {"word": ""}, {"word": 7}, {"word": "hi", "volume": 11}])
def test_10_input_that_does_not_fit_holds_nothing(user: Any, shout: Shout, given: dict[str, Any]):
    fund(user, 10)
    with pytest.raises(InvalidInput):
        shout.run(user, **given)
    assert not shout.heard
    assert not user.credit_account.holds.exists()
    assert_balance(user, 10)


@committed
def test_10_of_two_calls_with_credits_for_one_the_second_is_refused_before_it_is_executed(user: Any, shout: Shout):
    fund(user, 19)
    answers = at_once(2, lambda: shout.run(user, word="hi"))
    assert {type(answer) for answer in answers} == {ServiceResult, InsufficientCredits}
    assert shout.heard == ["hi"]
    assert_balance(user, 9)


@pytest.mark.django_db
def test_11_a_metered_service_charges_what_was_used_and_the_rest_is_available_at_once(user: Any):
    class Metered(BaseService):
        name = "story-metered"
        cost = 10

        def execute(self, data: Any, context: Any) -> str:
            context.charge("3.25")
            return f"{ledger.balance(context.owner).available} were left meanwhile"

    fund(user, 12)
    with register_temporarily(Metered):
        result = registry["story-metered"].run(user)
    assert (result.output, result.cost) == ("2 were left meanwhile", Decimal("3.25"))
    assert ledger.balance(user).available == Decimal("8.75")


def test_12_the_same_key_twice_executes_once_and_answers_the_same(user: Any, shout: Shout):
    fund(user, 100)
    first = shout.run(user, word="hi", idempotency_key="call-1")
    second = shout.run(user, word="hi", idempotency_key="call-1")
    assert (second.output, second.cost, second.run) == (first.output, first.cost, first.run)
    assert shout.heard == ["hi"]
    assert_balance(user, 90)


WORKER = """
import sys, threading
from django.contrib.auth import get_user_model
from quickscale_services import BaseService, register_service, registry

@register_service
class Endless(BaseService):
    name = "story-endless"
    cost = 10
    timeout = 60

    def execute(self, data, context):
        print("executing", flush=True)
        threading.Event().wait()

registry["story-endless"].run(get_user_model().objects.get(pk=sys.argv[1]))
"""


@committed
def test_13_after_a_worker_was_killed_the_sweep_gives_its_credits_back(
    user: Any, spawn: Callable[..., Popen[str]], time_machine: Any
):
    fund(user, 25)
    worker = spawn(WORKER, user.pk)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "executing\n"
    worker.kill()
    worker.wait()
    assert (ledger.balance(user).held, ServiceRun.objects.get().status) == (10, "running")

    time_machine.move_to(timezone.now() + timedelta(minutes=5), tick=False)
    call_command("sweep_runs")
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code, run.cost) == ("expired", "service_lost", 0)
    assert (ledger.balance(user).available, ledger.balance(user).held) == (25, 0)
    assert user.credit_account.entries.count() == 1
