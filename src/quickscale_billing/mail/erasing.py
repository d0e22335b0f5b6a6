"""Forgetting to whom letters went."""

from __future__ import annotations

from quickscale_billing.models import Mail
from quickscale_credits.models import CreditAccount


def forget(account: CreditAccount) -> None:
    """Their addresses are blanked, and what waits is not sent; that there were letters stays."""
    theirs = Mail.objects.filter(account=account)
    theirs.filter(state=Mail.State.WAITING).update(state=Mail.State.DROPPED)
    theirs.filter(kind=Mail.Kind.CARD_EXPIRING).update(about={})
    theirs.update(to="", problem="")


def forget_the_erased() -> int:
    """What was sent between closing an account and deleting its owner; answers how many letters it were."""
    nobodys = Mail.objects.filter(account__isnull=False, account__owner=None).exclude(to="", problem="")
    return nobodys.update(to="", problem="")
