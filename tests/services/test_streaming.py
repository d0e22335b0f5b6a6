"""Services that give their result in pieces, called from Python."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import streaming
from quickscale_services.exceptions import RunInProgress, ServiceFailed, ServiceTimeout
from quickscale_services.models import Service, ServiceRun
from quickscale_services.sweeping import sweep_runs
from tests.services.samples import doing, streaming_service


def pieces(context):
    yield "one\ntwo"
    context.charge("0.5")
    yield {"three": 3}


async def apieces(context):
    for piece in pieces(context):
        await asyncio.sleep(0)
        yield piece


def fails_midway(context):
    yield "one"
    context.charge("0.5")
    raise LookupError("lost")


async def afails_midway(context):
    for piece in fails_midway(context):
        yield piece


def arun(service, owner, **options):
    return async_to_sync(service.arun)(owner, **options)


def run(service, owner, **options):
    return service.run(owner, **options)


EITHER_WORK = pytest.mark.parametrize("work", [pieces, apieces], ids=["def", "async def"])
EITHER_FAILURE = pytest.mark.parametrize("work", [fails_midway, afails_midway], ids=["def", "async def"])
EITHER_CALL = pytest.mark.parametrize("call", [run, arun])


@EITHER_CALL
@EITHER_WORK
def test_run_gives_the_list_of_pieces(user, work, call):
    fund(user, 5)
    result = call(streaming_service(work), user)
    assert (result.output, str(result.cost)) == (["one\ntwo", {"three": 3}], "0.5")
    assert_balance(user, "4.5")


@EITHER_WORK
def test_pieces_come_while_the_run_is_under_way(user, work):
    fund(user, 5)
    stream = streaming.begin(streaming_service(work), user, {})
    given = stream.pieces()
    assert next(given) == "one\ntwo"
    assert ServiceRun.objects.get().status == "running"
    assert list(given) == [{"three": 3}]
    assert (stream.result.run.status, str(stream.result.cost)) == ("succeeded", "0.5")


def test_an_output_says_what_each_piece_is(user):
    class Word(BaseModel):
        text: str

    fund(user, 5)
    service = streaming_service(lambda context: iter([Word(text="one"), {"text": "two"}]), Output=Word)
    assert service.run(user, idempotency_key="k").output == [Word(text="one"), Word(text="two")]
    assert service.run(user, idempotency_key="k").output == [Word(text="one"), Word(text="two")]
    with pytest.raises(ServiceFailed):
        streaming_service(lambda context: iter(["no word"]), Output=Word).run(user)
    assert_balance(user, 3)


@EITHER_CALL
@EITHER_FAILURE
def test_a_stream_that_fails_midway_costs_nothing(user, work, call):
    fund(user, 5)
    with pytest.raises(ServiceFailed, match="nothing was charged"):
        call(streaming_service(work), user)
    assert ServiceRun.objects.get().status == "failed"
    assert_balance(user, 5)


@EITHER_CALL
@EITHER_FAILURE
def test_it_costs_what_was_charged_until_then_where_its_policy_says_so(user, work, call):
    fund(user, 5)
    service = streaming_service(work, charge_partial=True)
    for _ in range(2):
        with pytest.raises(ServiceFailed, match="was charged"):
            call(service, user, idempotency_key="k")
    found = ServiceRun.objects.get()
    assert (found.status, found.error_code, found.output, str(found.cost)) == (
        "succeeded",
        "service_failed",
        ["one"],
        "0.5",
    )
    assert_balance(user, "4.5")


@pytest.mark.parametrize("told", [None, 0])
def test_the_policy_charges_nothing_where_nothing_was_told(user, told):
    def work(context):
        yield "one"
        if told is not None:
            context.charge(told)
        raise LookupError

    fund(user, 5)
    with pytest.raises(ServiceFailed, match="nothing was charged"):
        streaming_service(work, charge_partial=True).run(user)
    assert_balance(user, 5)


def test_the_policy_charges_nothing_before_the_first_piece(user):
    def work(context):
        context.charge(1)
        raise LookupError
        yield

    fund(user, 5)
    with pytest.raises(ServiceFailed, match="nothing was charged"):
        streaming_service(work, charge_partial=True).run(user)
    assert_balance(user, 5)


@pytest.mark.parametrize(("policy", "left"), [(False, "5"), (True, "4.5")])
def test_a_piece_after_the_deadline_is_thrown_away(user, clock, policy, left):
    def work(context):
        yield "in time"
        context.charge("0.5")
        clock.shift(timedelta(seconds=61))
        yield "too late"

    fund(user, 5)
    given = streaming.begin(streaming_service(work, charge_partial=policy), user, {}).pieces()
    assert next(given) == "in time"
    with pytest.raises(ServiceTimeout):
        next(given)
    assert ServiceRun.objects.get().error_code == "service_timeout"
    assert_balance(user, left)


@pytest.mark.parametrize(("charged", "left"), [("0.5", "4.5"), (None, "3")])
@pytest.mark.parametrize("later", [False, True], ids=["def", "async def"])
def test_who_reads_so_slowly_that_time_is_over_pays_as_if_they_had_gone_away(user, clock, later, charged, left):
    def paid(context):
        if charged:
            context.charge(charged)
        yield from ("one", "two")

    async def apaid(context):
        for piece in paid(context):
            yield piece

    fund(user, 5)
    service = streaming_service(apaid if later else paid)
    given = streaming.begin(service, user, {}, idempotency_key="k").pieces()
    next(given)
    clock.shift(timedelta(seconds=61))
    with pytest.raises(ServiceTimeout, match="was charged"):
        next(given)
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code, run.output) == ("succeeded", "service_timeout", ["one"])
    assert_balance(user, left)


@pytest.mark.parametrize(
    ("working", "reading", "told", "left"), [(31, 30, "nothing was charged", 5), (30, 31, "had given was charged", 4)]
)
def test_who_took_more_than_half_of_the_time_bears_that_it_is_over(user, clock, working, reading, told, left):
    def work(context):
        context.charge(1)
        yield "one"
        clock.shift(timedelta(seconds=working))
        yield "too late"

    fund(user, 5)
    given = streaming.begin(streaming_service(work), user, {}).pieces()
    next(given)
    clock.shift(timedelta(seconds=reading))
    with pytest.raises(ServiceTimeout, match=told):
        next(given)
    assert_balance(user, left)


def test_what_waits_too_long_for_a_piece_is_stopped(user):
    async def work(context):
        yield "one"
        await asyncio.Event().wait()

    fund(user, 5)
    service = streaming_service(work, timeout=0.05)
    for call in (run, arun):
        with pytest.raises(ServiceTimeout):
            call(service, user)
    with pytest.raises(ServiceTimeout):
        list(streaming.begin(service, user, {}).pieces())
    assert_balance(user, 5)


def walk_away(service, owner, **asked):
    given = streaming.begin(service, owner, {}, **asked).pieces()
    first = next(given)
    given.close()
    return first


def awalk_away(service, owner, **asked):
    async def walk():
        given = stream.apieces()
        first = await anext(given)
        await given.aclose()
        return first

    stream = streaming.begin(service, owner, {}, **asked)
    return async_to_sync(walk)()


EITHER_WALK = pytest.mark.parametrize("walk", [walk_away, awalk_away])


@EITHER_WALK
@EITHER_WORK
def test_who_goes_away_pays_the_whole_cost_where_nothing_was_charged_yet(user, work, walk):
    fund(user, 5)
    assert walk(streaming_service(work), user) == "one\ntwo"
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code, run.cost) == ("succeeded", "disconnected", 2)
    assert_balance(user, 3)


@EITHER_WALK
def test_who_goes_away_pays_what_was_charged_until_then(user, walk):
    def work(context):
        context.charge("0.5")
        yield "one"
        context.charge(2)
        yield "two"

    fund(user, 5)
    walk(streaming_service(work), user)
    assert_balance(user, "4.5")


@EITHER_WALK
def test_what_the_service_does_when_it_is_closed_counts(user, walk):
    def work(context):
        try:
            yield "one"
        finally:
            context.charge("0.25")

    fund(user, 5)
    walk(streaming_service(work), user)
    assert_balance(user, "4.75")


@EITHER_WALK
def test_who_comes_back_with_the_key_gets_what_they_paid_for(user, walk):
    fund(user, 5)
    service = streaming_service(pieces)
    walk(service, user, idempotency_key="k")
    result = service.run(user, idempotency_key="k")
    assert (result.output, result.replayed, result.run.error_code) == (["one\ntwo"], True, "disconnected")
    assert_balance(user, 3)


def test_canceling_arun_costs_nothing(user):
    fund(user, 5)

    async def cancel():
        begun = asyncio.Event()

        async def work(context):
            yield "one"
            begun.set()
            await asyncio.Event().wait()

        running = asyncio.ensure_future(streaming_service(work).arun(user))
        await asyncio.wait_for(begun.wait(), timeout=30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async_to_sync(cancel)()
    assert_balance(user, 5)


def test_a_service_that_cancels_itself_has_failed(user):
    async def work(context):
        yield "one"
        raise asyncio.CancelledError

    async def read():
        return [piece async for piece in stream.apieces()]

    fund(user, 5)
    stream = streaming.begin(streaming_service(work), user, {})
    with pytest.raises(asyncio.CancelledError):
        async_to_sync(read)()
    assert ServiceRun.objects.get().status == "failed"
    assert_balance(user, 5)


def test_going_away_after_the_sweep_changes_nothing(user, clock):
    fund(user, 5)
    given = streaming.begin(streaming_service(pieces), user, {}).pieces()
    next(given)
    clock.shift(timedelta(seconds=61))
    sweep_runs()
    given.close()
    assert ServiceRun.objects.get().status == "expired"
    assert_balance(user, 5)


def test_while_pieces_come_the_key_is_in_use_and_then_they_come_again(user):
    fund(user, 2)
    service = streaming_service(pieces)
    given = streaming.begin(service, user, {}, idempotency_key="k").pieces()
    next(given)
    with pytest.raises(RunInProgress):
        streaming.begin(service, user, {}, idempotency_key="k")
    list(given)
    again = streaming.begin(service, user, {}, idempotency_key="k")
    assert (list(again.pieces()), again.is_replay) == (["one\ntwo", {"three": 3}], True)
    assert ServiceRun.objects.count() == 1


def test_pieces_are_kept_only_where_somebody_needs_them(user):
    fund(user, 9)
    for attributes, asked, kept in (
        ({}, {}, None),
        ({"keep_payloads": True}, {}, ["one\ntwo", {"three": 3}]),
        ({}, {"idempotency_key": "k"}, ["one\ntwo", {"three": 3}]),
    ):
        run = streaming_service(pieces, **attributes).run(user, **asked).run
        assert ServiceRun.objects.get(pk=run.pk).output == kept


def test_a_cost_that_an_administrator_has_set_stands(user):
    Service.objects.update_or_create(name="doing", defaults={"cost_override": 3})
    fund(user, 9)
    streaming_service(pieces).run(user)
    walk_away(streaming_service(pieces), user)
    assert_balance(user, 3)


def test_what_does_not_yield_is_a_failure_that_says_so(user):
    fund(user, 5)
    for given in ("text", ["list"], None):
        with pytest.raises(ServiceFailed) as caught:
            streaming_service(lambda context, given=given: given).run(user)
        assert "must yield" in str(caught.value.__cause__)
    assert ledger.balance(user).available == 5


def test_a_service_that_does_not_stream_gives_one_piece(user):
    fund(user, 5)
    stream = streaming.begin(doing(lambda context: {"one": 1}), user, {})
    assert (list(stream.pieces()), stream.result.cost) == ([{"one": 1}], 2)
