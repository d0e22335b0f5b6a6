"""What workers do to the same two accounts at once, and what must be so when they are done."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import CreditAccount, CreditGrant, Hold, LedgerEntry
from quickscale_credits.testing import fund
from quickscale_services import BaseService
from quickscale_services.exceptions import ServicesError
from tests.soak.switching import call_provider

KEYS = 4


class Provided(BaseService):
    """Works at a provider, which takes its time."""

    name, cost = "provided", 2

    class Input(BaseModel):
        key: str

    def execute(self, data: Any, context: Any) -> str:
        call_provider("provider")
        return str(data.key)


@dataclass(kw_only=True)
class Scene:
    """Two owners, with grants, open holds and spends that all workers reach for."""

    owners: list[Any]
    grants: list[int]
    holds: list[int]
    spends: list[int]
    before: set[int] = field(default_factory=set)
    acknowledged: list[tuple[str, Any]] = field(default_factory=list)

    @classmethod
    def set(cls, name: str) -> "Scene":
        users = get_user_model().objects
        owners = [users.create_user(f"{name}-{number}") for number in range(2)]
        grants = [fund(owner, amount).grant.pk for owner in owners for amount in (6, 9)]
        spends = [ledger.spend(owner, 3, reason="page").pk for owner in owners]
        holds = [ledger.hold(owner, 4, reason="work").pk for owner in owners]
        scene = cls(owners=owners, grants=grants, holds=holds, spends=spends)
        scene.before = set(scene.entries())
        return scene

    def entries(self) -> dict[int, LedgerEntry]:
        return LedgerEntry.objects.filter(account__owner__in=self.owners).in_bulk()


Deed = Callable[[Scene, int], Any]


def owner_of(scene: Scene, number: int) -> Any:
    return scene.owners[number % 2]


def run(scene: Scene, number: int) -> Any:
    result = Provided().run(owner_of(scene, number), key=str(number), idempotency_key=f"run-{number}")
    return result.run.entry


# Each with a number from 0 to KEYS - 1, which says everything about it: two of one number are the same request.
DEEDS: dict[str, Deed] = {
    "grant": lambda scene, n: ledger.grant(owner_of(scene, n), n + 1, idempotency_key=f"grant-{n}"),
    "spend": lambda scene, n: ledger.spend(owner_of(scene, n), n + 1, reason="page", idempotency_key=f"spend-{n}"),
    "spend all": lambda scene, n: ledger.spend(owner_of(scene, n), 7, reason="page", idempotency_key=f"all-{n}"),
    "hold": lambda scene, n: ledger.capture(
        ledger.hold(owner_of(scene, n), 2, reason="work", idempotency_key=f"hold-{n}"), 1
    ),
    "capture": lambda scene, n: ledger.capture(Hold.objects.get(pk=scene.holds[n % 2]), 2),
    "release": lambda scene, n: ledger.release(Hold.objects.get(pk=scene.holds[n % 2])) and None,
    "transfer": lambda scene, n: ledger.transfer(
        owner_of(scene, n), owner_of(scene, n + 1), 2, reason="gift", idempotency_key=f"transfer-{n}"
    ),
    "batch": lambda scene, n: ledger.spend_many(
        [
            ledger.Charge(owner_of(scene, n + other), 1, "page", idempotency_key=f"batch-{n}-{other}")
            for other in range(2)
        ]
    ),
    "reverse": lambda scene, n: ledger.reverse(
        LedgerEntry.objects.get(pk=scene.spends[n % 2]), 1, reason="refund", idempotency_key=f"reverse-{n}"
    ),
    "revoke": lambda scene, n: ledger.revoke(
        CreditGrant.objects.get(pk=scene.grants[n]), reason="refund", idempotency_key=f"revoke-{n}"
    ),
    "adjust": lambda scene, n: ledger.adjust(owner_of(scene, n), -1, reason="mistake", idempotency_key=f"adjust-{n}"),
    "run": run,
}


def worker(scene: Scene, chance: random.Random, length: int) -> Callable[[], None]:
    plan = [(chance.choice(list(DEEDS)), chance.randrange(KEYS)) for _ in range(length)]

    def work() -> None:
        for verb, number in plan:
            try:
                scene.acknowledged.append((f"{verb} {number}", DEEDS[verb](scene, number)))
            except (CreditsError, ServicesError):
                continue

    return work


def assert_nothing_lost_or_doubled(scene: Scene) -> None:
    """The entries that there are, are those that were acknowledged, each request's once."""
    report = ledger.verify(CreditAccount.objects.filter(owner__in=scene.owners))
    assert report.ok, report.problems
    there = {pk: entry for pk, entry in scene.entries().items() if pk not in scene.before}
    by_request: dict[str, set[int]] = {}
    for request, answer in scene.acknowledged:
        entries = [answer] if isinstance(answer, LedgerEntry) else answer or []
        by_request.setdefault(request, set()).update(entry.pk for entry in entries)
    told = set().union(*by_request.values())
    arrived = {pk for pk, entry in there.items() if entry.origin_id in told and entry.kind == "transfer_in"}
    assert told - set(there) == set(), "acknowledged and lost"
    assert set(there) - told - arrived == set(), "booked, and nobody was told"
    sizes = {"batch": 2, "transfer": 2}
    assert {request: pks for request, pks in by_request.items() if len(pks) > sizes.get(request.split()[0], 1)} == {}
