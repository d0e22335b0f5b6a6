"""What becomes of an owner's word to top up: whether it is time, putting it off, and turning it off.

Each within a transaction that holds the account.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils import timezone

from quickscale_billing import signals
from quickscale_billing.announcing import announce
from quickscale_billing.models import AutoTopUp, TopUp
from quickscale_billing.models.topups import next_month
from quickscale_credits import ledger
from quickscale_credits.ledger.joining import open_locked_account
from quickscale_credits.models import CreditAccount

MOST_FAILURES: Final = 3
FIRST_WAIT: Final = timedelta(hours=1)
BY_THE_OWNER: Final = (AutoTopUp.Reason.OWNER, AutoTopUp.Reason.CLOSED)


@contextmanager
def locked(account: CreditAccount) -> Iterator[CreditAccount]:
    """The account as it is now, in a transaction that holds it."""
    with transaction.atomic():
        open_locked_account(account)
        yield CreditAccount.objects.select_for_update().get(pk=account.pk)


def stop(account: CreditAccount, reason: AutoTopUp.Reason) -> AutoTopUp | None:
    """Turn it off, if it is on: what is under way is not wanted any more. Who did not do it themselves is told."""
    agreed = AutoTopUp.objects.on().filter(account=account).first()
    if agreed is None:
        return None
    agreed.state, agreed.reason, agreed.stopped_at = AutoTopUp.State.OFF, reason, timezone.now()
    agreed.next_attempt_at = None
    agreed.save()
    pending = TopUp.objects.pending().filter(account=account)
    pending.update(is_wanted=False)
    if reason not in BY_THE_OWNER:
        announce(signals.top_up_stopped, AutoTopUp, auto_top_up=agreed)
    return agreed


def note_failure(account: CreditAccount) -> None:
    """An hour until the next attempt, then two; the third failure in a row was the last."""
    agreed = AutoTopUp.objects.on().filter(account=account).first()
    if agreed is None:
        return
    agreed.failures += 1
    agreed.next_attempt_at = timezone.now() + FIRST_WAIT * 2 ** (agreed.failures - 1)
    agreed.save()
    if agreed.failures >= MOST_FAILURES:
        stop(account, AutoTopUp.Reason.DECLINED)


def wait_for_next_month(agreed: AutoTopUp) -> None:
    """The cap leaves no room for another."""
    agreed.next_attempt_at = next_month()
    agreed.save(update_fields=["next_attempt_at"])


def note_success(account: CreditAccount) -> None:
    known = AutoTopUp.objects.filter(account=account)
    known.update(failures=0, next_attempt_at=None)


def is_low(agreed: AutoTopUp, account: CreditAccount) -> bool:
    """By what is booked and by what holds at this moment: a replica that lags behind must not have it charged again."""
    most: Decimal = max(account.balance - account.held, ledger.balance(account).available)
    return most < Decimal(agreed.threshold)
