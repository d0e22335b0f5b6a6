"""Giving credits."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.utils import timezone

from quickscale_credits.conf import MAX_PRIORITY, conf, is_priority
from quickscale_credits.fields import LATEST
from quickscale_credits.ledger.book import Kind, Part
from quickscale_credits.ledger.grants import new_line, pay_debt
from quickscale_credits.ledger.locking import Owner, Tx, lock, make, replay, transact
from quickscale_credits.ledger.requests import Amount, OwnKey, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import CreditAccount, CreditType, LedgerEntry
from quickscale_credits.signals import credits_granted

SIGNUP_KEY = OwnKey("qs:signup")


def grant(
    owner: Owner,
    amount: Amount,
    *,
    credit_type: str = CreditType.PAY_AS_YOU_GO,
    reason: str = "grant",
    expires_at: datetime | None = None,
    priority: int | None = None,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry:
    """Give credits; `entry.grant` is the grant. Debt is paid from it first.

    Raises `ValueError` for an expiry that is not in the future. With the key of an earlier grant of the same amount,
    type, reason and reference, that one's entry is returned and nothing is given.
    """
    credit_type, priority = checked_type(credit_type), checked_priority(credit_type, priority)
    asked = request(
        "grant",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
        about=credit_type,
    )
    _check_is_aware(expires_at)

    def work(tx: Tx) -> LedgerEntry:
        book = lock(tx, owner)
        if book is None:
            _check_is_ahead(expires_at)
            book = make(tx, owner)
        if first := replay(tx, book, asked, LedgerEntry):
            return first
        _check_is_ahead(expires_at)
        book.require_room(asked.micro)
        with writing(book):
            line = new_line(book, asked.micro, credit_type, priority, expires_at)
            entry = book.post(Kind.GRANT, asked.micro, [Part(line, asked.micro)], asked)
            pay_debt(book)
            book.announce(credits_granted, entry=entry)
        return entry

    return transact(work)


def grant_signup(owner: Owner) -> LedgerEntry | None:
    """Give what the setting `SIGNUP_GRANT` says, once ever per owner; None if it says nothing.

    Called again, it returns the first entry, even if the setting has changed meanwhile.
    """
    signup = conf.SIGNUP_GRANT
    if signup is None:
        return None
    with suppress(LedgerEntry.DoesNotExist):
        return LedgerEntry.objects.get(account__in=CreditAccount.objects.for_owner(owner), idempotency_key=SIGNUP_KEY)
    expires_in = signup.get("expires_in")
    return grant(
        owner,
        signup["amount"],
        credit_type=CreditType.PROMOTIONAL,
        reason="signup",
        expires_at=None if expires_in is None else timezone.now() + expires_in,
        idempotency_key=SIGNUP_KEY,
    )


def checked_type(credit_type: str) -> str:
    if credit_type not in CreditType.values:
        raise ValueError(f"A credit type is one of {', '.join(CreditType.values)}, not {credit_type!r}.")
    return str(credit_type)


def checked_priority(credit_type: str, priority: int | None) -> int:
    if priority is None:
        return conf.PRIORITIES[credit_type]
    if not is_priority(priority):
        raise ValueError(f"A priority is a whole number from 0 to {MAX_PRIORITY}, not {priority!r}.")
    return priority


def _check_is_aware(expires_at: datetime | None) -> None:
    if expires_at is not None and (not isinstance(expires_at, datetime) or timezone.is_naive(expires_at)):
        raise ValueError(f"expires_at must be a datetime with a time zone, not {expires_at!r}.")


def _check_is_ahead(expires_at: datetime | None) -> None:
    if expires_at is not None and not timezone.now() < expires_at < LATEST:
        raise ValueError(f"expires_at must be in the future, before the year 9997, not {expires_at}.")
