"""Writing down that somebody is to be told: rows only, within the caller's transaction."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from quickscale_billing import queueing
from quickscale_billing.conf import conf
from quickscale_billing.models import Mail
from quickscale_credits.models import CreditAccount

logger = logging.getLogger(__name__)

JOB = "mail"


def tell(
    kind: Mail.Kind,
    key: str,
    account: CreditAccount | None,
    *,
    about: dict[str, Any],
    happened_at: datetime | None = None,
) -> bool:
    """Have a letter of this kind sent about what `key` names, after the commit; whether it was written now.

    Told again, it is the same letter, whatever has become of it, and nothing is written of a kind that `MAIL` does not
    name. `about` is JSON: the numbers of rows, and figures as they are now.
    """
    if not is_sent(kind):
        return False
    happened_at = happened_at or timezone.now()
    mail, is_new = Mail.objects.get_or_create(
        kind=kind, key=key, defaults={"account": account, "about": about, "happened_at": happened_at}
    )
    if is_new:
        queueing.hand_over(JOB, mail.pk)
    return is_new


def is_sent(kind: Mail.Kind) -> bool:
    """A setting that cannot be used, of which a system check tells, keeps no money from being booked."""
    try:
        return kind in conf.MAIL
    except ImproperlyConfigured:
        logger.exception("No mail is written.")
        return False
