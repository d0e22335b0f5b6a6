"""Runs whose tasks are lost: handed to the queue again while they may still begin, and executed once.

Most of these tests never commit, so the queue is given nothing at first: that is the task that was lost.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connections

from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import queueing, registry
from quickscale_services.models import ServiceRun
from quickscale_services.sweeping import sweep_runs
from tests.services.background import failing, held, worked_off
from tests.services.samples import CountWords

PATIENCE = timedelta(minutes=15)  # a quarter of an hour's queue_timeout


class Queue:
    """Notes what it is given, or refuses it."""

    def __init__(self):
        self.given = []
        self.is_down = False

    def __call__(self, run_id, attempt, *, queue, delay):
        if self.is_down:
            raise ConnectionError("The broker does not answer.")
        self.given.append((run_id, attempt, queue, delay))

    def work(self):
        for run_id, attempt, _, _ in self.given:
            queueing.execute(run_id, attempt)


@pytest.fixture
def queue(settings, monkeypatch):
    made = Queue()
    monkeypatch.setitem(globals(), "the_queue", made)
    settings.QUICKSCALE_SERVICES = {"QUEUE": f"{__name__}.the_queue"}
    return made


@pytest.fixture
def waiting(user, clock, queue):
    fund(user, 5)
    return registry["count-words"].enqueue(user, text="one")


def test_a_run_that_no_worker_begins_is_handed_over_again_and_executes_once(user, clock, queue, waiting):
    clock.shift(PATIENCE)
    assert (sweep_runs().runs_handed_over, sweep_runs().runs_handed_over) == (1, 0)
    assert queue.given == [(str(waiting.pk), 0, "", timedelta(0))]
    queue.work()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempts, CountWords.executed) == ("succeeded", 1, ["one"])
    assert_balance(user, 3)


def test_a_run_may_wait_a_while_before_its_task_counts_as_lost(clock, queue, waiting):
    clock.shift(PATIENCE - timedelta(microseconds=1))
    assert (sweep_runs().runs_handed_over, queue.given) == (0, [])


def test_it_is_handed_over_until_its_time_is_over_and_then_it_expires(user, clock, queue, waiting):
    for _ in range(3):
        clock.shift(PATIENCE)
        assert sweep_runs().runs_handed_over == 1
    clock.shift(PATIENCE)
    swept = sweep_runs()
    waiting.refresh_from_db()
    assert (swept.runs_expired, swept.runs_handed_over, waiting.error_code) == (1, 0, "not_started")
    queue.work()
    assert (len(queue.given), CountWords.executed, held(user)) == (3, [], 0)


def test_a_queue_that_does_not_answer_the_sweep_gets_it_the_next_time(user, clock, queue, waiting):
    queue.is_down = True
    clock.shift(PATIENCE)
    assert (sweep_runs().runs_handed_over, held(user)) == (0, 2)
    queue.is_down = False
    clock.shift(PATIENCE)
    assert sweep_runs().runs_handed_over == 1
    queue.work()
    assert_balance(user, 3)


def test_a_retry_whose_task_is_lost_is_handed_over_again(user, offer, clock, queue):
    fund(user, 5)
    service = offer(failing(OSError()), retries=1, retry_delay=10, queue_timeout=40, queue="slow")
    run = worked_off(service.enqueue(user))
    clock.shift(19)
    assert sweep_runs().runs_handed_over == 0  # ten seconds of them it had to wait
    clock.shift(1)
    assert sweep_runs().runs_handed_over == 1
    assert queue.given[-1] == (str(run.pk), 1, "slow", timedelta(0))
    queue.work()
    run.refresh_from_db()
    assert (run.status, run.attempts) == ("succeeded", 2)
    assert_balance(user, 3)


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_down_at_a_retry_delays_the_run_and_does_not_end_it(user, offer, clock, queue):
    fund(user, 5)
    run = offer(failing(OSError()), retries=1, retry_delay=10, queue_timeout=40).enqueue(user)
    queue.is_down = True
    run = worked_off(run)
    assert (run.status, run.attempts, held(user)) == ("queued", 1, 2)
    queue.is_down = False
    clock.shift(20)
    assert sweep_runs().runs_handed_over == 1
    queue.work()
    assert_balance(user, 3)


def test_what_was_begun_canceled_or_finished_is_not_handed_over(user, offer, clock, queue):
    fund(user, 20)
    swept = []

    def work(context):
        clock.shift(PATIENCE)
        swept.append(sweep_runs().runs_handed_over)

    service = offer(work, timeout=timedelta(hours=1))
    service.enqueue(user).cancel()
    worked_off(service.enqueue(user))
    clock.shift(PATIENCE)
    assert (swept, sweep_runs().runs_handed_over) == ([0], 0)


def test_a_sweep_that_does_not_know_the_service_leaves_it_to_one_that_does(user, offer, clock, queue):
    fund(user, 5)
    run = offer(lambda context: "done").enqueue(user)
    known = registry.snapshot()
    registry.restore({})
    clock.shift(PATIENCE)
    assert sweep_runs().runs_handed_over == 0
    registry.restore(known)
    assert sweep_runs().runs_handed_over == 1
    assert worked_off(run).status == "succeeded"


def test_the_command_says_how_many(clock, queue, waiting, capsys):
    clock.shift(PATIENCE)
    call_command("sweep_runs")
    assert capsys.readouterr().out == "0 runs expired, 1 handed over again, 0 outputs blanked.\n"


def sweep_in_a_thread(_):
    try:
        return sweep_runs().runs_handed_over
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_of_sweeps_at_once_one_hands_it_over(clock, queue, waiting):
    clock.shift(PATIENCE)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(sweep_in_a_thread, range(4))) == 1
    assert len(queue.given) == 2


KILLED_BEFORE_THE_QUEUE_HAS_IT = """
    import os, signal, sys
    from django.contrib.auth import get_user_model
    from django.test import override_settings
    from quickscale_services import registry
    from tests.services import worked

    def enqueue(*arguments, **options):
        os.kill(os.getpid(), signal.SIGKILL)

    worked.offer()
    with override_settings(QUICKSCALE_SERVICES={"QUEUE": "__main__.enqueue"}):
        registry["count-words"].enqueue(get_user_model().objects.get(pk=sys.argv[1]), text="one")
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_between_the_commit_and_the_queue_loses_no_run(user, spawn, queue, time_machine):
    fund(user, 5)
    assert spawn(KILLED_BEFORE_THE_QUEUE_HAS_IT, user.pk).wait() == -9
    run = ServiceRun.objects.get()
    assert (run.status, held(user)) == ("queued", 2)
    time_machine.move_to(run.hand_over_again_at)
    assert sweep_runs().runs_handed_over == 1
    queue.work()
    assert_balance(user, 3)


def test_asynchronous_callers_enqueue_too(user, queue):
    fund(user, 3)
    enqueue = async_to_sync(registry["count-words"].aenqueue)
    first, again = (enqueue(user, actor=user, idempotency_key="k", text="one") for _ in range(2))
    assert (first.status, first.actor, again) == ("queued", str(user.pk), first)
    with pytest.raises(InsufficientCredits):
        enqueue(user, text="two")
