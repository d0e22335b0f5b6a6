import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import InvalidInput, ServiceFailed, ServiceTimeout
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords, doing


def waiting(work, **attributes):
    """A service whose `execute` is an `async def`."""

    async def execute(self, data, context):
        return await work(context)

    return doing(None, execute=execute, **attributes)


async def answer(context):
    await asyncio.sleep(0)
    return "done"


async def fail(context):
    await asyncio.sleep(0)
    raise LookupError("lost")


async def dawdle(context):
    await asyncio.Event().wait()


def arun(service, owner, **options):
    return async_to_sync(service.arun)(owner, **options)


def test_run_waits_for_an_asynchronous_service(user):
    fund(user, 5)
    assert waiting(answer).run(user).output == "done"
    assert_balance(user, 3)


@pytest.mark.parametrize("service", [waiting(answer), doing(lambda context: "done")], ids=["async", "sync"])
def test_arun_charges_once_whichever_the_service_is(user, service):
    fund(user, 5)
    result = arun(service, user, actor=user)
    assert (result.output, result.cost, result.run.actor) == ("done", 2, str(user.pk))
    assert_balance(user, 3)


def test_arun_raises_as_run_does(user):
    fund(user, 1)
    with pytest.raises(InsufficientCredits):
        arun(waiting(answer), user)
    with pytest.raises(InvalidInput):
        arun(registry["count-words"], user, text="")
    assert not ServiceRun.objects.exists()


def test_what_fails_while_it_waits_costs_nothing(user):
    fund(user, 5)
    for call in (arun, lambda service, owner: service.run(owner)):
        with pytest.raises(ServiceFailed) as caught:
            call(waiting(fail), user)
        assert isinstance(caught.value.__cause__, LookupError)
    assert set(ServiceRun.objects.values_list("status", flat=True)) == {"failed"}
    assert_balance(user, 5)


def test_what_waits_too_long_is_stopped_at_its_deadline(user):
    fund(user, 5)
    for call in (arun, lambda service, owner: service.run(owner)):
        with pytest.raises(ServiceTimeout):
            call(waiting(dawdle, timeout=0.05), user)
    assert set(ServiceRun.objects.values_list("error_code", flat=True)) == {"service_timeout"}
    assert_balance(user, 5)


def test_a_replay_needs_no_second_execution(user):
    fund(user, 5)
    first, second = (arun(registry["count-words"], user, text="one", idempotency_key="k") for _ in range(2))
    assert (second, second.replayed) == (first, True)
    assert CountWords.executed == ["one"]


def test_canceling_gives_the_credits_back(user):
    fund(user, 5)

    async def cancel():
        begun = asyncio.Event()

        async def work(context):
            begun.set()
            await dawdle(context)

        running = asyncio.ensure_future(waiting(work).arun(user))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async_to_sync(cancel)()
    assert ServiceRun.objects.get().error_code == "interrupted"
    assert ledger.balance(user).available == 5


def test_canceling_while_it_begins_gives_the_credits_back(user):
    fund(user, 5)

    async def cancel():
        running = asyncio.ensure_future(waiting(answer).arun(user))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async_to_sync(cancel)()
    assert ledger.balance(user).available == 5


@pytest.mark.django_db(transaction=True)
def test_the_api_runs_an_asynchronous_service_under_asgi(user):
    fund(user, 5)
    plain = ApiKey.objects.issue(user, name="k")[1]

    async def call():
        return await AsyncClient().post(
            "/api/services/doing/run", {}, "application/json", headers={"Authorization": f"Bearer {plain}"}
        )

    with register_temporarily(type(waiting(answer))):
        response = async_to_sync(call)()
    assert (response.status_code, response.json()["output"]) == (200, "done")
    assert_balance(user, 3)
