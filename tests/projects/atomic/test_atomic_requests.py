"""Each request of this host is a transaction, in which credits take part."""

from decimal import Decimal

import pytest

from quickscale_credits import ledger
from quickscale_credits.signals import credits_spent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(client, user):
    ledger.grant(user, 100)
    client.force_login(user)
    return client


def test_a_request_that_fails_gives_its_credits_back_and_announces_nothing(client, user):
    heard = []
    credits_spent.connect(listener := lambda **announced: heard.append(announced))
    with pytest.raises(LookupError):
        client.get("/spend-and-fail/")
    credits_spent.disconnect(listener)
    assert ledger.balance(user).total == 100
    assert heard == []


def test_a_refused_spend_leaves_the_request_able_to_save(client, user):
    client.get("/spend-too-much-and-go-on/")
    user.refresh_from_db()
    assert user.first_name == "Ada"
    assert ledger.balance(user).total == 100


def test_work_inside_the_requests_transaction_is_refused_with_the_reason(client, user):
    with pytest.raises(RuntimeError, match="transaction"):
        client.get("/work-while-spending/")
    assert ledger.balance(user).available == 100


def test_a_service_streams_for_all_that_a_request_is_a_transaction(client, user):
    page = client.post("/services/sentence-review/", {"text": "Cats sleep."}, headers={"Accept": "text/event-stream"})
    assert page.getvalue().count(b"data: ") == 2
    assert ledger.balance(user).total == Decimal("99.9")
