from datetime import timedelta

import pytest

from quickscale_credits.exceptions import SpendingLimitExceeded
from quickscale_credits.models import SpendingLimit
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import RateLimited, ServiceFailed
from quickscale_services.models import Service, ServiceRun
from quickscale_services.rates import Rate
from quickscale_services.signals import run_failed, run_succeeded
from tests.services.samples import CountWords, doing


@pytest.fixture
def twice_a_minute(db):
    Service.objects.update_or_create(name="count-words", defaults={"rate_limit": "2/minute"})


@pytest.mark.parametrize("text", ["", "60", "0/minute", "60/week", "60/minutes", "-1/day", "1.5/hour", "60 / minute"])
def test_a_rate_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="60/minute"):
        Rate.parse(text)


def test_a_rate_says_how_often_in_which_time():
    assert Rate.parse("90/hour") == Rate(count=90, period=timedelta(hours=1))


def test_an_account_runs_a_service_as_often_as_its_rate_allows(user, clock, twice_a_minute):
    fund(user, 20)
    registry["count-words"].run(user, text="first")
    clock.shift(20)
    registry["count-words"].run(user, text="second")
    with pytest.raises(RateLimited, match="40 seconds"):
        registry["count-words"].run(user, text="third")
    clock.shift(40)
    registry["count-words"].run(user, text="third")
    assert CountWords.executed == ["first", "second", "third"]
    assert_balance(user, 14)


def test_a_rate_counts_each_account_and_each_service_by_itself(user, django_user_model, twice_a_minute):
    eve = django_user_model.objects.create_user("eve")
    for owner in (user, eve):
        fund(owner, 20)
        for _ in range(2):
            registry["count-words"].run(owner, text="one")
        registry["free-words"].run(owner, text="one")
    assert ServiceRun.objects.count() == 6


def test_a_members_spending_limit_holds_for_runs(user):
    fund(user, 20)
    SpendingLimit.objects.create(account=user.credit_account, member=user, amount=3, period="day")
    registry["count-words"].run(user, actor=user, text="one")
    with pytest.raises(SpendingLimitExceeded):
        registry["count-words"].run(user, actor=user, text="two")
    assert registry["count-words"].run(user, text="by nobody in particular").cost == 2


@pytest.mark.django_db(transaction=True)
def test_signals_tell_of_the_end_of_each_run(user):
    fund(user, 20)
    heard = []
    receivers = [(run_succeeded, "succeeded"), (run_failed, "failed")]
    for signal, word in receivers:
        signal.connect(lambda run, word=word, **kwargs: heard.append((word, run.status)), weak=False, dispatch_uid=word)
    registry["count-words"].run(user, text="one")
    with pytest.raises(ServiceFailed):
        doing(lambda context: 1 / 0).run(user)
    for signal, word in receivers:
        signal.disconnect(dispatch_uid=word)
    assert heard == [("succeeded", "succeeded"), ("failed", "failed")]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_raises_harms_nothing(user):
    fund(user, 5)
    run_succeeded.connect(lambda **kwargs: 1 / 0, weak=False, dispatch_uid="raising")
    try:
        assert registry["count-words"].run(user, text="one").run.status == "succeeded"
    finally:
        run_succeeded.disconnect(dispatch_uid="raising")
    assert_balance(user, 3)
