"""Recomputing every account from its rows, and telling what does not agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Sum

from quickscale_credits import triggers
from quickscale_credits.ledger import audit, pictures
from quickscale_credits.ledger.locking import Tx, database, lock_rows, transact
from quickscale_credits.models import ArchivedEntries, CreditAccount, CreditGrant, RedeemCode, Redemption


@dataclass(frozen=True)
class Problem:
    """`code` is stable. The account is None for what concerns the ledger as a whole."""

    account: CreditAccount | None
    code: str
    message: str

    def __str__(self) -> str:
        where = "ledger" if self.account is None else f"account {self.account.pk}"
        return f"{where}: {self.code}: {self.message}"


@dataclass(frozen=True)
class VerificationReport:
    problems: tuple[Problem, ...]
    accounts: int

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(accounts: Iterable[CreditAccount] | None = None) -> VerificationReport:
    """Check every invariant of these accounts, or of the whole ledger with its triggers and redeem codes.

    Reads without locks. What looks wrong is looked at once more, with the account locked while its state is read, so
    that verbs at work beside do not look like damage. Bounded memory; time grows with the number of rows.
    """
    problems = list(whole_ledger()) if accounts is None else []
    count = 0
    for _, found in verify_all() if accounts is None else verify_each(accounts):
        count += 1
        problems += found
    return VerificationReport(tuple(problems), count)


def verify_all(after: int = 0) -> Iterator[tuple[int, list[Problem]]]:
    """Each account's id with its problems, in ascending order from the one after this."""
    accounts = CreditAccount.objects.using(database()).order_by("pk").only("sequence")
    while page := list(accounts.filter(pk__gt=after)[: pictures.PAGE]):
        yield from verify_each(page)
        after = page[-1].pk


def verify_each(accounts: Iterable[CreditAccount]) -> Iterator[tuple[int, list[Problem]]]:
    using = database()
    for ids in pictures.batches(accounts):
        suspects = {account.pk for account, _ in audit.findings(pictures.take(ids, using), using)}
        for pk in ids:
            yield pk, _confirmed(pk) if pk in suspects else []


def _confirmed(pk: int) -> list[Problem]:
    """Once more where entries were archived meanwhile: nothing else takes any away."""
    archives = ArchivedEntries.objects.using(database()).filter(account_id=pk)
    while True:
        before = archives.count()
        problems = _looked_at_again(pk)
        if archives.count() == before:
            return problems


def _looked_at_again(pk: int) -> list[Problem]:
    def work(tx: Tx) -> list[pictures.Picture]:
        lock_rows(tx, [pk])
        return pictures.take([pk], tx.using)

    seen = transact(work)
    return [Problem(account, *finding) for account, finding in audit.findings(seen, database())]


def whole_ledger() -> Iterator[Problem]:
    """What concerns no single account."""
    using = database()
    for name in triggers.missing(using):
        yield Problem(None, "trigger", f"the trigger {name} is missing; run migrate")
    accounts = CreditAccount.objects.filter(pk=OuterRef("account"))
    for pk in CreditGrant.objects.using(using).exclude(Exists(accounts)).values_list("pk", flat=True):
        yield Problem(None, "account-missing", f"grant {pk} belongs to an account that is gone")
    codes = RedeemCode.objects.using(using).annotate(given=Sum("redemptions__entry__amount", default=0))
    for code in codes.exclude(redeemed=F("given")):
        yield Problem(None, "redeem-code", f"code {code.pk} has not given {code.redeemed}")
    for redemption in Redemption.objects.using(using).exclude(account=F("entry__account")):
        yield Problem(None, "redemption", f"redemption {redemption.pk} is not of the account that got the credits")
