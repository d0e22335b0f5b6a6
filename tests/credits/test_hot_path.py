"""What the hot path must not lose for its speed."""

import pickle

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def test_a_spend_takes_four_statements_and_a_balance_one(user):
    fund(user, 10)
    ledger.spend(user, 1, reason="report")
    with CaptureQueriesContext(connection) as captured:
        ledger.spend(user, 1, reason="report")
    begun_and_ended = ("BEGIN", "COMMIT", "SET SQL_AUTO")
    assert len([query for query in captured if not query["sql"].startswith(begun_and_ended)]) == 4
    with CaptureQueriesContext(connection) as captured:
        assert ledger.balance(user).available == 8
    assert len(captured) == 1


def test_the_query_log_shows_each_statement_with_its_values(user):
    fund(user, 10)
    with CaptureQueriesContext(connection) as captured:
        ledger.spend(user, 1, reason="a-rare-reason", reference="50%")
    [insert] = [query["sql"] for query in captured if query["sql"].startswith("INSERT")]
    assert "a-rare-reason" in insert
    assert "50%" in insert


def test_execute_wrappers_see_every_statement_of_a_spend(user):
    fund(user, 10)
    ledger.spend(user, 1, reason="report")
    seen = []

    def note(execute, sql, params, many, context):
        seen.append(sql.split()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ledger.spend(user, 1, reason="report")
    assert [word for word in seen if word != "BEGIN"] == ["SELECT", "UPDATE", "INSERT", "UPDATE"]
    assert_balance(user, 8)


def test_a_large_batch_books_to_each_account_its_own_amount(django_user_model):
    people = [django_user_model.objects.create_user(f"payer-{number}") for number in range(120)]
    for person in people:
        fund(person, 1000)
    ledger.spend_many(ledger.Charge(person, 1 + number, "report") for number, person in enumerate(people))
    entries = ledger.spend_many(ledger.Charge(person, 2, "report") for person in people)
    assert [entry.balance_after for entry in entries] == [997 - number for number in range(120)]
    assert [person.credit_account.grants.get().remaining for person in people] == [997 - n for n in range(120)]


def test_a_batch_keeps_what_each_charge_says(user):
    fund(user, 10)
    said = [
        {"reference": 'a "quoted", {braced} and \\ slashed one', "metadata": {"pages": [1, None], "né": "50%"}},
        {"idempotency_key": "second", "actor": "NULL"},
        {"metadata": {"one": 1e16}, "reference": "%s"},
    ]
    entries = ledger.spend_many(ledger.Charge(user, "0.5", "report", **each) for each in said)
    stored = LedgerEntry.objects.filter(pk__in=[entry.pk for entry in entries]).order_by("sequence")
    names = ("reference", "idempotency_key", "actor", "metadata")
    defaults = {"reference": "", "idempotency_key": None, "actor": "", "metadata": {}}
    assert list(stored.values(*names)) == [defaults | each for each in said]


def test_a_large_batch_empties_some_grants_and_not_others(django_user_model):
    people = [django_user_model.objects.create_user(f"payer-{number}") for number in range(60)]
    for number, person in enumerate(people):
        fund(person, 5 + number % 2)
        fund(person, 3)
    ledger.spend_many(ledger.Charge(person, 5, "report") for person in people)
    for number, person in enumerate(people):
        assert [grant.remaining for grant in person.credit_account.grants.order_by("id")] == [number % 2, 3]


def test_a_balance_can_be_kept_in_a_cache(user):
    fund(user, 10)
    kept = pickle.loads(pickle.dumps(ledger.balance(user)))
    assert kept.available == 10
    assert kept.by_type["pay_as_you_go"] == 10
