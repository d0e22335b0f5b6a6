"""What a hostile reader of the ledger once found, and must not find again."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from quickscale_credits import ledger, triggers
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import CreditAccount, CreditGrant, Hold
from quickscale_credits.signals import balance_depleted, credits_insufficient
from quickscale_credits.testing import assert_balance, assert_ledger_sound, fund

DAY = timedelta(days=1)


class Undo(Exception):
    pass


def undone(make):
    """The row that a transaction made which was rolled back."""
    row = None
    with suppress(Undo), transaction.atomic():
        row = make()
        raise Undo
    return row


@pytest.fixture
def heard():
    """Connects `heard(signal)`; gives the list of what was sent. Disconnected after the test."""
    connected = []

    def listen(signal):
        sent = []
        receiver = lambda **about: sent.append(about)  # noqa: E731
        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))
        return sent

    yield listen
    for signal, receiver in connected:
        signal.disconnect(receiver)


def test_a_hold_that_was_rolled_back_captures_nothing_from_whoever_has_its_number(user, django_user_model):
    fund(user, 10)
    other = django_user_model.objects.create_user("bob")
    fund(other, 10)
    lost = undone(lambda: ledger.hold(user, 5, reason="work"))
    theirs = ledger.hold(other, 5, reason="work")
    lost.pk = theirs.pk  # as SQLite gives it out again
    with pytest.raises(ValueError, match="rolled back"):
        ledger.capture(lost)
    assert_balance(user, 10)
    assert ledger.balance(other).held == 5


@pytest.mark.parametrize("verb", [ledger.release, ledger.capture])
def test_a_hold_that_was_rolled_back_is_said_to_be_gone(user, verb):
    fund(user, 10)
    lost = undone(lambda: ledger.hold(user, 5, reason="work"))
    with pytest.raises(ValueError, match="is not in the database"):
        verb(lost)


@pytest.mark.parametrize("verb", [ledger.revoke, ledger.freeze, ledger.expire_grant])
def test_a_grant_that_was_rolled_back_is_said_to_be_gone(user, verb):
    fund(user, 10)
    lost = undone(lambda: fund(user, 5).grant)
    with pytest.raises(ValueError, match="is not in the database"):
        verb(lost, reason="mistake")


def test_saving_an_account_that_was_read_before_a_spend_keeps_the_spend(user):
    fund(user, 100)
    stale = CreditAccount.objects.get()
    ledger.spend(user, 90, reason="work")
    stale.low_balance_threshold = 5
    stale.save()
    assert CreditAccount.objects.get().low_balance_threshold == 5
    assert_balance(user, 10)


@pytest.mark.django_db(transaction=True)
def test_a_receiver_of_credits_insufficient_may_write_and_spend(user, django_user_model):
    def note(**about):
        django_user_model.objects.create_user("noted")
        assert not connection.in_atomic_block

    credits_insufficient.connect(note)
    try:
        with pytest.raises(InsufficientCredits):
            ledger.spend(user, 1, reason="work")
    finally:
        credits_insufficient.disconnect(note)
    assert django_user_model.objects.filter(username="noted").exists()


def test_credits_insufficient_is_sent_once_for_a_verb_within_a_verb(user, heard):
    sent = heard(credits_insufficient)
    with pytest.raises(InsufficientCredits), ledger.spending(user, 5, reason="work"):
        pytest.fail("the work must not begin")
    assert [(about["owner"], about["required"]) for about in sent] == [(user, 5)]


def test_a_hold_that_lapsed_does_not_hide_that_the_balance_ran_out(
    user, clock, heard, django_capture_on_commit_callbacks
):
    fund(user, 100)
    ledger.hold(user, 100, reason="work")
    clock.shift(DAY)
    sent = heard(balance_depleted)
    with django_capture_on_commit_callbacks(execute=True):
        ledger.spend(user, 100, reason="work")
    assert len(sent) == 1


def test_a_ledger_is_sound_after_it_was_dumped_and_loaded(user, tmp_path):
    fund(user, 100, expires_at=None)
    ledger.spend(user, 1, reason="work", metadata={"pages": 1.5})
    ledger.hold(user, 5, reason="work")
    file = tmp_path / "ledger.json"
    call_command("dumpdata", "quickscale_credits", output=str(file), verbosity=0)
    with triggers.lifted("default"):
        call_command("loaddata", str(file), verbosity=0)
    assert_ledger_sound()


def test_a_damaged_account_does_not_stop_the_sweep_of_others(user, django_user_model, clock, caplog):
    other = django_user_model.objects.create_user("bob")
    for owner in (user, other):
        fund(owner, 10, expires_at=timezone.now() + DAY)
    hold = ledger.hold(user, 4, reason="work", expires_in=DAY / 2)
    stranger = CreditGrant.objects.get(account__owner=other)
    Hold.objects.filter(pk=hold.pk).update(grant=stranger)
    clock.shift(2 * DAY)
    assert ledger.expire() == 1
    assert "cannot be booked" in caplog.text
    Hold.objects.filter(pk=hold.pk).update(grant=CreditGrant.objects.get(account__owner=user))
    assert ledger.expire() == 1


def test_a_hold_for_ever_is_refused_before_anything_is_written(user):
    fund(user, 10)
    with pytest.raises(ValueError, match="at most"):
        ledger.hold(user, 5, reason="work", expires_in=timedelta.max)
    assert ledger.balance(user).held == 0
