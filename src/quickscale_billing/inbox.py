"""What events tell of: noted within dj-stripe's transaction, settled after its commit, and by a sweep until it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.exceptions import BillingError, StripeUnavailable
from quickscale_billing.models import InboxItem
from quickscale_credits.exceptions import CreditsError

logger = logging.getLogger(__name__)

KEPT_FOR: Final = timedelta(days=7)
LONGEST_WAIT: Final = timedelta(days=1)
SETTLE: Final[dict[str, Callable[[str], object]]] = {
    InboxItem.Kind.SESSION: facts.settle_session,
    InboxItem.Kind.SUBSCRIPTION: facts.settle_subscription,
    InboxItem.Kind.INVOICE: facts.settle_invoice,
    InboxItem.Kind.PAYMENT: facts.settle_payment,
}


def receive(kind: InboxItem.Kind, stripe_id: str, *, event_type: str = "") -> None:
    """Note that something has happened to this object. It is looked at when the caller's transaction has committed."""
    now = timezone.now()
    item, is_new = InboxItem.objects.get_or_create(
        kind=kind, stripe_id=stripe_id, defaults={"last_event_type": event_type, "arrived_at": now, "due_at": now}
    )
    if not is_new:
        InboxItem.objects.filter(pk=item.pk).update(
            state=InboxItem.State.ARRIVED,
            arrivals=F("arrivals") + 1,
            attempts=0,
            due_at=now,
            arrived_at=now,
            last_event_type=event_type,
        )
    # Not a partial: Django names what has failed by its __qualname__, which partials lack.
    transaction.on_commit(lambda: settle(item.pk), robust=True)


def settle(pk: int) -> bool:
    """Try to settle an item, outside any transaction; whether it is settled now.

    Its next attempt is put off first, so that a process which dies over it does not stop the others.
    """
    item = InboxItem.objects.get(pk=pk)
    InboxItem.objects.filter(pk=pk).update(attempts=F("attempts") + 1, due_at=timezone.now() + _wait(item.attempts))
    outcome = _outcome(item)
    # An event that has arrived meanwhile is looked at for itself.
    InboxItem.objects.filter(pk=pk, arrivals=item.arrivals).update(**outcome)
    return bool(outcome["state"] == InboxItem.State.SETTLED)


def sweep_each() -> Iterator[bool]:
    """Settle what is due, oldest first; whether each was settled."""
    for pk in list(InboxItem.objects.due().order_by("arrived_at", "pk").values_list("pk", flat=True)):
        yield settle(pk)


def forget_old() -> int:
    """What was settled more than a week ago. Facts stay."""
    settled = InboxItem.objects.filter(state=InboxItem.State.SETTLED, settled_at__lt=timezone.now() - KEPT_FOR)
    return settled.delete()[0]


def _outcome(item: InboxItem) -> dict[str, Any]:
    try:
        SETTLE[item.kind](item.stripe_id)
    except StripeUnavailable as error:
        return {"state": InboxItem.State.ARRIVED, "problem": str(error)}
    except (BillingError, CreditsError) as error:
        return {"state": InboxItem.State.WAITING, "problem": str(error)}
    except Exception:
        # Whatever is wrong with one object, the others must not wait for it.
        logger.exception("%s could not be settled.", item)
        return {"state": InboxItem.State.WAITING, "problem": "An unexpected error, which was logged."}
    return {"state": InboxItem.State.SETTLED, "problem": "", "settled_at": timezone.now()}


def _wait(attempts: int) -> timedelta:
    return min(LONGEST_WAIT, timedelta(minutes=1) * (1 << min(attempts, 20)))
