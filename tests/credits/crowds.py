"""Many owners at once."""

from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_credits.testing import fund


def owners(count: int) -> list[Any]:
    users = get_user_model().objects
    users.bulk_create(get_user_model()(username=f"owner-{number}") for number in range(count))
    return list(users.filter(username__startswith="owner-").order_by("pk"))


def owners_with_due_credits(count: int) -> list[Any]:
    """Each has 5 credits that last, and 10 that expired an hour ago and of which no entry tells yet."""
    found = owners(count)
    now = timezone.now()
    with time_machine.travel(now - timedelta(hours=2), tick=False):
        for owner in found:
            fund(owner, 5)
            fund(owner, 10, expires_at=now - timedelta(hours=1))
    return found
