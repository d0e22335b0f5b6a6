"""Credits given back for a run: for one that was charged and was bad, or for the trouble of one that cost nothing."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from quickscale_credits import ledger
from quickscale_credits.ledger.joining import Amount, OwnKey
from quickscale_credits.models import CreditType, LedgerEntry
from quickscale_services.models import ServiceRun

REASON = "credit-back"


def credit_back(run: ServiceRun, amount: Amount | None = None, *, reason: str, actor: Any = None) -> LedgerEntry:
    """Reverse (part of) what a run was charged; for one that was charged nothing, grant `amount` promotional credits.

    Once per run: a second call with the same amount gives the first entry again, with another it raises
    `IdempotencyConflict`. None means what is left of the charge. Raises `NotReversible` for more than that, and
    `ValueError` for a run that has not ended, for no reason, and for no amount where nothing was charged.
    """
    if not run.has_ended:
        raise ValueError(_("This run has not ended: what it costs is not known yet."))
    if not reason.strip():
        raise ValueError(_("Say why credits are given back."))
    common: dict[str, Any] = {
        "reason": REASON,
        "reference": str(run.pk),
        "idempotency_key": _key(run),
        "metadata": {"reason": reason, "run": str(run.pk)},
        "actor": actor,
    }
    if run.entry is not None:
        return ledger.reverse(run.entry, amount, **common)
    if amount is None:
        raise ValueError(_("This run was charged nothing: say how many credits to give."))
    return ledger.grant(run.account, amount, credit_type=CreditType.PROMOTIONAL, **common)


def credited_back(run: ServiceRun) -> LedgerEntry | None:
    """What `credit_back` gave for this run."""
    return LedgerEntry.objects.filter(account_id=run.account_id, idempotency_key=_key(run)).first()


def _key(run: ServiceRun) -> OwnKey:
    return OwnKey(f"qs:credit-back:{run.pk}")
