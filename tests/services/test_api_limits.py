from datetime import timedelta

import pytest
from django.core.cache import cache

from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import ApiKey, Service
from quickscale_services.testing import register_temporarily
from tests.services.samples import doing

RUN = "services/count-words/run"


@pytest.fixture(autouse=True)
def forget_requests():
    cache.clear()
    yield
    cache.clear()


def is_limited(response, seconds):
    answered = response.status_code, response.json()["code"], response.headers["Retry-After"]
    return answered == (429, "rate_limited", str(seconds))


def test_an_account_may_ask_so_often_and_again_when_it_was_told_to(program, settings, clock):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": "3/minute"}
    assert [program.get("account").status_code for _ in range(3)] == [200] * 3
    clock.shift(timedelta(seconds=20))
    assert is_limited(program.get("account"), 40)
    clock.shift(timedelta(seconds=40))
    assert program.get("account").status_code == 200


def test_more_keys_and_a_session_give_an_account_no_more_requests(user, client, program_of, settings, clock):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": "2/hour"}
    assert [program_of(user).get("account").status_code for _ in range(2)] == [200] * 2
    client.force_login(user)
    assert is_limited(program_of(user).get("account"), 3600)
    assert is_limited(client.get("/api/account"), 3600)


def test_accounts_do_not_count_for_each_other(program, program_of, settings, clock, django_user_model):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": "1/hour"}
    assert program.get("account").status_code == 200
    assert program_of(django_user_model.objects.create_user("eve")).get("account").status_code == 200
    assert program.get("account").status_code == 429


def test_no_header_gets_around_the_limit(program, settings, clock):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": "1/hour"}
    program.get("account")
    for number in range(5):
        assert program.get("account", X_Forwarded_For=f"10.0.0.{number}").status_code == 429


def test_a_key_may_have_a_limit_of_its_own(user, program, program_of, clock):
    ApiKey.objects.update(rate_limit="1/minute")
    assert program.get("account").status_code == 200
    assert is_limited(program.get("account"), 60)
    assert program_of(user).get("account").status_code == 200


def test_a_refused_key_counts_for_nobody(client, user, program, settings, clock):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": "1/hour"}
    for _ in range(3):
        assert client.get("/api/account", headers={"Authorization": "Bearer qs_wrong"}).status_code == 401
    assert program.get("account").status_code == 200


def test_the_limit_of_a_service_counts_its_runs(user, program, clock):
    fund(user, 10)
    Service.objects.update_or_create(name="count-words", defaults={"rate_limit": "2/minute"})
    assert [program.post(RUN, {"text": "one"}).status_code for _ in range(2)] == [200] * 2
    assert is_limited(program.post(RUN, {"text": "one"}), 60)
    assert_balance(user, 6)


def test_an_account_has_so_many_runs_under_way_and_no_more(user, program, settings):
    settings.QUICKSCALE_SERVICES = {"MAX_CONCURRENT_RUNS": 2}
    fund(user, 10)
    answers = []

    def work(context):
        answers.append(program.post("services/doing/run", {}))

    with register_temporarily(type(doing(work))):
        assert program.post("services/doing/run", {}).status_code == 200
    assert is_limited(answers[0], 1)
    assert answers[1].status_code == 200
    assert program.post(RUN, {"text": "one"}).status_code == 200
    assert_balance(user, 4)
