"""Real threads on the real database."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.exceptions import RateLimited, RunInProgress
from quickscale_services.models import Service, ServiceRun
from tests.services.samples import doing

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 10


def at_once(call, times=THREADS):
    """What each of so many threads got, or the error that it met."""
    barrier = threading.Barrier(times)

    def one(_):
        barrier.wait()
        try:
            return call()
        except (InsufficientCredits, RateLimited, RunInProgress) as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.mark.parametrize(("funded", "cost"), [(100, 2), (2, 2), (0, 0)])
def test_of_ten_with_one_key_exactly_one_executes(user, funded, cost):
    if funded:
        fund(user, funded)
    executed = []
    service = doing(lambda context: executed.append(None) or "done", cost=cost)
    answers = at_once(lambda: service.run(user, idempotency_key="k"))
    assert len(executed) == 1
    results = [answer for answer in answers if not isinstance(answer, RunInProgress)]
    assert {(result.output, result.run.pk) for result in results} == {("done", ServiceRun.objects.get().pk)}
    assert_balance(user, funded - cost)


def test_of_two_runs_with_credits_for_one_the_second_is_refused_before_it_executes(user):
    fund(user, 2)
    executed = []
    service = doing(lambda context: executed.append(None))
    refused = [answer for answer in at_once(lambda: service.run(user), 2) if isinstance(answer, InsufficientCredits)]
    assert (len(refused), len(executed)) == (1, 1)
    assert_balance(user, 0)


def test_runs_at_once_are_each_charged_once(user):
    fund(user, 2 * THREADS)
    service = doing(lambda context: "done")
    results = at_once(lambda: service.run(user))
    assert {result.cost for result in results} == {2}
    assert len({result.run.entry_id for result in results}) == THREADS
    assert (ledger.balance(user).total, ledger.balance(user).held) == (0, 0)


@pytest.mark.parametrize("cost", [0, 1])
def test_of_ten_at_once_no_more_begin_than_the_rate_allows(user, cost):
    fund(user, THREADS)
    Service.objects.create(name="doing", rate_limit="3/minute")
    service = doing(lambda context: "done", cost=cost)
    answers = at_once(lambda: service.run(user))
    assert sum(isinstance(answer, RateLimited) for answer in answers) == THREADS - 3
    assert_balance(user, THREADS - 3 * cost)


@pytest.mark.parametrize("cost", [0, 1])
def test_of_ten_at_once_no_more_work_than_may(user, settings, cost):
    settings.QUICKSCALE_SERVICES = {"MAX_CONCURRENT_RUNS": 2}
    fund(user, THREADS)
    all_have_asked = threading.Barrier(THREADS)
    service = doing(lambda context: all_have_asked.wait(10), cost=cost, Output=None)

    def run():
        try:
            return service.run(user)
        except RateLimited as error:
            all_have_asked.wait(10)
            return error

    refused = [answer for answer in at_once(run) if isinstance(answer, RateLimited)]
    assert len(refused) == THREADS - 2
