"""Runs in the background: held and queued here, executed by `queueing.execute`, which is what a worker calls."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils import timezone
from pydantic import BaseModel, SecretStr

from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService, registry
from quickscale_services.exceptions import (
    InvalidInput,
    RateLimited,
    RunInProgress,
    ServiceDisabled,
)
from quickscale_services.files import Upload
from quickscale_services.models import RunInput, Service, ServiceRun
from quickscale_services.sweeping import sweep_runs
from quickscale_services.testing import register_temporarily
from tests.services.background import held, worked_off
from tests.services.samples import CountWords


def test_an_enqueued_run_holds_its_credits_and_does_not_execute(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one two")
    assert (run.status, run.attempts, run.started_at, run.cost) == ("queued", 0, None, 0)
    assert (held(user), CountWords.executed) == (2, [])
    assert RunInput.objects.get().data == {"text": "one two"}


def test_a_worker_executes_it_and_charges_once(user):
    fund(user, 5)
    run = worked_off(registry["count-words"].enqueue(user, actor=user, text="one two"))
    assert (run.status, run.cost, run.attempts, run.output) == ("succeeded", 2, 1, {"words": 2})
    assert (run.entry.amount, run.entry.actor, run.entry.reference) == (-2, str(user.pk), str(run.pk))
    assert_balance(user, 3)


def test_the_input_is_gone_when_the_run_has_ended_and_the_output_is_when_the_replay_window_has(user, clock):
    fund(user, 5)
    run = worked_off(registry["count-words"].enqueue(user, text="one"))
    assert (RunInput.objects.exists(), run.input, run.replay_until) == (
        False,
        None,
        timezone.now() + timedelta(hours=24),
    )
    clock.shift(timedelta(hours=25))
    assert sweep_runs().outputs_blanked == 1
    run.refresh_from_db()
    assert run.output is None


def test_a_task_that_comes_twice_executes_once(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    worked_off(run)
    worked_off(run)
    assert CountWords.executed == ["one"]
    assert_balance(user, 3)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": ""}, InvalidInput),
        ({"text": "one", "txet": "two"}, InvalidInput),
        ({"text": "one"}, InsufficientCredits),
    ],
)
def test_what_cannot_begin_is_refused_when_it_is_enqueued(user, given, error):
    fund(user, 1)
    with pytest.raises(error):
        registry["count-words"].enqueue(user, **given)
    assert not ServiceRun.objects.exists()


def test_a_service_that_is_switched_off_is_not_enqueued(user):
    Service.objects.update_or_create(name="free-words", defaults={"is_active": False})
    with pytest.raises(ServiceDisabled):
        registry["free-words"].enqueue(user, text="one")


def test_what_waits_counts_as_under_way(user, settings):
    settings.QUICKSCALE_SERVICES = {"MAX_CONCURRENT_RUNS": 2}
    runs = [registry["free-words"].enqueue(user, text="one") for _ in range(2)]
    with pytest.raises(RateLimited):
        registry["free-words"].enqueue(user, text="one")
    runs[0].cancel()
    assert registry["free-words"].enqueue(user, text="one").status == "queued"


def test_the_price_at_which_credits_were_held_stands(user):
    fund(user, 10)
    run = registry["count-words"].enqueue(user, text="one")
    Service.objects.update_or_create(name="count-words", defaults={"cost_override": Decimal(1)})
    assert worked_off(run).cost == 2


def test_a_metered_service_charges_what_it_used(user):
    fund(user, 10)
    assert worked_off(registry["metered"].enqueue(user, charges=["3.25"])).cost == Decimal("3.25")
    assert_balance(user, Decimal("6.75"))


def test_a_free_run_is_recorded_and_costs_nothing(user):
    run = worked_off(registry["free-words"].enqueue(user, text="one"))
    assert (run.status, run.entry, run.hold) == ("succeeded", None, None)


def test_the_same_key_and_input_give_the_same_run(user):
    fund(user, 5)
    first = registry["count-words"].enqueue(user, idempotency_key="k", text="one")
    assert registry["count-words"].enqueue(user, idempotency_key="k", text="one").pk == first.pk
    worked_off(first)
    again = registry["count-words"].enqueue(user, idempotency_key="k", text="one")
    assert (again.pk, again.status) == (first.pk, "succeeded")
    assert_balance(user, 3)


def test_the_same_key_and_other_input_conflict(user):
    fund(user, 5)
    registry["count-words"].enqueue(user, idempotency_key="k", text="one")
    with pytest.raises(IdempotencyConflict):
        registry["count-words"].enqueue(user, idempotency_key="k", text="two")


def test_run_answers_a_key_that_was_enqueued(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, idempotency_key="k", text="one")
    with pytest.raises(RunInProgress):
        registry["count-words"].run(user, idempotency_key="k", text="one")
    worked_off(run)
    assert registry["count-words"].run(user, idempotency_key="k", text="one").run == run


def test_a_canceled_run_frees_its_key(user):
    fund(user, 5)
    first = registry["count-words"].enqueue(user, idempotency_key="k", text="one").cancel()
    second = registry["count-words"].enqueue(user, idempotency_key="k", text="one")
    assert (first.status, second.status, held(user)) == ("canceled", "queued", 2)


def test_what_is_enqueued_in_a_transaction_is_gone_with_its_rollback(user, django_capture_on_commit_callbacks):
    fund(user, 5)
    with django_capture_on_commit_callbacks(execute=True) as handed_over, transaction.atomic():
        registry["count-words"].enqueue(user, text="one")
        transaction.set_rollback(True)
    assert (handed_over, ServiceRun.objects.count(), held(user)) == ([], 0, 0)


def test_too_few_credits_leave_the_transaction_usable(user, django_user_model):
    with transaction.atomic():
        with pytest.raises(InsufficientCredits):
            registry["count-words"].enqueue(user, text="one")
        django_user_model.objects.create_user("saved")
    assert django_user_model.objects.filter(username="saved").exists()


class Filed(BaseService):
    name = "filed"

    class Input(BaseModel):
        files: list[Upload]
        note: str = ""

    def execute(self, data, context):
        return [(file.name, file.content_type, file.read().hex()) for file in data.files]


def test_files_wait_with_the_run(user):
    given = [Upload.of(b"\x00\xff\x10", "a.bin"), Upload.of(b"two", "b.txt", "text/csv")]
    with register_temporarily(Filed):
        run = worked_off(registry["filed"].enqueue(user, files=given))
    assert run.output == [["a.bin", "application/octet-stream", "00ff10"], ["b.txt", "text/csv", "74776f"]]
    assert not RunInput.objects.exists()


def test_nobody_can_pass_a_file_off_as_json(user):
    sent = {"name": "a.bin", "content_type": "text/csv", "content": "AAAA"}
    with register_temporarily(Filed), pytest.raises(InvalidInput, match="A file is expected"):
        registry["filed"].enqueue(user, files=[sent])


class Secret(BaseService):
    name = "secret"

    class Input(BaseModel):
        password: SecretStr

    def execute(self, data, context):
        return data.password.get_secret_value()


def test_what_would_arrive_changed_is_refused(user):
    with register_temporarily(Secret):
        assert worked_off(registry["secret"].enqueue(user, password="open")).output == "open"
        with pytest.raises(InvalidInput, match="cannot be kept for a worker"):
            registry["secret"].enqueue(user, password=SecretStr("open"))


def test_what_a_service_is_told_is_who_pays_and_who_asked(user, django_user_model, offer):
    fund(user, 5)
    member = django_user_model.objects.create_user("member")
    service = offer(lambda context: [context.owner.pk, context.actor.pk, int(context.held)])
    assert worked_off(service.enqueue(user, actor=member)).output == [user.pk, member.pk, 2]


def test_an_execute_that_awaits_is_awaited(user):
    class Awaiting(BaseService):
        name = "awaiting"

        async def execute(self, data, context):
            await context.acheck()
            await context.aprogress(0.5, "half")
            return "done"

    with register_temporarily(Awaiting):
        run = worked_off(registry["awaiting"].enqueue(user))
    assert (run.status, run.output, run.progress, run.progress_note) == ("succeeded", "done", 0.5, "half")


def test_no_transaction_is_open_while_it_executes(user, offer, transactional_db):
    fund(user, 5)
    service = offer(lambda context: transaction.get_connection().in_atomic_block)
    assert worked_off(service.enqueue(user)).output is False


def test_a_stream_in_the_background_gives_the_list_of_its_pieces(user):
    class Counting(BaseService):
        name = "counting"
        stream = True

        def execute(self, data, context):
            yield from ("one", "two")

    with register_temporarily(Counting):
        assert worked_off(registry["counting"].enqueue(user)).output == ["one", "two"]


def test_an_actor_who_is_gone_is_nobody(user, django_user_model, offer):
    fund(user, 5)
    member = django_user_model.objects.create_user("member")
    run = offer(lambda context: context.actor is None).enqueue(user, actor=member)
    member.delete()
    assert worked_off(run).output is True


@pytest.mark.parametrize("by", ["user", "text", "nobody"])
def test_the_actor_is_for_a_worker_what_it_was_for_the_caller(user, offer, by):
    fund(user, 5)
    actor = {"user": user, "text": str(user.pk), "nobody": None}[by]
    run = worked_off(offer(lambda context: repr(context.actor)).enqueue(user, actor=actor))
    assert (run.output, run.entry.actor) == (repr(actor), str(user.pk) if actor else "")


def test_of_a_run_that_an_earlier_version_enqueued_the_actor_is_a_user(user, offer):
    fund(user, 5)
    run = offer(lambda context: context.actor == user).enqueue(user, actor=user)
    RunInput.objects.all().delete()
    with connection.cursor() as cursor:  # without the column that it did not know
        given = [RunInput._meta.pk.get_db_prep_value(run.pk, connection), "{}"]
        cursor.execute("INSERT INTO quickscale_services_runinput (run_id, data) VALUES (%s, %s)", given)
    assert worked_off(run).output is True


def test_progress_is_kept_with_the_run(user, offer):
    fund(user, 5)
    seen = []

    def work(context):
        for fraction, note in [(0.404, "page 4 of 10"), (7, "\x00" + "x" * 300)]:
            context.progress(fraction, note)
            seen.append(ServiceRun.objects.values_list("progress", "progress_note").get())

    worked_off(offer(work).enqueue(user))
    assert seen == [(0.4, "page 4 of 10"), (1.0, "x" * 200)]


def test_progress_that_says_nothing_new_costs_no_query(user, offer, django_assert_num_queries):
    fund(user, 5)

    def work(context):
        context.progress(0.5)
        with django_assert_num_queries(0):
            context.progress(0.501)

    assert worked_off(offer(work).enqueue(user)).status == "succeeded"


def test_without_a_queue_nothing_is_held(user, settings):
    fund(user, 5)
    settings.QUICKSCALE_SERVICES = {"QUEUE": "nowhere.enqueue"}
    with pytest.raises(ImproperlyConfigured, match="nowhere"):
        registry["count-words"].enqueue(user, text="one")
    assert (held(user), ServiceRun.objects.count()) == (0, 0)


def test_a_worker_refuses_to_execute_in_a_transaction(user):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside any transaction"):
        worked_off(run)
