"""What is watched under load is seen: a session that waits for another one's lock."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import fund
from tests.load.tracing import EVERY, Answer, Waits, cause

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL alone"),
]


def test_a_spend_that_waits_for_somebody_elses_lock_is_told_with_the_statement_that_has_it(user: Any) -> None:
    fund(user, 10)
    waits, began = Waits(), time.monotonic()
    spending = threading.Thread(target=spend, args=(user,))
    with waits.watching(), transaction.atomic():
        CreditAccount.objects.select_for_update().get(owner=user)
        spending.start()
        while len(waits.seen) < 5:
            assert time.monotonic() < began + 60, "Nothing was seen."
            threading.Event().wait(EVERY)
    spending.join()
    why = cause(Answer("run", 80, waits.seen[0][0], waits.seen[-1][0]), [], waits)
    assert why.startswith("Lock ")
    assert 'held by: SELECT "quickscale_credits_creditaccount"' in why


def spend(user: Any) -> None:
    try:
        ledger.spend(user, 1, reason="report")
    finally:
        connection.close()
