"""Real workers: `db_worker` of django-tasks-db in processes of their own, on the test database."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import django
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import queueing, registry
from quickscale_services.background import execute_run
from quickscale_services.exceptions import QueueUnavailable
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.sweeping import sweep_runs
from quickscale_services.testing import register_temporarily
from tests.services import worked
from tests.services.samples import CountWords
from tests.services.serving import ask
from tests.services.test_api_servers import RUN, TEXT

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_SECONDS = 60
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
IMMEDIATE = f"{TASKS}.backends.immediate.ImmediateBackend"
DUMMY = f"{TASKS}.backends.dummy.DummyBackend"
WORKER = [sys.executable, "-m", "tests.services.worked", "--interval=0.05", "--no-startup-delay", "--no-reload"]


@pytest.fixture
def workers(database_environment):
    """`workers(3)` starts so many; they are stopped at the end of the test."""
    started = []

    def start(count=1, *options):
        for _ in range(count):
            started.append(subprocess.Popen([*WORKER, *options], env=database_environment))
        return started[-count:]

    yield start
    for process in started:
        process.kill()
        process.wait()


def closing(work):
    """For a thread of its own."""

    def one(*arguments):
        try:
            return work(*arguments)
        finally:
            connections.close_all()

    return one


KILLED_AT_EACH_STATEMENT = """
    import os, signal, sys
    from itertools import count
    from django.db import connection
    from quickscale_services import queueing
    from tests.services import worked

    def kill_at(step):
        statements = count(1)

        def wrapper(execute, *arguments):
            result = execute(*arguments)
            if next(statements) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    worked.offer()
    # Each step has a run and a process of its own, which dies right after that statement.
    for step, run in enumerate(sys.argv[1:], 1):
        if not (child := os.fork()):
            with connection.execute_wrapper(kill_at(step)):
                queueing.execute(run, 0)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def until(is_so):
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, list(ServiceRun.objects.values("status", "error_code"))
        time.sleep(0.02)


def has_ended(run):
    run.refresh_from_db()
    return run.has_ended


def test_a_worker_takes_a_run_from_the_queue_and_charges_it(user, workers):
    fund(user, 5)
    with transaction.atomic():
        run = registry["count-words"].enqueue(user, text="one two")
        assert not DBTaskResult.objects.exists()
    workers(1, "--batch")
    until(lambda: has_ended(run))
    assert (run.status, run.output, run.attempts) == ("succeeded", {"words": 2}, 1)
    assert_balance(user, 3)


def test_a_worker_knows_a_user_from_a_text_that_is_the_number_of_one(user, workers):
    by_user, by_text = worked.Asked().enqueue(user, actor=user), worked.Asked().enqueue(user, actor=str(user.pk))
    workers(1, "--batch")
    until(lambda: has_ended(by_user) and has_ended(by_text))
    assert (by_user.output, by_text.output) == ([type(user).__name__, str(user)], ["str", str(user.pk)])


def test_a_worker_killed_while_it_executes_costs_nothing_once_swept(user, workers, time_machine):
    fund(user, 5)
    run = worked.Slow().enqueue(user, seconds=600)
    [worker] = workers()
    until(lambda: ServiceRun.objects.filter(progress=0.5).exists())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    run.refresh_from_db()
    assert (run.status, ledger.balance(user).held) == ("running", 2)
    time_machine.move_to(run.deadline + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    assert (has_ended(run), run.status, run.error_code, run.cost) == (True, "expired", "service_lost", 0)
    assert (ledger.balance(user).total, ledger.balance(user).held) == (5, 0)


def test_a_worker_killed_after_any_statement_leaves_a_run_that_is_charged_once_or_not_at_all(
    django_user_model, spawn, time_machine
):
    users = [django_user_model.objects.create_user(f"user{step}") for step in range(22)]
    for user in users:
        fund(user, 5)
    runs = [CountWords().enqueue(user, text="one") for user in users]
    process = spawn(KILLED_AT_EACH_STATEMENT, *(run.pk for run in runs))
    exits = [int(line) for line in process.stdout]
    assert exits.count(-9) >= 10, process.stderr.read()
    assert exits.count(-9) + exits.count(0) == len(users)

    time_machine.move_to(timezone.now() + timedelta(hours=2))
    sweep_runs()
    for user, run, code in zip(users, runs, exits, strict=True):
        assert has_ended(run)
        charged = 2 if run.status == "succeeded" else 0
        assert (charged == 2) >= (code == 0)
        assert (ledger.balance(user).total, ledger.balance(user).held) == (5 - charged, 0)


def test_of_ten_with_one_key_one_run_is_queued(user):
    fund(user, 100)
    with ThreadPoolExecutor(10) as pool:
        enqueue = closing(lambda _: registry["count-words"].enqueue(user, idempotency_key="k", text="one").pk)
        assert len(set(pool.map(enqueue, range(10)))) == 1
    assert (ledger.balance(user).held, DBTaskResult.objects.count()) == (2, 1)


def test_a_run_is_canceled_while_a_worker_executes_it(user, workers):
    fund(user, 5)
    run = worked.Slow().enqueue(user, seconds=600)
    workers(1, "--max-tasks=1")
    until(lambda: ServiceRun.objects.filter(progress=0.5).exists())
    assert run.cancel().status == "canceled"
    assert_balance(user, 5)
    until(lambda: DBTaskResult.objects.successful().exists())


def test_of_three_workers_one_is_killed_and_every_run_is_charged_once_or_not_at_all(user, workers, time_machine):
    if connection.vendor == "sqlite":
        pytest.skip("three workers at once are for a database server")
    fund(user, 200)
    lost = worked.Slow().enqueue(user, seconds=600)
    runs = [worked.Slow().enqueue(user, seconds=0.01) for _ in range(20)]
    for task in DBTaskResult.objects.all():
        execute_run.enqueue(*task.args_kwargs["args"])
    started = {f"worker {number}": workers(1, f"--worker-id=worker {number}")[0] for number in range(3)}
    until(lambda: ServiceRun.objects.filter(pk=lost.pk, progress=0.5).exists())
    [task] = [task for task in DBTaskResult.objects.running() if task.args_kwargs["args"][0] == str(lost.pk)]
    started[task.worker_ids[-1]].kill()
    until(lambda: ServiceRun.objects.filter(status="succeeded").count() == len(runs))
    until(lambda: not DBTaskResult.objects.ready().exists())
    assert_balance(user, 160)
    time_machine.move_to(ServiceRun.objects.get(pk=lost.pk).deadline + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    assert (ledger.balance(user).total, ledger.balance(user).held) == (160, 0)


def test_a_retry_goes_through_the_queue_again(user, workers):
    fund(user, 5)
    run = worked.Flaky().enqueue(user)
    workers(1, "--max-tasks=2")
    until(lambda: has_ended(run))
    assert (run.status, run.attempts, DBTaskResult.objects.count()) == ("succeeded", 2, 2)
    assert_balance(user, 3)


def test_with_djangos_immediate_backend_the_run_has_ended_when_enqueue_returns(user, settings):
    settings.TASKS = {"default": {"BACKEND": IMMEDIATE}}
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    assert (run.status, has_ended(run), run.status) == ("queued", True, "succeeded")
    assert_balance(user, 3)


def test_djangos_immediate_backend_tries_again_at_once(user, settings):
    settings.TASKS = {"default": {"BACKEND": IMMEDIATE}}
    fund(user, 5)
    with register_temporarily(worked.Flaky):
        run = registry["flaky"].enqueue(user)
    assert (has_ended(run), run.status, run.attempts) == (True, "succeeded", 2)
    assert_balance(user, 3)


def test_with_djangos_dummy_backend_the_run_waits_until_it_is_swept(user, settings, clock):
    settings.TASKS = {"default": {"BACKEND": DUMMY}}
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    clock.shift(timedelta(hours=1))
    sweep_runs()
    assert (has_ended(run), run.error_code) == (True, "not_started")
    assert_balance(user, 5)


def refuse(*arguments, **options):
    """A queue that takes nothing."""
    raise ConnectionError("The broker does not answer.")


def test_a_queue_that_does_not_take_the_run_costs_nothing(user, settings):
    settings.QUICKSCALE_SERVICES = {"QUEUE": f"{__name__}.refuse"}
    fund(user, 5)
    with pytest.raises(QueueUnavailable) as refused:
        registry["count-words"].enqueue(user, text="one")
    assert (refused.value.run.status, refused.value.run.error_code) == ("failed", "queue_unavailable")
    assert (ledger.balance(user).total, ledger.balance(user).held) == (5, 0)


def test_a_queue_that_fails_after_the_callers_commit_leaves_the_callers_callbacks_alone(user, settings):
    settings.QUICKSCALE_SERVICES = {"QUEUE": f"{__name__}.refuse"}
    fund(user, 5)
    called = []
    with transaction.atomic():
        run = registry["count-words"].enqueue(user, text="one")
        transaction.on_commit(lambda: called.append("called"))
    assert (called, has_ended(run), run.status) == (["called"], True, "failed")


def keep_for_a_named_queue(run_id, attempt, *, queue, delay):
    taken.append((run_id, attempt, queue, delay))


taken = []


def test_a_function_of_the_hosts_may_be_the_queue(user, settings):
    settings.QUICKSCALE_SERVICES = {"QUEUE": f"{__name__}.keep_for_a_named_queue"}
    taken.clear()
    fund(user, 5)
    service = type("Doing", (worked.Slow,), {"queue": "slow"})()
    run = service.enqueue(user, seconds=0)
    assert taken == [(str(run.pk), 0, "slow", timedelta(0))]


def test_a_service_may_have_a_queue_of_its_own(user):
    service = type("Doing", (worked.Slow,), {"queue": "slow"})()
    fund(user, 5)
    service.enqueue(user, seconds=0)
    assert DBTaskResult.objects.get().queue_name == "slow"


def test_of_a_cancel_and_a_finish_at_once_one_wins(user):
    fund(user, 100)
    for _ in range(20):
        run = registry["count-words"].enqueue(user, text="one")
        with ThreadPoolExecutor(2) as pool:
            working, canceling = pool.submit(closing(queueing.execute), run.pk, 0), pool.submit(closing(run.cancel))
            working.result(), canceling.result()
        run.refresh_from_db()
        assert run.status in {"succeeded", "canceled"}
    succeeded = ServiceRun.objects.filter(status="succeeded").count()
    assert (ledger.balance(user).total, ledger.balance(user).held) == (100 - 2 * succeeded, 0)


def test_of_many_workers_with_one_task_one_executes(user):
    fund(user, 100)
    CountWords.executed.clear()
    run = registry["count-words"].enqueue(user, text="one")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(closing(queueing.execute), [run.pk] * 8, [0] * 8))
    assert (CountWords.executed, has_ended(run), run.attempts) == (["one"], True, 1)
    assert_balance(user, 98)


def test_a_program_follows_its_run_over_real_http_to_the_result(user, workers, server_of):
    fund(user, 5)
    port = server_of("gunicorn").port
    key = {"Authorization": f"Bearer {ApiKey.objects.issue(user, name='program')[1]}"}
    workers(1, "--max-tasks=1")
    status, headers, accepted = ask(port, "POST", RUN, TEXT, Prefer="respond-async", **key)
    assert (status, accepted["run"]["status"]) == (202, "queued")
    until(lambda: ask(port, "GET", headers["Location"], **key)[2]["status"] == "succeeded")
    found = ask(port, "GET", headers["Location"], **key)[2]
    assert ask(port, "POST", f"{headers['Location']}/cancel", {}, **key)[2]["status"] == "succeeded"
    assert (found["cost"], found["output"]["sentences_kept"] > 0) == ("2", True)
    assert_balance(user, 3)
