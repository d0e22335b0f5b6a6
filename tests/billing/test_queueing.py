"""What is handed to workers."""

import pytest
from django.core.management import call_command
from django.db import transaction

from quickscale_billing import queueing

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

done: list[int] = []
asked: list[tuple[str, int]] = []


@queueing.job("test")
def note(pk: int) -> None:
    done.append(pk)


def ask(name: str, pk: int) -> None:
    asked.append((name, pk))


def refuse(name: str, pk: int) -> None:
    raise ConnectionError("the broker is gone")


@pytest.fixture(autouse=True)
def nothing_was_done() -> None:
    done.clear()
    asked.clear()


def test_a_worker_of_django_tasks_does_what_was_handed_over_and_committed(settings):
    settings.QUICKSCALE_BILLING = {"QUEUE": "default"}
    queueing.hand_over("test", 7)
    with transaction.atomic():
        queueing.hand_over("test", 8)
        transaction.set_rollback(True)
    assert done == []
    call_command("db_worker", batch=True, interval=0, startup_delay=False, verbosity=0)
    assert done == [7]


def test_a_function_of_the_host_may_hand_over(settings):
    settings.QUICKSCALE_BILLING = {"QUEUE": f"{__name__}.ask"}
    queueing.hand_over("test", 7)
    assert asked == [("test", 7)]


def test_an_engine_that_refuses_harms_nobody(settings):
    settings.QUICKSCALE_BILLING = {"QUEUE": f"{__name__}.refuse"}
    queueing.hand_over("test", 7)
    with transaction.atomic():
        queueing.hand_over("test", 7)


def test_without_an_engine_the_sweep_does_it_all():
    queueing.hand_over("test", 7)
    assert (done, asked) == ([], [])
