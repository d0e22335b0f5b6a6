import pytest
from django.db import transaction
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, field_validator

from quickscale_credits import ledger
from quickscale_credits.exceptions import CaptureExceedsHold, InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditAccount, Hold, LedgerEntry
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import (
    InvalidInput,
    ServiceDisabled,
    ServiceFailed,
    ServiceForbidden,
    ServicesError,
    ServiceTimeout,
    UnknownService,
)
from quickscale_services.models import Service, ServiceRun
from quickscale_services.testing import register_temporarily, run_service
from tests.services.samples import Counted, CountWords, Words, doing


def test_a_run_gives_its_output_and_charges_its_cost(user):
    fund(user, 5)
    result = registry["count-words"].run(user, text="one two three")
    assert (result.output, result.cost) == (Counted(words=3), 2)
    assert_balance(user, 3)
    assert ledger.balance(user).held == 0


def test_the_record_of_a_run_points_at_what_was_charged(user):
    fund(user, 5)
    run = registry["count-words"].run(user, actor=user, text="one").run
    run.refresh_from_db()
    assert (run.status, run.service, run.cost, run.actor) == ("succeeded", "count-words", 2, str(user.pk))
    assert (run.entry.amount, run.entry.reason, run.entry.reference) == (-2, "count-words", str(run.pk))
    assert run.created_at <= run.finished_at <= timezone.now()
    assert run.error_code == ""


def test_neither_input_nor_output_is_kept_without_need(user):
    run = run_service(CountWords, user, text="secret").run
    run.refresh_from_db()
    assert (run.input, run.output) == (None, None)


def test_a_service_may_keep_its_payloads(user):
    service = type("Keeping", (CountWords,), {"keep_payloads": True})
    run = run_service(service, user, text="a\x00b c").run
    run.refresh_from_db()
    assert (run.input, run.output) == ({"text": "a\x00b c", "shout": False}, {"words": 2})
    assert run.replay_until is None


@pytest.mark.parametrize(
    "given",
    [{}, {"text": ""}, {"text": 3}, {"text": "x" * 101}, {"text": "x", "owner_id": 1}, {"text": "x", "shout": "?"}],
)
def test_input_that_does_not_fit_is_refused_and_touches_nothing(user, given):
    fund(user, 5)
    with pytest.raises(InvalidInput) as caught:
        registry["count-words"].run(user, **given)
    assert caught.value.errors[0]["loc"]
    assert_balance(user, 5)
    assert not Hold.objects.exists()
    assert not ServiceRun.objects.exists()


def test_a_huge_text_is_refused_by_a_short_message(user):
    with pytest.raises(InvalidInput) as caught:
        registry["count-words"].run(user, text="x" * 10_000_000)
    assert "at most 100 characters" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_unknown_fields_are_refused_at_every_depth(user):
    class Outer(BaseModel):
        words: Words

    service = doing(lambda context: None, Input=Outer)
    with pytest.raises(InvalidInput, match=r"words\.secret"):
        service.run(user, words={"text": "a", "secret": 1})


def test_an_unknown_service_is_a_key_error_that_names_it():
    with pytest.raises(UnknownService, match="no-such") as caught:
        registry["no-such"]
    assert isinstance(caught.value, KeyError)
    assert registry.get("no-such") is None


def test_an_estimate_says_what_a_run_may_cost_and_writes_nothing(user):
    assert registry["priced-by-length"].estimate(text="12345") == pytest.approx(0.5)
    with pytest.raises(InvalidInput):
        registry["priced-by-length"].estimate(text="")
    assert not CreditAccount.objects.exists()


def test_what_execute_raises_fails_the_run_and_charges_nothing(user):
    fund(user, 5)
    with pytest.raises(ServiceFailed) as caught:
        doing(lambda context: 1 / 0).run(user)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code, run.cost, run.entry) == ("failed", "service_failed", 0, None)
    assert caught.value.run == run
    assert_balance(user, 5)
    assert ledger.balance(user).held == 0


def test_a_service_that_fails_may_choose_the_message(user):
    fund(user, 5)

    def work(context):
        raise ServiceFailed("The provider is down.")

    with pytest.raises(ServiceFailed, match="The provider is down") as caught:
        doing(work).run(user)
    assert caught.value.run.status == "failed"


def test_a_service_may_find_the_input_at_fault_while_it_executes(user):
    fund(user, 5)

    def work(context):
        raise InvalidInput.on("picture", "This picture is cut off.")

    with pytest.raises(InvalidInput, match="picture: This picture is cut off"):
        doing(work).run(user)
    assert ServiceRun.objects.get().error_code == "invalid_input"
    assert_balance(user, 5)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_run_gives_its_credits_back_at_once(user, error):
    fund(user, 5)

    def work(context):
        raise error

    with pytest.raises(error):
        doing(work).run(user)
    assert ServiceRun.objects.get().status == "failed"
    assert ledger.balance(user).available == 5


def test_output_that_does_not_fit_its_schema_is_a_failure(user):
    fund(user, 5)
    with pytest.raises(ServiceFailed):
        doing(lambda context: {"words": "many"}, Output=Counted).run(user)
    with pytest.raises(ServiceFailed):
        doing(lambda context: object()).run(user)
    assert_balance(user, 5)


class Measured(BaseModel):
    length: float
    parts: list[float | None] = []


class Spelled(Measured):
    model_config = ConfigDict(ser_json_inf_nan="strings")


INFINITE = {"length": float("inf")}


@pytest.mark.parametrize("stream", [False, True], ids=["at once", "as a stream"])
def test_a_number_that_json_lacks_is_a_failure_where_null_does_not_fit(user, stream):
    fund(user, 5)
    service = doing(lambda context: iter([INFINITE]) if stream else INFINITE, Output=Measured, stream=stream)
    with pytest.raises(ServiceFailed):
        service.run(user)
    assert_balance(user, 5)


@pytest.mark.parametrize(
    ("given", "output"),
    [({"length": 1, "parts": [float("nan")]}, Measured), (INFINITE, Spelled), (INFINITE, None)],
    ids=["where null fits", "where it is a text", "where anything fits"],
)
def test_a_number_that_json_lacks_is_no_failure_where_what_it_says_instead_fits(user, given, output):
    fund(user, 5)
    doing(lambda context: given, Output=output).run(user)
    assert_balance(user, 3)


def test_an_input_whose_validator_fails_is_a_failure_of_the_service(user):
    class Chosen(BaseModel):
        color: str

        @field_validator("color")
        @classmethod
        def known(cls, color):
            return {"red": 1}[color]

    fund(user, 5)
    service = doing(lambda context: None, Input=Chosen)
    for ask in (lambda: service.run(user, color="blue"), lambda: service.estimate(color="blue")):
        with pytest.raises(ServiceFailed, match="could not validate the input"):
            ask()
    assert_balance(user, 5)


def test_a_service_without_output_schema_gives_what_json_can_say(user):
    fund(user, 5)
    assert doing(lambda context: {"pair": (1, 2)}).run(user).output == {"pair": [1, 2]}


def test_a_result_that_comes_too_late_is_thrown_away(user, clock):
    fund(user, 5)
    with pytest.raises(ServiceTimeout) as caught:
        doing(lambda context: clock.shift(61)).run(user)
    assert (caught.value.run.status, caught.value.run.error_code) == ("failed", "service_timeout")
    assert_balance(user, 5)
    assert ledger.balance(user).held == 0


def test_a_result_at_the_last_moment_is_charged(user, clock):
    fund(user, 5)
    doing(lambda context: clock.shift(60)).run(user)
    assert_balance(user, 3)


def test_a_service_can_stop_itself_in_time(user, clock):
    fund(user, 5)
    steps = []

    def work(context):
        for step in range(5):
            steps.append(step)
            clock.shift(25)
            context.check()

    with pytest.raises(ServiceTimeout):
        doing(work).run(user)
    assert steps == [0, 1, 2]
    assert_balance(user, 5)


def test_a_hold_outlasts_the_time_that_its_run_has(user, clock):
    fund(user, 5)
    ends = []
    run = doing(lambda context: ends.append(context.run.hold.expires_at), timeout=3600).run(user).run
    assert ends[0] > run.deadline


def test_too_few_credits_are_refused_before_execute(user):
    fund(user, 3)
    registry["count-words"].run(user, text="one")
    with pytest.raises(InsufficientCredits) as caught:
        registry["count-words"].run(user, text="two")
    assert caught.value.shortfall == 1
    assert CountWords.executed == ["one"]
    assert ServiceRun.objects.count() == 1


def test_a_free_service_needs_no_credits_and_makes_no_entry(user):
    result = registry["free-words"].run(user, text="one two")
    assert (result.cost, result.run.status, result.run.entry, result.run.hold) == (0, "succeeded", None, None)
    assert list(user.credit_account.runs.all()) == [result.run]
    assert not LedgerEntry.objects.exists()


def test_a_run_charges_what_was_used_and_the_rest_is_free_at_once(user):
    fund(user, 12)
    result = registry["metered"].run(user, charges=["3.25"])
    assert str(result.cost) == "3.25"
    assert ledger.balance(user).available == 12 - result.cost
    assert result.run.entry.amount == -result.cost


def test_the_last_charge_counts_and_zero_makes_no_entry(user):
    fund(user, 20)
    assert registry["metered"].run(user, charges=[9, 1, 4]).cost == 4
    free = registry["metered"].run(user, charges=[3, 0])
    assert (free.cost, free.run.entry, free.run.status) == (0, None, "succeeded")
    assert_balance(user, 16)


def test_no_more_than_is_held_can_be_charged(user):
    fund(user, 12)
    with pytest.raises(CaptureExceedsHold) as caught:
        registry["metered"].run(user, charges=["10.000001"])
    assert isinstance(caught.value, ServicesError)
    assert_balance(user, 12)


@pytest.mark.parametrize(("amount", "error"), [(1.5, TypeError), (True, TypeError), (-1, InvalidAmount)])
def test_a_charge_that_is_no_amount_fails_the_run(user, amount, error):
    fund(user, 12)
    with pytest.raises(ServiceFailed) as caught:
        doing(lambda context: context.charge(amount)).run(user)
    assert isinstance(caught.value.__cause__, error)
    assert_balance(user, 12)


def test_a_price_that_is_no_amount_fails_before_anything_is_held(user):
    fund(user, 5)
    for price in (1.5, -1, None):
        with pytest.raises(ServiceFailed):
            doing(lambda context: None, get_cost=lambda self, data, price=price: price).run(user)
    assert not Hold.objects.exists()


def test_a_service_that_is_switched_off_does_not_run(user):
    fund(user, 5)
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False})
    with pytest.raises(ServiceDisabled, match="Count words"):
        registry["count-words"].run(user, text="one")
    Service.objects.update(is_active=True)
    assert registry["count-words"].run(user, text="one").cost == 2


def test_an_override_replaces_price_and_charge_alike(user):
    fund(user, 20)
    Service.objects.create(name="metered", cost_override=7)
    assert registry["metered"].estimate() == 7
    assert registry["metered"].run(user, charges=[3]).cost == 7
    Service.objects.update(cost_override=0)
    assert registry["metered"].run(user, charges=[3]).cost == 0
    assert_balance(user, 13)


def test_allows_decides_who_may_run_it(user, django_user_model):
    fund(user, 5)
    stranger = django_user_model.objects.create_user("eve")
    service = doing(lambda context: None, allows=lambda self, owner, actor: (owner, actor) == (user, user))
    with pytest.raises(ServiceForbidden):
        service.run(user, actor=stranger)
    assert service.run(user, actor=user).cost == 2


def test_a_service_that_cannot_tell_who_may_run_it_has_failed(user, program_of):
    fund(user, 5)
    service = doing(lambda context: None, allows=lambda self, owner, actor: actor.is_staff)
    with pytest.raises(ServiceFailed) as caught:
        service.run(user)
    assert isinstance(caught.value.__cause__, AttributeError)
    with register_temporarily(type(service)):
        assert program_of(user).post("services/doing/run", {}).status_code == 502
    assert_balance(user, 5)


def test_an_account_stands_for_its_owner(user):
    fund(user, 5)
    seen = []
    doing(lambda context: seen.append(context.owner)).run(user.credit_account)
    assert seen == [user]
    assert_balance(user, 3)


@pytest.mark.parametrize("service", ["count-words", "free-words"])
def test_only_a_saved_owner_can_run_a_service(db, django_user_model, service):
    with pytest.raises(ValueError, match="Save"):
        registry[service].run(django_user_model(username="ghost"), text="a")
    with pytest.raises(TypeError):
        registry[service].run("ada", text="a")


@pytest.mark.django_db(transaction=True)
def test_a_run_inside_a_transaction_is_refused_with_the_reason(user):
    fund(user, 5)
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside any transaction"):
        registry["count-words"].run(user, text="one")
    assert CountWords.executed == []
    assert_balance(user, 5)


@pytest.mark.django_db(transaction=True)
def test_execute_is_called_outside_any_transaction_with_the_hold_committed(user):
    fund(user, 5)
    seen = []
    doing(lambda context: seen.append((transaction.get_autocommit(), ledger.balance(user).held))).run(user)
    assert seen == [(True, 2)]
