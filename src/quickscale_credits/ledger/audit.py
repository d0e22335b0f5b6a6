"""What must hold in the rows of an account. Each check yields a finding: a stable code and a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from quickscale_credits.amounts import sum_to_micro
from quickscale_credits.fields import NEVER
from quickscale_credits.ledger.book import Kind, State, state_of
from quickscale_credits.ledger.pictures import PAGE, Picture, Row, Shares, entries, holds
from quickscale_credits.ledger.sealing import ENTRY, GRANT, HOLD, seal_of, seal_of_archive
from quickscale_credits.models import ArchivedEntries, CreditAccount, CreditGrant, Hold, LedgerEntry

Finding = tuple[str, str]
Amounts = dict[int, int]


def _amounts() -> Amounts:
    return defaultdict(int)


@dataclass
class Flows:
    """What the account's entries add up to, in micro-credits by grant or entry."""

    count: int = 0
    balance: int = 0
    debt: int = 0
    left: Amounts = field(default_factory=_amounts)
    expired: Amounts = field(default_factory=_amounts)
    revoked: Amounts = field(default_factory=_amounts)
    followed: Amounts = field(default_factory=_amounts)
    given_by: Amounts = field(default_factory=dict)


def findings(seen: Sequence[Picture], using: str) -> Iterator[tuple[CreditAccount, Finding]]:
    """Everything that is wrong with these accounts. A million entries need no more memory than their grants."""
    ids = [picture.account.pk for picture in seen]
    entries_of = _in_step(entries(ids, using))
    for picture in seen:
        for finding in _findings(picture, entries_of(picture.account.pk), using):
            yield picture.account, finding
    accounts = {picture.account.pk: picture.account for picture in seen}
    for hold in holds(ids, using):
        for finding in _hold(hold):
            yield accounts[hold.account_id], finding


def _in_step(rows: Iterator[Row]) -> Callable[[int], Iterator[Row]]:
    """A function to ask for the rows of one account after the other, in the order in which they come."""
    groups = groupby(rows, key=lambda row: row[0].account_id)
    waiting = next(groups, None)

    def of(account_id: int) -> Iterator[Row]:
        nonlocal waiting
        if waiting is not None and waiting[0] == account_id:
            yield from waiting[1]
            waiting = next(groups, None)

    return of


def _findings(picture: Picture, booked: Iterator[Row], using: str) -> Iterator[Finding]:
    account, flows = picture.account, Flows()
    for entry, shares in booked:
        if isinstance(entry, ArchivedEntries):
            yield from _archive(entry, flows)
        elif entry.sequence <= account.sequence:  # those after it were booked since the picture was taken
            yield from _entry(entry, shares, flows)
    yield from _origins(account, flows, using)
    held = _amounts()
    for hold in picture.open_holds:
        for grant_id, micro in _held(hold).items():
            held[grant_id] += micro
    for grant in picture.grants.values():
        yield from _grant(grant, flows, held[grant.pk])
    for pk in flows.left.keys() - picture.grants.keys():
        yield "grant-missing", f"entries name grant {pk}, which is not this account's"
    yield from _account(picture, flows)
    yield from _head(picture)
    yield from _next_expiry(picture)


def _entry(entry: LedgerEntry, shares: Shares, flows: Flows) -> Iterator[Finding]:
    flows.count += 1
    flows.balance += sum_to_micro(entry.amount)
    flows.debt += sum_to_micro(entry.debt)
    if entry.sequence != flows.count:
        yield "sequence", f"entry {entry.pk} has number {entry.sequence} instead of {flows.count}"
        flows.count = entry.sequence
    if sum_to_micro(entry.balance_after) != flows.balance:
        yield "balance-chain", f"after entry {entry.sequence} the balance is not {entry.balance_after}"
        flows.balance = sum_to_micro(entry.balance_after)
    if entry.seal != seal_of(entry, ENTRY):
        yield "entry-seal", f"entry {entry.sequence} is not as it was booked"
    if entry.debt < 0 or (entry.debt and entry.kind != Kind.REVOCATION):
        yield "debt", f"entry {entry.sequence} makes a debt of {entry.debt}"
    yield from _parts(entry, shares, flows)


def _archive(archive: ArchivedEntries, flows: Flows) -> Iterator[Finding]:
    """What is in a file counts as it is summed up: number and balance go on behind it."""
    sums, which = list(archive.sums.all()), f"the archive of entries {archive}"
    before, after = sum_to_micro(archive.balance_before), sum_to_micro(archive.balance_after)
    if archive.first_sequence != flows.count + 1:
        yield "sequence", f"{which} does not begin with {flows.count + 1}"
    if before != flows.balance:
        yield "balance-chain", f"before {which} the balance is not {archive.balance_before}"
    if sum(sum_to_micro(each.amount) for each in sums) != after - before:
        yield "archive-sums", f"the sums of {which} do not add up to it"
    if sum(each.entries for each in sums) != archive.last_sequence - archive.first_sequence + 1:
        yield "archive-sums", f"the sums of {which} are of other entries"
    if archive.seal != seal_of_archive(archive, sums):
        yield "archive-seal", f"{which} is not as it was written"
    flows.count, flows.balance = archive.last_sequence, after
    for each in sums:
        flows.left[each.grant_id] += sum_to_micro(each.amount)
        if each.kind == Kind.EXPIRY:
            flows.expired[each.grant_id] -= sum_to_micro(each.amount)


def _parts(entry: LedgerEntry, shares: Shares, flows: Flows) -> Iterator[Finding]:
    """Spread the entry over its grants."""
    amount = sum_to_micro(entry.amount)
    share = abs(amount) - sum_to_micro(entry.debt)
    parts = {grant_id: sum_to_micro(part) for grant_id, part in shares.items()}
    if not parts and entry.grant_id is not None:
        parts = {entry.grant_id: share}
    if sum(parts.values()) != share or (shares and entry.grant_id is not None):
        yield "allocations", f"the allocations of entry {entry.sequence} do not add up to it"
    for grant_id, micro in parts.items():
        flows.left[grant_id] += micro if amount > 0 else -micro
        flows.given_by.setdefault(grant_id, entry.pk)
        if entry.kind == Kind.EXPIRY:
            flows.expired[grant_id] += micro
    if entry.kind == Kind.REVOCATION and entry.grant_id is not None:
        flows.revoked[entry.grant_id] += abs(amount)
    if entry.origin_id is not None:
        flows.followed[entry.origin_id] += amount


def _origins(account: CreditAccount, flows: Flows, using: str) -> Iterator[Finding]:
    """Reversed is at most what was spent or revoked; a transfer arrives as it left."""
    followed = list(flows.followed)
    for start in range(0, len(followed), PAGE):
        origins = LedgerEntry.objects.using(using).in_bulk(followed[start : start + PAGE])
        for pk in followed[start : start + PAGE]:
            yield from _origin(account, origins.get(pk), pk, flows)


def _origin(account: CreditAccount, origin: LedgerEntry | None, pk: int, flows: Flows) -> Iterator[Finding]:
    amount = flows.followed[pk]
    if origin is None:
        yield "origin", f"the entry {pk} that another one follows is missing"
    elif origin.kind == Kind.TRANSFER_OUT:
        if origin.account_id == account.pk or amount != -sum_to_micro(origin.amount):
            yield "transfer", f"{amount} micro-credits arrived of the transfer out {pk}"
    elif origin.account_id != account.pk or origin.kind not in (Kind.SPEND, Kind.REVOCATION):
        yield "origin", f"entry {pk} cannot be reversed here"
    elif amount > -sum_to_micro(origin.amount):
        yield "reversed", f"more than entry {origin.sequence} was reversed"
    elif origin.kind == Kind.REVOCATION and origin.grant_id is not None:
        flows.revoked[origin.grant_id] -= amount


def _hold(hold: Hold) -> Iterator[Finding]:
    if sum(_held(hold).values()) != sum_to_micro(hold.amount):
        yield "hold-allocations", f"the allocations of hold {hold.pk} do not add up to it"
    if hold.seal != seal_of(hold, HOLD):
        yield "hold-seal", f"hold {hold.pk} is not as it was placed"
    entry = hold.entry
    if entry is not None and entry.account_id != hold.account_id:
        yield "hold-entry", f"the entry of hold {hold.pk} is another account's"
    if hold.captured != (0 if entry is None else -entry.amount):
        yield "hold-entry", f"the entry of hold {hold.pk} does not capture {hold.captured}"
    if (hold.status == Hold.Status.CAPTURED) != (entry is not None):
        yield "hold-status", f"hold {hold.pk} is {hold.status}, its entry says otherwise"


def _held(hold: Hold) -> Amounts:
    if hold.grant_id is not None:
        return {hold.grant_id: sum_to_micro(hold.amount)}
    return {row.grant_id: sum_to_micro(row.amount) for row in hold.allocations.all()}


def _grant(grant: CreditGrant, flows: Flows, held: int) -> Iterator[Finding]:
    kept = sum_to_micro(grant.remaining) + sum_to_micro(grant.held) + sum_to_micro(grant.debt_paid)
    if kept != flows.left[grant.pk]:
        yield "grant-remaining", f"grant {grant.pk} should have {flows.left[grant.pk]} micro-credits, not {kept}"
    if sum_to_micro(grant.held) != held:
        yield "grant-held", f"the open holds do not add up to what grant {grant.pk} holds, {grant.held}"
    if sum_to_micro(grant.expired) != flows.expired[grant.pk]:
        yield "grant-expired", f"of grant {grant.pk} not {grant.expired} have expired"
    if sum_to_micro(grant.revoked) != flows.revoked[grant.pk]:
        yield "grant-revoked", f"of grant {grant.pk} not {grant.revoked} were revoked"
    if grant.state != state_of(grant):
        yield "grant-state", f"grant {grant.pk} is {grant.get_state_display()} with {grant.remaining} free"
    if grant.entry_id != flows.given_by.get(grant.pk):
        yield "grant-entry", f"grant {grant.pk} was not given by entry {grant.entry_id}"
    if grant.seal != seal_of(grant, GRANT):
        yield "grant-seal", f"grant {grant.pk} is not as it was given"


def _account(picture: Picture, flows: Flows) -> Iterator[Finding]:
    account, grants = picture.account, picture.grants.values()
    free = sum(sum_to_micro(grant.remaining) for grant in grants)
    held = sum(sum_to_micro(grant.held) for grant in grants)
    paid = sum(sum_to_micro(grant.debt_paid) for grant in grants)
    debt = sum_to_micro(account.debt)
    if account.sequence != picture.last:
        yield "account-sequence", f"the last entry is {picture.last}, not {account.sequence}"
    if sum_to_micro(account.balance) != flows.balance:
        yield "account-balance", f"the balance is {account.balance}, the entries say otherwise"
    if flows.balance != free + held - debt:
        yield "account-grants", "what is left on the grants, less the debt, is not the balance"
    if sum_to_micro(account.held) != held:
        yield "account-held", f"the grants do not hold {account.held}"
    if debt != flows.debt - paid:
        yield "account-debt", f"the debt is not {account.debt}"
    if debt and free:
        yield "debt-beside-credits", "debt and free credits stand side by side"


def _head(picture: Picture) -> Iterator[Finding]:
    """The grant that pays next comes first of the open ones."""
    head = picture.account.head_grant_id
    if head is None:
        return
    grants = _open_grants(picture)
    first = min(grants, key=lambda grant: (grant.priority, grant.expires_at or NEVER, grant.pk), default=None)
    if first is None or first.pk != head:
        yield "head", f"grant {head} is not the one that pays next"


def _next_expiry(picture: Picture) -> Iterator[Finding]:
    noted = picture.account.next_expiry_at
    ends = [grant.expires_at or NEVER for grant in _open_grants(picture)]
    ends += [hold.expires_at or NEVER for hold in picture.open_holds]
    first = min(ends, default=NEVER)
    if (noted or NEVER) > first:
        yield "next-expiry", f"next_expiry_at is {noted}, but something ends at {first}"


def _open_grants(picture: Picture) -> list[CreditGrant]:
    return [grant for grant in picture.grants.values() if grant.state == State.OPEN]
