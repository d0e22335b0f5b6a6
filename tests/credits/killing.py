"""A verb in a process of its own that kills itself, with SIGKILL, at a chosen moment among its statements.

One process has Django set up and forks for each deed: starting Python anew for each would take a hundred times as long.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from subprocess import Popen
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditGrant, Hold, LedgerEntry
from quickscale_credits.testing import fund

KEY = {"idempotency_key": "order-1"}
LATER = timedelta(days=2)


@dataclass(frozen=True)
class Scene:
    """What the deed finds: 17 credits on two grants, 4 of them held, and somebody who has no account yet."""

    user: int
    other: int
    grant: int
    spend: int
    hold: int

    @classmethod
    def set(cls, name: str) -> "Scene":
        users = get_user_model().objects
        user, other = users.create_user(name), users.create_user(f"{name}-other")
        grant = fund(user, 10, expires_at=timezone.now() + timedelta(days=1)).grant
        fund(user, 10)
        spend = ledger.spend(user, 3, reason="page")
        hold = ledger.hold(user, 4, reason="work", expires_in=LATER)
        return cls(user=user.pk, other=other.pk, grant=grant.pk, spend=spend.pk, hold=hold.pk)

    def owner(self) -> Any:
        return get_user_model().objects.get(pk=self.user)

    def somebody(self) -> Any:
        return get_user_model().objects.get(pk=self.other)

    def standing(self) -> list[Any]:
        """All that the deed may change, as of later, when the first grant has expired."""
        holds = Hold.objects.filter(account__owner=self.user).order_by("pk")
        return [
            [(balance.total, balance.held) for balance in map(ledger.balance, (self.owner(), self.somebody()))],
            list(LedgerEntry.objects.filter(account__owner__in=[self.user, self.other]).values_list("kind", "amount")),
            # A freeze has no key: made again, it holds nothing more.
            list(holds.filter(amount__gt=0).values_list("status", "amount", "captured")),
        ]


DEEDS: dict[str, Callable[[Scene], Any]] = {
    "grant": lambda scene: ledger.grant(scene.owner(), 5, **KEY),
    "first grant": lambda scene: ledger.grant(scene.somebody(), 5, **KEY),
    "spend": lambda scene: ledger.spend(scene.owner(), 1, reason="page", **KEY),
    "spend from two grants": lambda scene: ledger.spend(scene.owner(), 9, reason="page", **KEY),
    "hold": lambda scene: ledger.hold(scene.owner(), 9, reason="work", **KEY),
    "capture": lambda scene: ledger.capture(Hold.objects.get(pk=scene.hold), 3),
    "release": lambda scene: ledger.release(Hold.objects.get(pk=scene.hold)),
    "expire": lambda scene: ledger.expire(now=timezone.now() + timedelta(days=1, hours=1)),
    "reverse": lambda scene: ledger.reverse(LedgerEntry.objects.get(pk=scene.spend), reason="refund", **KEY),
    "revoke": lambda scene: ledger.revoke(CreditGrant.objects.get(pk=scene.grant), reason="refund", **KEY),
    "freeze": lambda scene: ledger.freeze(CreditGrant.objects.get(pk=scene.grant), reason="dispute"),
    "adjust": lambda scene: ledger.adjust(scene.owner(), -9, reason="mistake", **KEY),
    "transfer": lambda scene: ledger.transfer(scene.owner(), scene.somebody(), 9, reason="gift", **KEY),
    "batch": lambda scene: ledger.spend_many(
        [ledger.Charge(scene.owner(), amount, "page", idempotency_key=f"order-{amount}") for amount in (2, 7)]
    ),
}


class Killer:
    """The process that forks."""

    def __init__(self, process: "Popen[str]") -> None:
        self.process = process

    def kill(self, deed: str, scene: Any, moment: int) -> bool:
        """Whether it was killed; not where it was done before that moment came."""
        return self.ask(deed, scene, moment) == -signal.SIGKILL

    def moments(self, deed: str, scene: Any) -> int:
        """How many moments there are before and after each statement and each commit; the deed is done."""
        return self.ask(deed, scene, 0)

    def ask(self, deed: str, scene: Any, moment: int) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"deed": deed, "scene": asdict(scene), "moment": moment}), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(self.process.communicate()[1])
        return int(answer)


def serve(do: Callable[..., None] | None = None) -> None:
    """Read what to do line by line, fork for it, and tell how the fork ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            (do or do_with_ledger)(**json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def do_with_ledger(deed: str, scene: dict[str, int], moment: int) -> None:
    """Exits with the number of moments there were."""
    fuse = Fuse(moment)
    connection.ensure_connection()
    connection._commit = fuse.around(connection._commit)
    with connection.execute_wrapper(lambda execute, *arguments: fuse.around(execute)(*arguments)):
        DEEDS[deed](Scene(**scene))
    os._exit(fuse.moments)


class Fuse:
    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.moments = 0

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*arguments: Any) -> Any:
            self.burn()
            result = act(*arguments)
            self.burn()
            return result

        return acted

    def burn(self) -> None:
        self.moments += 1
        if self.moments == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)
