"""How runs in the background end: after retries, too late, lost, canceled."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import (
    InvalidInput,
    RunCanceled,
)
from quickscale_services.models import RunInput, Service, ServiceRun
from quickscale_services.signals import run_canceled, run_failed, run_succeeded
from quickscale_services.sweeping import sweep_runs
from tests.services.background import failing, held, worked_off
from tests.services.samples import CountWords


def test_a_retry_that_succeeds_is_charged_once(user, offer):
    fund(user, 5)
    service = offer(failing(OSError("first"), OSError("second")), retries=2)
    run = service.enqueue(user)
    for attempt in (1, 2):
        run = worked_off(run)
        assert (run.status, run.attempts, held(user)) == ("queued", attempt, 2)
    assert (worked_off(run).status, ServiceRun.objects.get().attempts) == ("succeeded", 3)
    assert_balance(user, 3)


def test_what_the_attempts_have_cost_the_provider_adds_up(user, offer):
    fund(user, 5)

    def work(context):
        context.record_provider_cost("0.5" if context.run.attempts == 1 else "0.25")
        if context.run.attempts == 1:
            raise OSError

    assert worked_off(worked_off(offer(work, retries=1).enqueue(user))).status == "succeeded"
    assert ServiceRun.objects.get().provider_cost == Decimal("0.75")


def test_when_the_retries_are_over_the_run_has_failed(user, offer):
    fund(user, 5)
    service = offer(failing(OSError(), OSError(), OSError()), retries=1)
    run = worked_off(worked_off(service.enqueue(user)))
    assert (run.status, run.error_code, run.attempts, held(user)) == ("failed", "service_failed", 2, 0)


@pytest.mark.parametrize("error", [KeyError("other"), InvalidInput.on("text", "No.")])
def test_only_the_errors_that_the_policy_names_are_tried_again(user, offer, error):
    fund(user, 5)
    service = offer(failing(error), retries=3, retry_on=(OSError, InvalidInput))
    assert worked_off(service.enqueue(user)).status == "failed"


def test_a_task_of_an_earlier_attempt_begins_no_later_one(user, offer):
    fund(user, 5)
    service = offer(failing(OSError()), retries=1)
    first = service.enqueue(user)
    worked_off(first)
    assert worked_off(first).status == "queued"


def at_the_last_moment(clock, work):
    def late(context):
        clock.move_to(context.deadline)
        return work(context)

    return late


def test_each_attempt_has_the_whole_timeout_and_the_hold_outlasts_them_all(user, offer, clock):
    fund(user, 5)
    attributes = {"retries": 2, "timeout": 60, "retry_delay": 10, "queue_timeout": timedelta(minutes=30)}
    run = offer(at_the_last_moment(clock, failing(OSError(), OSError())), **attributes).enqueue(user)
    assert run.hold.expires_at == timezone.now() + timedelta(minutes=3 * (30 + 1) + 1, seconds=10 + 20)
    for _ in range(3):
        clock.move_to(run.deadline - timedelta(microseconds=1))
        run = worked_off(run)
    assert (run.status, run.deadline) == ("succeeded", timezone.now())
    assert run.hold.expires_at - timezone.now() >= timedelta(minutes=1)


def test_a_run_that_no_worker_began_in_time_expires(user, clock):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    clock.shift(timedelta(hours=1))
    assert sweep_runs().runs_expired == 1
    run.refresh_from_db()
    assert (run.status, run.error_code, run.duration, held(user)) == ("expired", "not_started", None, 0)
    assert not RunInput.objects.exists()


def test_a_task_that_comes_too_late_does_not_execute_for_nothing(user, clock):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    clock.shift(timedelta(days=2))
    assert (worked_off(run).error_code, CountWords.executed) == ("not_started", [])
    assert_balance(user, 5)


def test_a_run_whose_hold_is_gone_does_not_execute(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    ledger.release(run.hold)
    assert (worked_off(run).error_code, CountWords.executed) == ("hold_closed", [])
    assert_balance(user, 5)


def test_a_run_that_was_claimed_and_lost_is_swept_at_its_own_deadline(user, offer, clock):
    fund(user, 5)
    swept = []

    def work(context):
        clock.shift(59)
        swept.append(sweep_runs().runs_expired)
        clock.shift(1)
        swept.append(sweep_runs().runs_expired)

    run = worked_off(offer(work).enqueue(user))
    assert (swept, run.status, run.error_code) == ([0, 1], "expired", "service_lost")
    assert_balance(user, 5)


def test_a_service_that_is_gone_gives_the_credits_back(user, offer):
    fund(user, 5)
    run = offer(lambda context: "done").enqueue(user)
    registry.restore({})
    run = worked_off(run)
    assert (run.status, run.error_code, held(user)) == ("failed", "unknown_service", 0)


def test_a_service_that_was_switched_off_meanwhile_gives_the_credits_back(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False})
    run = worked_off(run)
    assert (run.error_code, held(user), CountWords.executed) == ("service_disabled", 0, [])


def test_a_service_whose_input_has_changed_meanwhile_gives_the_credits_back(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    RunInput.objects.update(data={"txt": "one"})
    with pytest.raises(InvalidInput):
        worked_off(run)
    run.refresh_from_db()
    assert (run.status, run.error_code, held(user)) == ("failed", "invalid_input", 0)


def test_when_the_owner_is_erased_the_run_is_canceled(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, actor=user, text="one")
    user.delete()
    run = worked_off(run)
    assert (run.status, run.error_code, run.account.owner) == ("canceled", "owner_erased", None)
    assert (ledger.balance(run.account).held, CountWords.executed) == (0, [])


def test_a_queued_run_is_canceled_at_once(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one").cancel()
    assert (run.status, run.error_code, held(user)) == ("canceled", "", 0)
    assert (worked_off(run).status, CountWords.executed) == ("canceled", [])


def test_a_running_run_that_is_canceled_stops_at_its_next_check(user, offer):
    fund(user, 5)
    reached = []

    def work(context):
        ServiceRun.objects.get(pk=context.run.pk).cancel()
        assert held(user) == 0
        try:
            context.check()
        except RunCanceled:
            reached.append("check")
        context.progress(0.5)
        reached.append("beyond")

    assert worked_off(offer(work, retries=3).enqueue(user)).status == "canceled"
    assert reached == ["check"]
    assert_balance(user, 5)


def test_a_service_may_cancel_its_own_run(user, offer):
    fund(user, 5)
    run = worked_off(offer(failing(RunCanceled("Nothing to do.")), retries=3).enqueue(user))
    assert (run.status, held(user)) == ("canceled", 0)


def test_progress_past_the_deadline_says_that_time_is_up(user, offer, clock):
    fund(user, 5)
    run = worked_off(offer(lambda context: (clock.shift(61), context.progress(0.5))).enqueue(user))
    assert (run.status, run.error_code) == ("failed", "service_timeout")


def test_what_never_checks_brings_its_result_for_nothing(user, offer):
    fund(user, 5)
    run = worked_off(offer(lambda context: context.run.cancel().status).enqueue(user))
    assert (run.status, run.output, run.cost) == ("canceled", None, 0)


def test_an_attempt_that_fails_after_the_cancel_is_not_tried_again(user, offer):
    fund(user, 5)

    def work(context):
        ServiceRun.objects.get(pk=context.run.pk).cancel()
        raise OSError

    assert worked_off(offer(work, retries=3).enqueue(user)).status == "canceled"


@pytest.mark.parametrize("work", [lambda context: "done", failing(OSError())])
def test_a_run_that_has_ended_stays_as_it_is(user, offer, work):
    fund(user, 5)
    run = worked_off(offer(work).enqueue(user))
    ended = run.status
    assert (run.cancel().status, ended in {"succeeded", "failed"}) == (ended, True)


def test_a_run_that_somebody_waits_for_is_not_canceled(user, offer):
    fund(user, 5)
    result = offer(lambda context: ServiceRun.objects.get(pk=context.run.pk).cancel().status).run(user)
    assert (result.output, result.cost) == ("running", 2)


def test_signals_tell_how_a_run_ended(user, offer, django_capture_on_commit_callbacks):
    fund(user, 5)
    heard = []
    receivers = {signal: lambda run, **kwargs: heard.append(run.status) for signal in (run_canceled, run_failed)}
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    run_succeeded.connect(receivers[run_failed])
    try:
        service = offer(failing(OSError()))
        with django_capture_on_commit_callbacks(execute=True):
            service.enqueue(user).cancel()
            for _ in range(2):
                worked_off(service.enqueue(user))
    finally:
        for signal in (run_canceled, run_failed, run_succeeded):
            for receiver in receivers.values():
                signal.disconnect(receiver)
    assert heard == ["canceled", "failed", "succeeded"]
