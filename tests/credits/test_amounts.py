"""Which amounts the verbs take, exactly, and which they refuse without a trace."""

from datetime import timedelta
from decimal import Decimal, Inexact, localcontext
from enum import IntEnum

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.exceptions import InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


class Price(IntEnum):
    PAGE = 3


TAKEN = [
    (7, "7"),
    (Price.PAGE, "3"),
    (Decimal("0.000001"), "0.000001"),
    (Decimal("2.500000000"), "2.5"),
    (Decimal("1E+3"), "1000"),
    ("2", "2"),
    ("+2.50", "2.5"),
    ("007.0000010", "7.000001"),
    (10**12, "1000000000000"),
    ("999999999999.999999", "999999999999.999999"),
]
INVALID = [
    *(0, -1, 10**12 + 1, 10**5000, "0", "-1", "0.0000001", "1000000000000.000001"),
    *(Decimal(0), Decimal("-0.5"), Decimal("0.0000001"), Decimal("1.0000005")),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")),
    *(Decimal("1E+999999"), Decimal("1E-999999"), "9" * 5000, "0." + "0" * 5000 + "1"),
    *("", " 2", "2 ", "2\n", "1e3", "1_000", "1,5", ".5", "5.", "--1", "0x10", "٣", "NaN", "Infinity", "two"),
]
OF_WRONG_TYPE = [2.0, 0.5, float("nan"), True, False, None, b"2", [2], {}, 2j, object()]


@pytest.mark.parametrize(("amount", "kept"), TAKEN)
def test_an_amount_is_kept_exactly(user, amount, kept):
    entry = ledger.grant(user, amount)
    assert str(entry.amount) == kept
    assert LedgerEntry.objects.get().amount == Decimal(kept)
    assert_balance(user, kept)


@pytest.mark.parametrize("amount", INVALID, ids=range(len(INVALID)))
@pytest.mark.parametrize("verb", ["grant", "spend", "hold"])
def test_what_is_no_amount_is_refused_and_nothing_is_written(user, verb, amount):
    with pytest.raises(InvalidAmount) as refusal:
        getattr(ledger, verb)(user, amount, reason="test")
    assert isinstance(refusal.value, ValueError)
    assert len(str(refusal.value)) < 200
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("amount", OF_WRONG_TYPE, ids=lambda amount: type(amount).__name__)
@pytest.mark.parametrize("verb", ["grant", "spend", "hold"])
def test_what_is_not_an_int_a_decimal_or_a_str_is_a_type_error(user, verb, amount):
    with pytest.raises(TypeError):
        getattr(ledger, verb)(user, amount, reason="test")
    assert not CreditAccount.objects.exists()


def test_a_total_above_nine_trillion_is_refused(user):
    for _ in range(9):
        ledger.grant(user, 10**12)
    with pytest.raises(InvalidAmount):
        ledger.grant(user, "0.000001")
    assert_balance(user, 9 * 10**12)
    assert user.credit_account.entries.count() == 9


def test_a_trillion_is_spent_to_the_last_millionth(user):
    ledger.grant(user, 10**12)
    ledger.spend(user, "999999999999.999999", reason="report")
    assert_balance(user, "0.000001")
    ledger.spend(user, "0.000001", reason="report")
    assert_balance(user, 0)


def test_trillions_are_moved_together_too(user, grace, clock):
    for days in (1, 2, None):
        fund(user, 10**12, expires_at=days and timezone.now() + timedelta(days=days))
    clock.shift(timedelta(days=1))
    ledger.spend(user, 5, reason="report")
    ledger.capture(ledger.hold(user, 10**12, reason="work"))
    ledger.spend_many([ledger.Charge(user, 1, "report"), ledger.Charge(user, 1, "report")])
    ledger.transfer(user, grace, 3, reason="gift")
    assert_balance(user, 10**12 - 10)


def test_the_hosts_decimal_context_rounds_nothing(user):
    with localcontext(prec=3):
        ledger.grant(user, "123456.789012")
        ledger.spend(user, Decimal("0.000001"), reason="report")
        balance = ledger.balance(user)
    assert balance.total == Decimal("123456.789011")
    assert balance.by_type["pay_as_you_go"] == Decimal("123456.789011")


def test_what_is_missing_is_exact_whatever_the_hosts_decimal_context(user):
    ledger.grant(user, "0.000001")
    with localcontext(prec=3), pytest.raises(InsufficientCredits) as refusal:
        ledger.spend(user, 123456, reason="report")
    assert refusal.value.shortfall == Decimal("123455.999999")


def test_a_context_that_traps_inexact_results_changes_nothing(user):
    with localcontext(prec=2) as context:
        context.traps[Inexact] = True
        ledger.grant(user, "123.456789")
        with pytest.raises(InvalidAmount):
            ledger.grant(user, "0.0000001")
    assert_balance(user, "123.456789")


@pytest.mark.parametrize("micro", [0, 1, -1, 10, 999_999, 1_000_000, -2_500_000, 9 * 10**18])
def test_micro_credits_become_credits_without_needless_zeros(micro):
    amount = from_micro(micro)
    assert amount * 10**6 == micro
    assert "E" not in str(amount)
    assert not str(amount).endswith(".")


def test_a_spend_of_a_thousandth_of_a_thousandth_is_the_smallest():
    assert to_micro("0.000001") == 1
