"""A process is killed between any two steps of a verb: the verb is done or not, and a retry settles which."""

import os
import random
import signal
from itertools import count

import pytest
import time_machine

from quickscale_credits import ledger
from quickscale_credits.models import Hold
from quickscale_credits.testing import assert_ledger_sound, fund
from tests.conftest import environment_of_database, spawning
from tests.credits.killing import DEEDS, Killer, Scene

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = int(os.environ.get("QUICKSCALE_KILLS", 70))
SEED = int(os.environ.get("QUICKSCALE_SEED", random.randrange(10**6)))

names = (f"scene-{number}" for number in count())


@pytest.fixture(scope="module")
def killer(django_db_setup):
    with spawning(environment_of_database()) as spawn:
        yield Killer(spawn("from tests.credits.killing import serve; serve()"))


@pytest.mark.parametrize("deed", DEEDS)
def test_a_verb_that_is_killed_is_done_or_not_and_a_retry_settles_it(db, killer, deed):
    moments = killer.moments(deed, Scene.set(next(names)))
    assert moments > 6
    for moment in chosen(moments, KILLS // len(DEEDS), seed=f"{SEED} {deed}"):
        kill_and_retry(killer, deed, moment)


def chosen(moments, number, *, seed):
    """Each moment as often as any other, within one."""
    rounds, rest = divmod(number, moments)
    return [*list(range(1, moments + 1)) * rounds, *random.Random(seed).sample(range(1, moments + 1), rest)]


def kill_and_retry(killer, deed, moment):
    killed, unharmed = Scene.set(next(names)), Scene.set(next(names))
    before = killed.standing()
    assert killer.kill(deed, killed, moment), f"{deed} was done before moment {moment}"
    DEEDS[deed](unharmed)
    after = unharmed.standing()
    assert killed.standing() in (before, after), f"{deed} was half done at moment {moment}, seed {SEED}"
    assert_ledger_sound()
    DEEDS[deed](killed)
    assert killed.standing() == after, f"a retry of {deed} after moment {moment} did not settle it, seed {SEED}"
    assert_ledger_sound()


WORK = """
    import os, signal, sys
    from quickscale_credits import ledger
    from quickscale_credits.models import CreditAccount

    with ledger.spending(CreditAccount.objects.get(pk=sys.argv[1]), 4, reason="work"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_is_killed_during_its_work_gives_its_hold_back_in_time(user, spawn):
    fund(user, 10)
    assert spawn(WORK, user.credit_account.pk).wait(timeout=60) == -signal.SIGKILL
    assert ledger.balance(user).held == 4
    with time_machine.travel(Hold.objects.get().expires_at, tick=False):
        assert ledger.balance(user).available == 10
        ledger.spend(user, 10, reason="page")
