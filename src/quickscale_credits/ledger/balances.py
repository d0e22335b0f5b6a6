"""Reading what an owner has. Writes nothing, and is right at any instant: what is due counts as gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from django.db import connections, router
from django.db.models import Sum

from quickscale_credits.amounts import from_micro, sum_to_micro
from quickscale_credits.ledger import statements
from quickscale_credits.ledger.book import Book, State
from quickscale_credits.ledger.locking import Owner
from quickscale_credits.ledger.maturing import mature
from quickscale_credits.ledger.session import Session
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType
from quickscale_credits.querysets import identifying


@dataclass(frozen=True)
class Balance:
    """Credits of one owner at one moment: `available` is `total` less what is `held`."""

    total: Decimal
    held: Decimal
    available: Decimal
    _book: Book | None = field(default=None, repr=False, compare=False)

    @cached_property
    def by_type(self) -> dict[str, Decimal]:
        """What is free of each type. Read on first access, as of the moment of the balance."""
        if self._book is None:
            return dict.fromkeys(CreditType.values, Decimal(0))
        return _free_by_type(self._book)


def balance(owner: Owner) -> Balance:
    """Zeros for an owner without an account. One query while nothing is due."""
    where = identifying(owner)
    connection = connections[router.db_for_read(CreditAccount)]
    statement = statements.totals_by_id if "pk" in where else statements.totals_by_owner
    with Session(connection) as db:
        rows = statement.all(db, **where)
        if not rows:
            return Balance(Decimal(0), Decimal(0), Decimal(0))
        book = Book(rows[0], db)
        while book.is_due:
            mature(book)
            again = statement.all(db, **where)
            if again == rows:
                break
            # Somebody has booked what is due in between, and what was read may be half of before, half of after.
            rows, book = again, Book(again[0], db)
    return Balance(from_micro(book.balance), from_micro(book.held), from_micro(book.available), book)


def _free_by_type(book: Book) -> dict[str, Decimal]:
    """What the database has, but for the grants that something due has changed in memory."""
    changed = [line for line in book.lines.values() if not line.has_expired(book.now)]
    grants = CreditGrant.objects.using(book.using).filter(account_id=book.id, state=State.OPEN, expires_at__gt=book.now)
    stored = grants.exclude(pk__in=[line.id for line in changed])
    micro = dict.fromkeys(CreditType.values, 0)
    for credit_type, total in stored.values_list("credit_type").annotate(Sum("remaining")):
        micro[credit_type] += sum_to_micro(total)
    for line in changed:
        micro[line.credit_type] += line.remaining
    return {credit_type: from_micro(total) for credit_type, total in micro.items()}
