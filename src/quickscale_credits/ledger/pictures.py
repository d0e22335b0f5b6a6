"""Reading many accounts at once: how they stood at one moment, and the entries that led there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge

from django.db.models import OuterRef, Q, QuerySet, Subquery

from quickscale_credits.models import Allocation, ArchivedEntries, CreditAccount, CreditGrant, Hold, LedgerEntry

PAGE = 2000

Shares = dict[int, Decimal]
Booked = tuple[LedgerEntry, Shares]
Row = tuple[LedgerEntry | ArchivedEntries, Shares]


@dataclass
class Picture:
    """An account, its grants and open holds. `last` is the number of its last entry, whatever the account says."""

    account: CreditAccount
    last: int
    grants: dict[int, CreditGrant] = field(default_factory=dict)
    open_holds: list[Hold] = field(default_factory=list)


def batches(accounts: Iterable[CreditAccount]) -> Iterator[list[int]]:
    """Ids of so many accounts that a page holds all their entries; a larger account is a batch by itself."""
    batch: list[int] = []
    count = 0
    for pk, account in sorted({account.pk: account for account in accounts}.items()):
        if batch and count + account.sequence > PAGE:
            yield batch
            batch, count = [], 0
        batch.append(pk)
        count += account.sequence
    if batch:
        yield batch


def take(ids: Sequence[int], using: str) -> list[Picture]:
    """In the order of the ids. All of one moment only while these accounts are locked."""
    last = LedgerEntry.objects.filter(account=OuterRef("pk")).order_by("-sequence").values("sequence")[:1]
    accounts = CreditAccount.objects.using(using).filter(pk__in=ids).order_by("pk").annotate(last=Subquery(last))
    found = {account.pk: Picture(account, vars(account)["last"] or 0) for account in accounts}
    for grant in CreditGrant.objects.using(using).filter(account_id__in=ids):
        found[grant.account_id].grants[grant.pk] = grant
    for hold in _holds(ids, using).filter(status=Hold.Status.OPEN):
        found[hold.account_id].open_holds.append(hold)
    return list(found.values())


def entries(ids: Sequence[int], using: str) -> Iterator[Row]:
    """By account and sequence; what stands for archived entries stands in their place."""
    yield from merge(_entries(ids, using), _archives(ids, using), key=lambda row: (row[0].account_id, row[0].sequence))


def _archives(ids: Sequence[int], using: str) -> Iterator[Row]:
    rows = ArchivedEntries.objects.using(using).prefetch_related("sums").order_by("account_id", "first_sequence")
    page = list(rows.filter(account_id__in=ids)[:PAGE])
    while page:
        yield from ((archive, {}) for archive in page)
        last = page[-1]
        rest = Q(account_id__in=[pk for pk in ids if pk > last.account_id])
        page = list(rows.filter(rest | Q(account_id=last.account_id, first_sequence__gt=last.first_sequence))[:PAGE])


def _entries(ids: Sequence[int], using: str) -> Iterator[Row]:
    """A page at a time: MySQL's drivers fetch all of a query, and an open cursor would keep writers out of SQLite."""
    rows = LedgerEntry.objects.using(using).order_by("account_id", "sequence")
    page = list(rows.filter(account_id__in=ids)[:PAGE])
    while page:
        yield from with_shares(page, using)
        last = page[-1]
        rest = Q(account_id__in=[pk for pk in ids if pk > last.account_id])
        page = list(rows.filter(rest | Q(account_id=last.account_id, sequence__gt=last.sequence))[:PAGE])


def holds(ids: Sequence[int], using: str) -> Iterator[Hold]:
    """All that these accounts ever had, with their allocations and entries."""
    rows = _holds(ids, using).select_related("entry").order_by("pk")
    page = list(rows[:PAGE])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1].pk)[:PAGE])


def _holds(ids: Sequence[int], using: str) -> QuerySet[Hold]:
    return Hold.objects.using(using).filter(account_id__in=ids).prefetch_related("allocations")


def with_shares(page: Sequence[LedgerEntry], using: str) -> Iterator[Booked]:
    """Each entry with what its grants gave or got, by grant, where several did."""
    shares: dict[int, Shares] = defaultdict(dict)
    rows = Allocation.objects.using(using).filter(entry_id__in=[entry.pk for entry in page])
    for entry_id, grant_id, amount in rows.order_by("id").values_list("entry_id", "grant_id", "amount"):
        shares[entry_id][grant_id] = amount
    for entry in page:
        yield entry, shares.get(entry.pk, {})
