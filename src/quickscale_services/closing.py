"""What ends with an account: nothing runs in its name any more."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from quickscale_credits.models import CreditAccount
from quickscale_services.models import ApiKey, ServiceRun


def revoke_keys(sender: Any, account: CreditAccount, **kwargs: Any) -> None:
    """Its keys are refused, and what still waits for a worker is canceled: credits come back. What was sent, given and
    noted is blanked, and how the keys were called."""
    keys = ApiKey.objects.filter(account=account, revoked_at=None)
    keys.update(revoked_at=timezone.now())
    for run in ServiceRun.objects.filter(account=account, status=ServiceRun.Status.QUEUED):
        run.cancel()
    keys_of_it = ApiKey.objects.filter(account=account)
    keys_of_it.update(name="")
    ended = ServiceRun.objects.filter(account=account).exclude(status__in=ServiceRun.UNDER_WAY)
    ended.update(input=None, output=None, progress_note="")
