"""The one place that begins transactions and locks accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    connections,
    models,
    router,
    transaction,
)
from django.utils import timezone

from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits
from quickscale_credits.ledger import statements
from quickscale_credits.ledger.book import Book
from quickscale_credits.ledger.compiling import Statement
from quickscale_credits.ledger.isolation import refuse_blindness
from quickscale_credits.ledger.maturing import find_next_expiry, mature
from quickscale_credits.ledger.preparing import FORGOTTEN
from quickscale_credits.ledger.requests import Request
from quickscale_credits.ledger.session import Session
from quickscale_credits.models import CreditAccount, Hold, LedgerEntry
from quickscale_credits.querysets import identifying
from quickscale_credits.signals import credits_insufficient

T = TypeVar("T")
R = TypeVar("R", LedgerEntry, Hold)
Owner = models.Model

RETRIES = 3
IMMEDIATE = ("IMMEDIATE", "EXCLUSIVE")
# PostgreSQL: serialization failure, deadlock, a statement that is kept no longer. MySQL and MariaDB: deadlock.
_CONTENTION = {"40001", "40P01", FORGOTTEN, 1213}
# The transaction that `transact` began and that is open, with its cursor: a verb called within it is not the outermost.
_ours: ContextVar[Session | None] = ContextVar("quickscale_credits_ours", default=None)


@dataclass(frozen=True, slots=True)
class Tx:
    """The transaction that a verb works in: `nested` in the caller's. Without `look_up`, an index finds the replay."""

    db: Session
    nested: bool
    look_up: bool = True

    @property
    def using(self) -> str:
        return self.db.using


def transact(work: Callable[[Tx], T], *, look_up: bool = True) -> T:
    """Run in a transaction of our own, again after a deadlock or a serialization failure; or in the caller's.

    In the caller's there is no atomic block around `work`: a domain error passing through it would poison the
    caller's transaction. What writes has a savepoint, see `writing`.
    """
    connection = connections[database()]
    refuse_blindness(connection)
    try:
        if connection.in_atomic_block:
            return _joined(connection, work)
        return _retried(connection, work, look_up=look_up)
    except InsufficientCredits as error:
        if _ours.get() is None:
            _tell(error)
        raise


def _joined(connection: Any, work: Callable[[Tx], T]) -> T:
    ours = _ours.get()
    if ours is not None and ours.connection is connection:
        return work(Tx(ours, nested=False))
    with Session(connection) as db:
        return work(Tx(db, nested=True))


def _retried(connection: Any, work: Callable[[Tx], T], *, look_up: bool) -> T:
    for _ in range(RETRIES):
        try:
            return _in_own(connection, work, look_up=look_up)
        except DatabaseError as error:
            if not _is_contention(error):
                raise
    return _in_own(connection, work, look_up=look_up)


def _in_own(connection: Any, work: Callable[[Tx], T], *, look_up: bool) -> T:
    with transaction.atomic(using=connection.alias), Session(connection) as db:
        token = _ours.set(db)
        try:
            return work(Tx(db, nested=False, look_up=look_up))
        finally:
            _ours.reset(token)


def _tell(error: InsufficientCredits) -> None:
    """After our transaction has ended, so that what a receiver writes stays, and no account is locked meanwhile."""
    credits_insufficient.send_robust(
        sender=CreditAccount, owner=error.owner, required=error.required, available=error.available
    )


def transact_once(work: Callable[[Tx], T]) -> T:
    """For the hot path: do not look a key up first. If it was used before, the unique index says so, and we look."""
    with suppress(IntegrityError):
        return transact(work, look_up=False)
    return transact(work)


def database() -> str:
    return router.db_for_write(CreditAccount)


def lock(tx: Tx, owner: Owner) -> Book | None:
    """The account's book, locked until the transaction ends, what is due already counted; None if there is none."""
    where = identifying(owner)
    statement = statements.lock_by_id if "pk" in where else statements.lock_by_owner
    return _open(tx, statement, where, owner)


def make(tx: Tx, owner: Owner) -> Book:
    """The book of an owner who had no account: made once, however many threads ask."""
    if not isinstance(owner, CreditAccount):
        _check_exists(tx, owner)
        with transaction.atomic(using=tx.using) if tx.nested else nullcontext():
            CreditAccount.objects.using(tx.using).bulk_create([CreditAccount(owner_id=owner.pk)], ignore_conflicts=True)
    return _found(lock(tx, owner))


def _check_exists(tx: Tx, owner: Owner) -> None:
    """Foreign keys are checked at the commit: too late to say kindly what is wrong."""
    model: type[models.Model] = owner._meta.model
    if not model._base_manager.using(tx.using).filter(pk=owner.pk).exists():
        raise ValueError(f"This {model.__name__} ({owner.pk}) no longer exists.")


def lock_account(tx: Tx, account_id: int, *, now: datetime | None = None) -> Book:
    return _found(_open(tx, statements.lock_by_id, {"pk": account_id}, None, now))


def lock_with_hold(tx: Tx, account_id: int, hold_id: int) -> tuple[Book, tuple[Any, ...]] | None:
    """The book, and the columns `HELD` of a hold of the account, read under its lock; None if there is no such hold."""
    _take_write_lock(tx)
    rows = statements.lock_with_hold.all(tx.db, account_id=account_id, pk=hold_id)
    if not rows:
        return None
    length = len(statements.ACCOUNT)
    return _opened(tx, rows[0][:length]), rows[0][length:]


def lock_accounts(tx: Tx, account_ids: list[int], *, now: datetime | None = None) -> dict[int, Book]:
    """Several accounts, locked in ascending order in one statement: in any other order, two verbs might deadlock."""
    rows = lock_rows(tx, account_ids)
    now = now or timezone.now()
    return {row[0]: _opened(tx, row, now=now) for row in rows}


def lock_rows(tx: Tx, account_ids: list[int]) -> list[tuple[Any, ...]]:
    """Lock without counting what is due: for one who reads rows that may be damaged."""
    _take_write_lock(tx)
    return statements.lock_many.all_among(tx.db, account_ids)


def lock_owners(tx: Tx, owners: Sequence[Owner]) -> list[Book | None]:
    """The book of each owner, in their order, and the same one for the same owner; None for one without an account."""
    ids = account_ids(tx, owners)
    books = lock_accounts(tx, [pk for pk in set(ids) if pk is not None])
    for owner, pk in zip(owners, ids, strict=True):
        if pk is not None:
            books[pk].owner = books[pk].owner or owner
    return [None if pk is None else books[pk] for pk in ids]


def account_ids(tx: Tx, owners: Sequence[Owner]) -> list[int | None]:
    """Whose account each one is, without locking; None for an owner who has none."""
    wanted = [next(iter(identifying(owner).items())) for owner in owners]
    of_owners = {value for column, value in wanted if column == "owner_id"}
    rows = statements.ids_by_owner.all_among(tx.db, list(of_owners))
    as_pk = CreditAccount._meta.get_field("owner").target_field.to_python
    known = {as_pk(owner_id): pk for owner_id, pk in rows}
    return [value if column == "pk" else known.get(value) for column, value in wanted]


def replay(tx: Tx, book: Book, asked: Request, model: type[R]) -> R | None:
    """The entry or hold that this key made before. Raises `IdempotencyConflict` if that was another request."""
    if asked.key is None:
        return None
    first = model._default_manager.using(tx.using).filter(account_id=book.id, idempotency_key=asked.key).first()
    if first is not None and first.fingerprint != asked.fingerprint:
        raise IdempotencyConflict(
            f"The idempotency key {asked.key!r} was used before, for another request ({first.reason!r})."
        )
    return first


def _open(
    tx: Tx, statement: Statement, where: dict[str, Any], owner: Owner | None, now: datetime | None = None
) -> Book | None:
    _take_write_lock(tx)
    rows = statement.all(tx.db, **where)
    return _opened(tx, rows[0], owner, now) if rows else None


def _take_write_lock(tx: Tx) -> None:
    """SQLite locks no rows. Without its write lock from the start, what is read might change before it is written."""
    connection = tx.db.connection
    if connection.vendor == "sqlite" and getattr(connection, "transaction_mode", None) not in IMMEDIATE:
        statements.touch.change(tx.db)


def _opened(tx: Tx, row: tuple[Any, ...], owner: Owner | None = None, now: datetime | None = None) -> Book:
    book = Book(row, tx.db, nested=tx.nested, owner=owner, now=now)
    if book.is_due:
        mature(book)
        find_next_expiry(book)
        book.available_matured = book.available
    return book


def _found(book: Book | None) -> Book:
    if book is None:
        raise CreditAccount.DoesNotExist("There is no such credit account, or it was made a moment ago: try again.")
    return book


def _is_contention(error: DatabaseError) -> bool:
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or next(iter(getattr(cause, "args", ())), None)
    return code in _CONTENTION
