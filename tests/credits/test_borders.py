"""Values at the very border of what the verbs take and count."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from quickscale_credits import ledger
from quickscale_credits.exceptions import HoldClosed, SpendingLimitExceeded
from quickscale_credits.models import SpendingLimit
from quickscale_credits.testing import assert_balance, fund

pytestmark = pytest.mark.django_db


def test_the_smallest_adjustment_downward_is_taken(user: Any) -> None:
    fund(user, 1)
    ledger.adjust(user, "-0.000001", reason="mistake")
    assert_balance(user, "0.999999")


def test_a_reference_has_up_to_255_characters(user: Any) -> None:
    fund(user, 5)
    assert ledger.spend(user, 1, reason="work", reference="x" * 255).reference == "x" * 255
    with pytest.raises(ValueError, match="255"):
        ledger.spend(user, 1, reason="work", reference="x" * 256)


@pytest.mark.parametrize(("reason", "shown"), [("!" * 58, f"'{'!' * 58}'."), ("!" * 59, f"'{'!' * 59}….")])
def test_what_is_refused_is_shown_up_to_60_characters(user: Any, reason: str, shown: str) -> None:
    with pytest.raises(ValueError, match=f"not {re.escape(shown)}$"):
        ledger.spend(user, 1, reason=reason)


def test_what_is_spent_at_midnight_counts_for_the_day_that_begins(user: Any, clock: Any) -> None:
    fund(user, 20)
    SpendingLimit.objects.create(account=user.credit_account, amount=10, period="day")
    clock.move_to(datetime(2026, 1, 16, tzinfo=UTC))
    ledger.spend(user, 7, reason="work")
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 4, reason="work")


def test_work_that_failed_is_not_done_again_with_its_key(user: Any) -> None:
    def work() -> None:
        with ledger.spending(user, 2, reason="work", idempotency_key="k"):
            raise LookupError

    fund(user, 5)
    with pytest.raises(LookupError):
        work()
    with pytest.raises(HoldClosed, match="released"):
        work()
    assert_balance(user, 5)
