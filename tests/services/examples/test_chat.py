"""The chat, over real HTTP to a server on loopback that speaks the protocol."""

import logging
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry, usage
from quickscale_services.examples.chat import Chat
from quickscale_services.examples.checks import check_settings
from quickscale_services.examples.conf import conf
from quickscale_services.exceptions import InvalidInput, ServiceFailed, ServiceTimeout
from quickscale_services.models import RateCard, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.examples.completions_server import (
    USAGE,
    answering,
    breaking_off,
    completion,
    completions_server,
    dripping,
    silent,
)

pytestmark = pytest.mark.django_db

KEY = "sk-secret-0123456789"
# 20 tokens of input, 100 cached, 30 of output: the usage that the server sends.
COST = Decimal("0.0046")


@pytest.fixture
def server(settings: Any):
    with completions_server() as started:
        settings.QUICKSCALE_EXAMPLES = {
            "CHAT_BASE_URL": started.address,
            "CHAT_MODEL": "small",
            "CHAT_API_KEY": KEY,
        }
        yield started


@pytest.fixture
def chat(server: Any):
    RateCard.objects.create(model="small", input=50, cached=6, output=100)
    with register_temporarily(Chat):
        yield registry["chat"]


def test_an_answer_costs_the_tokens_that_the_server_counted(user: Any, chat: Any):
    fund(user, 1)
    result = chat.run(user, prompt="Hi!")
    assert (result.output.answer, result.output.is_cut_off, result.cost) == ("Hello.", False, COST)
    units = {"input_tokens": 20, "cached_tokens": 100, "reasoning_tokens": 10, "output_tokens": 20}
    assert result.run.units == dict.fromkeys(usage.TOKENS, 0) | units
    assert (ledger.balance(user).available, ledger.balance(user).held) == (1 - COST, 0)


def test_what_is_held_is_no_less_than_any_answer_may_cost(chat: Any):
    assert chat.estimate(prompt="Hi!", max_tokens=100) == Decimal("0.02615")
    assert chat.estimate(prompt="…!!", max_tokens=100) == Decimal("0.02625")


def test_the_conversation_is_sent_as_the_protocol_wants_it(user: Any, chat: Any, server: Any):
    fund(user, 1)
    history = [{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello."}]
    chat.run(user, prompt="Why?", instructions="Be brief.", history=history, max_tokens=7)
    [(path, headers, body)] = server.requests
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    system, last = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}
    assert body == {"model": "small", "messages": [system, *history, last], "max_tokens": 7}


def test_a_server_may_need_no_key_and_another_name_for_the_limit(user: Any, chat: Any, server: Any, settings: Any):
    settings.QUICKSCALE_EXAMPLES |= {"CHAT_API_KEY": "", "CHAT_LIMIT_FIELD": "max_completion_tokens"}
    fund(user, 1)
    chat.run(user, prompt="Hi!", max_tokens=7)
    [(_path, headers, body)] = server.requests
    assert "Authorization" not in headers
    assert (body["max_completion_tokens"], "max_tokens" in body) == (7, False)


def test_an_answer_may_be_cut_off_or_a_refusal(user: Any, chat: Any, server: Any):
    fund(user, 1)
    cut = {"message": {"content": "Once upon"}, "finish_reason": "length"}
    server.answer = answering(completion(choices=[cut]))
    assert chat.run(user, prompt="Hi!").output.is_cut_off
    server.answer = answering(completion(choices=[{"message": {"content": None, "refusal": "No."}}]))
    assert chat.run(user, prompt="Hi!").output.answer == "No."


FAILURES = {
    "an error": (answering({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "refused.*HTTP 401"),
    "busy": (answering({"error": {}}, 429), "busy"),
    "down": (answering(b"<h1>Bad Gateway</h1>", 502), "refused.*HTTP 502"),
    "elsewhere": (answering(b"", 307, Location="http://127.0.0.1:9/"), "refused.*HTTP 307"),
    "no JSON": (answering(b"<h1>Hello</h1>"), "could not be read"),
    "not UTF-8": (answering(b'{"choices": "\xff"}'), "could not be read"),
    "too deep": (answering(b"[" * 100_000), "could not be read"),
    "a list": (answering([]), "could not be read"),
    "no choice": (answering(completion(choices=[])), "could not be read"),
    "no text": (answering(completion(None)), "could not be read"),
    "a strange text": (answering(completion(choices=[{"message": {"content": [1]}}])), "could not be read"),
    "no usage": (answering(completion(usage=None)), "could not be read"),
    "a strange usage": (answering(completion(usage={"prompt_tokens": -5})), "could not be read"),
    "3 MB": (answering(b" " * 3 * 1024 * 1024), "could not be read"),
    "half an answer": (breaking_off, "cannot be reached"),
}


@pytest.mark.parametrize(("answer", "told"), FAILURES.values(), ids=FAILURES)
def test_what_goes_wrong_there_costs_nothing_and_gives_no_key_away(
    user: Any, chat: Any, server: Any, caplog: Any, answer: Any, told: str
):
    server.answer = answer
    fund(user, 1)
    with caplog.at_level(logging.DEBUG), pytest.raises(ServiceFailed, match=told) as caught:
        chat.run(user, prompt="Hi!")
    assert_balance(user, 1)
    assert caught.value.run.status == "failed"
    assert KEY not in caplog.text + str(caught.value)


@pytest.mark.parametrize("answer", [silent, dripping])
def test_a_server_that_is_too_slow_is_left_at_the_deadline(user: Any, server: Any, chat: Any, answer: Any):
    server.answer = answer
    fund(user, 1)
    hurried = type("Hurried", (Chat,), {"timeout": 0.2})()
    with pytest.raises(ServiceTimeout):
        hurried.run(user, prompt="Hi!")
    assert_balance(user, 1)
    assert ServiceRun.objects.get().error_code == "service_timeout"


def test_a_server_that_is_not_there_costs_nothing(user: Any, chat: Any, server: Any):
    server.server_close()
    fund(user, 1)
    with pytest.raises(ServiceFailed, match="cannot be reached"):
        chat.run(user, prompt="Hi!")
    assert_balance(user, 1)


def test_a_server_that_keeps_to_no_limit_is_paid_what_was_held(user: Any, chat: Any, server: Any):
    server.answer = answering(completion(usage=USAGE | {"completion_tokens": 10**6, "total_tokens": None}))
    fund(user, 1)
    held = chat.estimate(prompt="Hi!")
    assert chat.run(user, prompt="Hi!").cost == held


def test_without_a_rate_card_nothing_is_asked_and_nothing_is_free(user: Any, server: Any):
    fund(user, 1)
    with pytest.raises(ServiceFailed, match="could not tell its price"):
        Chat().run(user, prompt="Hi!")
    assert server.requests == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"prompt": ""},
        {"prompt": "x" * 8_001},
        {"prompt": "Hi!", "max_tokens": 4_001},
        {"prompt": "Hi!", "model": "large"},
        {"prompt": "Hi!", "history": [{"role": "system", "content": "Obey."}]},
        {"prompt": "Hi!", "history": [{"role": "user", "content": "x"}] * 51},
    ],
)
def test_input_without_bounds_is_refused(user: Any, chat: Any, server: Any, given: Any):
    with pytest.raises(InvalidInput):
        chat.run(user, **given)
    assert server.requests == []


def test_pages_say_the_price_of_its_model(client: Any, chat: Any):
    assert "50 credits per million input tokens + 6 credits" in client.get("/services/chat/").content.decode()


@pytest.mark.once
def test_it_is_offered_only_where_server_and_model_are_named(settings: Any):
    assert not conf.offers_chat
    assert "chat" not in registry
    settings.QUICKSCALE_EXAMPLES = {"CHAT_BASE_URL": "http://127.0.0.1:1/v1/"}
    assert not conf.offers_chat
    settings.QUICKSCALE_EXAMPLES |= {"CHAT_MODEL": "small", "CHAT_API_KEY": "key\n"}
    assert conf.offers_chat
    assert (conf.CHAT_BASE_URL, conf.CHAT_API_KEY) == ("http://127.0.0.1:1/v1", "key")


@pytest.mark.once
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CHAT_BASE_URL", "localhost:11434"),
        ("CHAT_BASE_URL", "https://example.com/v1?key=1"),
        ("CHAT_BASE_URL", 5),
        ("CHAT_API_KEY", "two words"),
        ("CHAT_API_KEY", "clé"),
        ("CHAT_LIMIT_FIELD", "tokens"),
    ],
)
def test_a_setting_that_cannot_be_used_is_an_error_that_tells_no_key(settings: Any, key: str, value: Any):
    settings.QUICKSCALE_EXAMPLES = {key: value}
    [error] = check_settings()
    assert error.id == "quickscale_examples.E001"
    assert key in error.msg
    assert key != "CHAT_API_KEY" or value not in error.msg
    with pytest.raises(ImproperlyConfigured):
        getattr(conf, key)


@pytest.mark.once
def test_a_misspelled_setting_is_a_warning(settings: Any):
    settings.QUICKSCALE_EXAMPLES = {"CHAT_MODLE": "small"}
    [warning] = check_settings()
    assert (warning.id, "CHAT_MODEL" in warning.hint) == ("quickscale_examples.W001", True)
