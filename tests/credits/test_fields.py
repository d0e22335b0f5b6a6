"""The columns: credits as whole micro-credits, an expiry that may be never, text that is compared exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max, Sum
from django.forms import modelform_factory
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.fields import NEVER, CreditField
from quickscale_credits.models import CreditAccount, CreditGrant, LedgerEntry, SpendingLimit
from quickscale_credits.testing import fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def raw(column, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return [value for (value,) in cursor.fetchall()]


def test_credits_are_whole_micro_credits_in_the_database(user):
    fund(user, "2.5")
    assert raw("balance", "quickscale_credits_creditaccount") == [2_500_000]
    assert raw("amount", "quickscale_credits_ledgerentry") == [2_500_000]


def test_sums_of_credits_are_exact(user):
    for amount in ("0.1", "0.2", "0.000001"):
        fund(user, amount)
    found = LedgerEntry.objects.aggregate(sum=Sum("amount"), most=Max("amount"))
    assert found == {"sum": Decimal("0.300001"), "most": Decimal("0.2")}


def test_credits_are_looked_up_as_they_are_written(user):
    fund(user, "2.5")
    found = CreditGrant.objects
    assert found.filter(amount=Decimal("2.5"), remaining__gt="2.4", held__lt=1, expires_at=None).exists()
    assert found.filter(amount__in=["2.5", 7], remaining=F("amount")).exists()
    assert not found.filter(amount__gt=9 * 10**12).exists()


def test_never_sorts_last_and_reads_as_none(user):
    never = fund(user, 1).grant
    later = fund(user, 1, expires_at=timezone.now() + timedelta(days=1)).grant
    assert list(CreditGrant.objects.order_by("expires_at")) == [later, never]
    assert CreditGrant.objects.get(expires_at=None) == never
    assert CreditGrant.objects.get(expires_at=NEVER).expires_at is None


def test_an_expiry_is_kept_to_the_microsecond(user):
    moment = datetime(2030, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    fund(user, 1, expires_at=moment)
    assert CreditGrant.objects.get().expires_at == moment


def test_a_form_takes_credits_and_refuses_what_is_too_precise(user):
    fund(user, 1)
    form = modelform_factory(SpendingLimit, fields=["amount", "period"])
    assert form({"amount": "2.5", "period": "day"}).is_valid()
    assert not form({"amount": "0.0000001", "period": "day"}).is_valid()
    assert form({"amount": "2.5", "period": "day"}, instance=SpendingLimit(account=user.credit_account)).save().pk


def test_cleaning_refuses_what_is_no_amount():
    field = CreditField()
    assert field.to_python("2.50") == Decimal("2.5")
    with pytest.raises(ValidationError):
        field.clean("a lot", None)


def test_fixtures_carry_credits_exactly(user):
    fund(user, "1.000001")
    account = user.credit_account
    assert CreditAccount._meta.get_field("balance").value_to_string(account) == "1.000001"


@pytest.mark.parametrize(
    "change",
    [
        {"debt": -1},
        {"held": -1},
        {"held": 11},
        {"balance": -1},
    ],
    ids=str,
)
def test_the_database_itself_keeps_accounts_within_their_bounds(user, change):
    fund(user, 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        CreditAccount.objects.update(**change)
    assert ledger.balance(user).total == 10


@pytest.mark.parametrize(
    "change",
    [{"remaining": -1}, {"held": -1}, {"remaining": 11}, {"held": 1}, {"amount": 0}, {"revoked": 11}, {"revoked": -1}],
    ids=str,
)
def test_the_database_itself_keeps_grants_within_their_amount(user, change):
    fund(user, 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        CreditGrant.objects.update(**change)
    assert ledger.balance(user).total == 10
