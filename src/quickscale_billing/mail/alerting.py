"""Telling staff of deliveries that were refused: forged ones, a flood of them, or an endpoint that is set up wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from quickscale_billing.mail.writing import is_sent, tell
from quickscale_billing.models import Mail
from quickscale_billing.stripe import looking

KIND: Final = Mail.Kind.WEBHOOKS_REFUSED
HOUR: Final = timedelta(hours=1)
# A delivery is stored before it is checked, and looks refused until then.
CHECKED_WITHIN: Final = timedelta(minutes=1)


def tell_of_refused_webhooks() -> bool:
    """By a sweep, and never by who is refused; whether a letter was written. At most one in an hour: its key is that of
    the clock, for sweeps that come at once."""
    now = timezone.now()
    if not is_sent(KIND) or Mail.objects.filter(kind=KIND, happened_at__gt=now - HOUR).exists():
        return False
    since = now - HOUR - CHECKED_WITHIN
    count = looking.refused(since, now - CHECKED_WITHIN)
    about = {"count": count, "since": since.isoformat()}
    return bool(count) and tell(KIND, f"{now:%Y-%m-%dT%H}", None, about=about, happened_at=now)
