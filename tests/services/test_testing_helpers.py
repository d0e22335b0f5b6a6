from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.exceptions import InvalidInput, ServiceTimeout, UnknownService
from quickscale_services.models import ServiceRun
from quickscale_services.testing import fake_clock, run_service
from tests.services.samples import CountWords, Metered, doing

pytestmark = pytest.mark.once


def test_a_run_is_funded_and_leaves_nothing_over(user):
    result = run_service(CountWords, user, text="one two")
    assert (result.output.words, result.cost) == (2, 2)
    assert_balance(user, 0)


def test_a_service_is_run_by_its_name(user):
    assert run_service("free-words", user, text="one").cost == 0
    with pytest.raises(UnknownService, match="nope"):
        run_service("nope", user)


def test_what_the_owner_had_is_left_alone(user):
    fund(user, 7)
    run_service(Metered, user, charges=["3.25"])
    assert_balance(user, "13.75")


def test_without_an_owner_there_is_a_new_one_each_time(db):
    owners = {run_service(CountWords, text="one").run.account.owner for _ in range(2)}
    assert owners == set(get_user_model().objects.all())
    assert len(owners) == 2


def test_input_that_does_not_fit_funds_nobody(user):
    with pytest.raises(InvalidInput):
        run_service(CountWords, user, text="")
    assert_balance(user, 0)


def test_a_fake_clock_stands_still_until_it_is_told_to_advance():
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    with fake_clock(noon) as clock:
        assert timezone.now() == timezone.now() == noon
        clock.advance(90)
        clock.advance(timedelta(minutes=1))
        assert timezone.now() == noon + timedelta(seconds=150)
    assert timezone.now() > noon


def test_a_time_out_is_tested_without_waiting_for_it(user):
    with fake_clock() as clock:
        slow = doing(lambda context: clock.advance(61), timeout=60)
        with pytest.raises(ServiceTimeout):
            run_service(type(slow), user)
    assert ServiceRun.objects.get().error_code == "service_timeout"


def test_a_result_at_the_last_moment_is_in_time(user):
    with fake_clock() as clock:
        assert run_service(type(doing(lambda context: clock.advance(60), timeout=60)), user).cost == 2


def test_a_fake_clock_turns_the_ledger_too(user):
    with fake_clock() as clock:
        fund(user, 5, expires_at=timezone.now() + timedelta(days=1))
        clock.advance(timedelta(days=2))
        assert ledger.balance(user).available == 0


def test_an_input_may_have_a_field_named_service(user):
    named = type("Input", (BaseModel,), {"__annotations__": {"service": str}})
    assert run_service(type(doing(lambda context: "done", Input=named)), user, service="one").output == "done"
