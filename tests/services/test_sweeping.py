from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditGrant, Hold
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import ServiceTimeout
from quickscale_services.models import ServiceRun
from quickscale_services.sweeping import sweep_runs
from tests.services.samples import CountWords, doing

KILLED_WHILE_EXECUTING = """
    import sys, time
    from django.contrib.auth import get_user_model
    from quickscale_services import BaseService

    class Endless(BaseService):
        name = "endless"
        cost = 2

        def execute(self, data, context):
            print(context.run.pk, flush=True)
            time.sleep(600)

    Endless().run(get_user_model().objects.get(pk=sys.argv[1]), idempotency_key="k")
"""

KILLED_AT_EACH_STATEMENT = """
    import os, signal, sys
    from itertools import count
    from django.contrib.auth import get_user_model
    from django.db import connection
    from tests.services.samples import CountWords

    def kill_at(step):
        statements = count(1)

        def wrapper(execute, *arguments):
            result = execute(*arguments)
            if next(statements) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    # Each step has a user and a process of its own, which dies right after that statement of its run.
    for step, pk in enumerate(sys.argv[1:], 1):
        if not (child := os.fork()):
            user = get_user_model().objects.get(pk=pk)
            with connection.execute_wrapper(kill_at(step)):
                CountWords().run(user, text="one", idempotency_key="k")
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_a_run_killed_while_executing_costs_nothing_once_swept(user, spawn, time_machine):
    fund(user, 5)
    process = spawn(KILLED_WHILE_EXECUTING, user.pk)
    run = ServiceRun.objects.get(pk=process.stdout.readline().strip())
    process.kill()
    process.wait()
    assert ledger.balance(user).held == 2
    time_machine.move_to(run.deadline + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    run.refresh_from_db()
    assert (run.status, run.error_code, run.cost, run.entry) == ("expired", "service_lost", 0, None)
    assert (ledger.balance(user).total, ledger.balance(user).held) == (5, 0)


@pytest.mark.django_db(transaction=True)
def test_a_run_killed_after_any_statement_is_charged_once_or_not_at_all(django_user_model, spawn, time_machine):
    users = [django_user_model.objects.create_user(f"user{step}") for step in range(30)]
    for user in users:
        fund(user, 5)
    process = spawn(KILLED_AT_EACH_STATEMENT, *(user.pk for user in users))
    exits = [int(line) for line in process.stdout]
    assert exits.count(-9) >= 14, process.stderr.read()
    assert exits.count(-9) + exits.count(0) == len(users)

    time_machine.move_to(timezone.now() + timedelta(minutes=2))
    sweep_runs()
    for user, code in zip(users, exits, strict=True):
        assert (ledger.balance(user).total, ledger.balance(user).held) == (3 if code == 0 else 5, 0)
        CountWords().run(user, text="one", idempotency_key="k")
        assert_balance(user, 3)


def lost_run(user, clock, **keywords):
    """A run whose process is gone: what it left behind, as the kill -9 tests above show."""
    lost = []

    def work(context):
        lost.append(ServiceRun.objects.get(pk=context.run.pk))
        clock.shift(61)
        sweep_runs()

    with pytest.raises(ServiceTimeout):
        doing(work).run(user, **keywords)
    return lost[0]


def test_a_run_that_was_swept_while_it_executed_is_not_charged(user, clock):
    fund(user, 5)
    run = lost_run(user, clock)
    run.refresh_from_db()
    assert run.status == "expired"
    assert_balance(user, 5)


def test_a_run_that_is_in_time_is_left_alone(user, clock):
    fund(user, 5)
    swept = []

    def work(context):
        clock.shift(59)
        swept.append(sweep_runs().runs_expired)

    assert doing(work).run(user).cost == 2
    assert swept == [0]


def test_sweeping_twice_settles_once(user, clock, capsys):
    fund(user, 5)
    lost_run(user, clock)
    call_command("sweep_runs")
    assert capsys.readouterr().out == "0 runs expired, 0 handed over again, 0 outputs blanked.\n"
    assert_balance(user, 5)


def test_a_lost_run_frees_its_key_before_any_sweep(user, clock):
    fund(user, 5)
    retried = []

    def work(context):
        clock.shift(61)
        if not retried:
            retried.append(None)
            retried.append(doing(lambda context: "second").run(user, idempotency_key="k"))
        return "first"

    with pytest.raises(ServiceTimeout):
        doing(work).run(user, idempotency_key="k")
    assert retried[1].output == "second"
    assert_balance(user, 3)


def test_a_free_run_that_was_lost_says_so_too(user, clock):
    with pytest.raises(ServiceTimeout):
        doing(lambda context: (clock.shift(61), sweep_runs()), cost=0).run(user)
    assert registry["free-words"].run(user, text="one").run.status == "succeeded"
    assert list(ServiceRun.objects.values_list("status", flat=True).order_by("created_at")) == [
        "expired",
        "succeeded",
    ]


def test_a_damaged_account_does_not_keep_the_runs_of_others_from_being_swept(user, django_user_model, clock, caplog):
    other = django_user_model.objects.create_user("bob")
    for owner in (user, other):
        fund(owner, 5)
    damaged, sound = (registry["count-words"].enqueue(owner, text="one") for owner in (user, other))
    Hold.objects.filter(pk=damaged.hold_id).update(grant=CreditGrant.objects.get(account__owner=other))
    clock.move_to(max(damaged.deadline, sound.deadline) + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    sound.refresh_from_db()
    assert sound.status == "expired"
    assert f"{damaged.pk} cannot be ended" in caplog.text
    Hold.objects.filter(pk=damaged.hold_id).update(grant=CreditGrant.objects.get(account__owner=user))
    assert sweep_runs().runs_expired == 1
