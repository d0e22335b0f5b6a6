"""An account with which something is wrong: what must not keep the others from theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, Hold
from quickscale_credits.testing import fund


@contextmanager
def damaged(owner: Any) -> Iterator[None]:
    """A hold that is over names a grant of somebody else: nothing can be booked for its owner until it is mended."""
    stranger = get_user_model().objects.create_user("stranger")
    past = timezone.now() - timedelta(seconds=1)
    hold = ledger.hold(owner, 1, reason="work")
    Hold.objects.filter(pk=hold.pk).update(grant=fund(stranger, 1).grant, expires_at=past)
    CreditAccount.objects.for_owner(owner).update(next_expiry_at=past)
    try:
        yield
    finally:
        Hold.objects.filter(pk=hold.pk).update(grant=hold.grant, expires_at=hold.expires_at)
        ledger.release(hold)
