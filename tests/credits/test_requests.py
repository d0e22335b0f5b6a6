"""What may be said with a request, alike on every database: reasons, references, keys, metadata, actors."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_ledger_sound

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

BAD_TEXTS = ["nul \x00 inside", "lone \ud800 surrogate", "x" * 256]
LOOP: dict[str, object] = {}
LOOP["again"] = LOOP


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"in": value}
    return value


NOT_JSON = [
    *([], "text", 7, [("a", 1)]),
    *({"a": object()}, {"a": Decimal(1)}, {"a": datetime.now(UTC)}, {"a": {1, 2}}, {"a": b"1"}, {("a",): 1}),
    *({"a": float("nan")}, {"a": float("inf")}, LOOP, nested(30), nested(600), nested(100_000)),
    *({"a": "nul \x00"}, {"nul \x00": 1}, {"a": ["lone \udfff"]}),
]
JSON = [
    {},
    {"a": None, "b": [True, 1, 1.5, "ä 😀"], "c": {"d": {}}},
    {"big": 1e16, "small": 1e-9, "zero": -0.0, "whole": 2.0},
    {"integer": 2**63, "negative": -(2**63)},
    {"backslash": "\\u0000", "quote": '"', "unicode": "\u2028"},
    {2: "int", True: "bool", None: "none", 2.5: "float"},
    {"a": (1, 2)},
    {"b": 1, "a": 2, "": 3},
    nested(29),
]


def refused(owner, match, **said):
    for verb in (ledger.grant, ledger.hold, ledger.spend):
        with pytest.raises(ValueError, match=match):
            verb(owner, 1, **{"reason": "test"} | said)
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize(
    "reason", ["", "two words", "ä", "a/b", "x" * 65, "test\n", "a\x00b", None, 7, b"test"], ids=ascii
)
def test_a_reason_that_is_no_slug_is_refused(user, reason):
    refused(user, "slug", reason=reason)


@pytest.mark.parametrize("reason", ["a", "text-summary", "qs_1", "X" * 64])
def test_a_slug_is_a_reason(user, reason):
    ledger.grant(user, 1, reason=reason)
    assert LedgerEntry.objects.get().reason == reason


@pytest.mark.parametrize("text", BAD_TEXTS, ids=["nul", "surrogate", "long"])
@pytest.mark.parametrize("name", ["reference", "idempotency_key", "actor"])
def test_text_that_no_database_can_keep_is_refused(user, name, text):
    refused(user, name, **{name: text})


@pytest.mark.parametrize("value", [7, b"key", uuid.UUID(int=7), ["key"]], ids=repr)
@pytest.mark.parametrize("name", ["reference", "idempotency_key"])
def test_what_is_no_text_is_refused(user, name, value):
    refused(user, name, **{name: value})


def test_an_actor_who_was_not_saved_is_refused(user):
    refused(user, "actor", actor=get_user_model()(username="nobody"))


@pytest.mark.parametrize("key", ["qs:", "qs:signup", "qs:run:7"])
def test_keys_of_the_library_itself_are_refused(user, key):
    refused(user, "own", idempotency_key=key)


@pytest.mark.parametrize("key", ["QS:1", "q", " qs:1", "😀" * 255, "' OR 1=1 --", "%s", "\u202e"])
def test_any_other_key_is_kept_as_it_is(user, key):
    ledger.grant(user, 1, idempotency_key=key)
    assert LedgerEntry.objects.get().idempotency_key == key


def test_an_empty_key_counts_as_none(user):
    ledger.grant(user, 1, idempotency_key="")
    ledger.grant(user, 1, idempotency_key="")
    assert [entry.idempotency_key for entry in LedgerEntry.objects.all()] == [None, None]


@pytest.mark.parametrize("metadata", NOT_JSON, ids=range(len(NOT_JSON)))
def test_metadata_that_is_no_json_object_is_refused(user, metadata):
    refused(user, "metadata", metadata=metadata)


@pytest.mark.parametrize("metadata", JSON, ids=range(len(JSON)))
def test_json_is_kept_and_what_was_kept_verifies(user, metadata):
    entry = ledger.grant(user, 10, metadata=metadata)
    ledger.capture(ledger.hold(user, 1, reason="work", metadata=metadata))
    stored = LedgerEntry.objects.get(kind="grant").metadata
    assert stored == entry.metadata
    assert_ledger_sound()


def test_the_largest_numbers_verify_though_databases_write_them_in_full(user):
    ledger.grant(user, 10, metadata={"large": 1.1e25, "larger": 1e300})
    stored = LedgerEntry.objects.get().metadata
    assert {name: float(number) for name, number in stored.items()} == {"large": 1.1e25, "larger": 1e300}
    assert_ledger_sound()


def test_metadata_that_changes_afterwards_changes_nothing(user):
    metadata = {"pages": [1]}
    entry = ledger.grant(user, 1, metadata=metadata)
    metadata["pages"].append(2)
    assert entry.metadata == {"pages": [1]}


def test_a_reference_may_be_any_text(user):
    ledger.grant(user, 1, reference="Bestellung №7 / 😀")
    assert LedgerEntry.objects.get().reference == "Bestellung №7 / 😀"
