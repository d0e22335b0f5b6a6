"""What a service is: a class with a price, an `Input`, an `Output` and `execute`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import sync_to_async
from pydantic import BaseModel

from quickscale_services import schemas

if TYPE_CHECKING:
    from django.db.models import Model

    from quickscale_services.context import Context
    from quickscale_services.exceptions import Message
    from quickscale_services.models import ServiceRun
    from quickscale_services.pricing import Amount, Price


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceResult:
    """`output` is an `Output`; where a service has none, what `execute` gave, as JSON says it.

    For a replay whose output is no longer kept, it is None. `replayed` says whether it is one.
    """

    output: Any
    cost: Decimal
    run: ServiceRun
    replayed: bool = field(default=False, compare=False)


class BaseService:
    """Subclass it in an app's `services.py`, below `@register_service`.

    One object serves every run and thread: keep nothing about a run on `self`.
    """

    name: ClassVar[str] = ""
    title: ClassVar[Message] = ""
    description: ClassVar[Message] = ""
    cost: ClassVar[Amount | Price] = 0
    timeout: ClassVar[int | float | timedelta] = 60
    keep_payloads: ClassVar[bool] = False
    stream: ClassVar[bool] = False
    charge_partial: ClassVar[bool] = False
    in_background: ClassVar[bool] = False  # whether its page hands it to a worker
    queue: ClassVar[str] = ""
    queue_timeout: ClassVar[int | float | timedelta] = timedelta(hours=1)
    retries: ClassVar[int] = 0
    retry_on: ClassVar[tuple[type[Exception], ...]] = (Exception,)
    retry_delay: ClassVar[int | float | timedelta] = 10
    result_template: ClassVar[str] = "quickscale_services/_output.html"

    Input: ClassVar[type[BaseModel]] = schemas.NoInput
    Output: ClassVar[type[BaseModel] | None] = None  # of a stream: what each piece is

    def get_cost(self, data: Any) -> Decimal:
        """The most that a run on this `Input` may cost. So much is held; it may be charged less in the end."""
        from quickscale_services.pricing import quoting

        return quoting.most(self, data, quoting.tariff_of(self, data))

    def estimate_units(self, data: Any) -> Mapping[str, Amount]:
        """The most that a run on this `Input` may use of each unit of `cost`. So much is held."""
        raise NotImplementedError(f"{type(self).__name__} needs an estimate_units(self, data), as its cost has units.")

    def allows(self, owner: Model | None, actor: Model | None) -> bool:
        """Whether they may run it: the place to ask for a plan or a role. False raises `ServiceForbidden`."""
        return True

    def execute(self, data: Any, context: Context) -> Any:
        """The work, outside any transaction. Whatever it raises, nothing is charged. It may be an `async def`.

        With `stream = True` it yields pieces: text, or what JSON can say. Should it fail after the first, and the
        service says `charge_partial = True`, what `context` was told to charge until then is charged.
        """
        raise NotImplementedError(f"{type(self).__name__} needs an execute(self, data, context).")

    def estimate(self, /, **input: Any) -> Decimal:  # noqa: A002 - the word of Input
        """The most that a run may cost. Raises `InvalidInput`."""
        from quickscale_services import runner

        return runner.estimate(self, input)

    def run(
        self,
        /,
        owner: Any,
        *,
        actor: Any = None,
        idempotency_key: str | None = None,
        **input: Any,  # noqa: A002 - the word of Input
    ) -> ServiceResult:
        """Validates, holds, executes, captures and records: one charge on success, none on failure.

        The same key with the same input answers the first run again and executes nothing; as a failed run
        frees its key, a retry with it is safe after any error. Raises `InvalidInput`, `ServiceDisabled`,
        `ServiceForbidden`, `InsufficientCredits`, `SpendingLimitExceeded`, `IdempotencyConflict` and
        `RunInProgress` before `execute` is called, `ServiceFailed`, `ServiceTimeout` and
        `CaptureExceedsHold` after it; inside an open transaction a `RuntimeError`.
        """
        from quickscale_services import runner

        return runner.run(self, owner, input, actor=actor, idempotency_key=idempotency_key)

    async def arun(
        self,
        /,
        owner: Any,
        *,
        actor: Any = None,
        idempotency_key: str | None = None,
        **input: Any,  # noqa: A002 - the word of Input
    ) -> ServiceResult:
        """`run` for asynchronous callers. Canceling it while `execute` waits is a failure: nothing is charged."""
        from quickscale_services import asynchronous

        return await asynchronous.run(self, owner, input, actor=actor, idempotency_key=idempotency_key)

    def enqueue(
        self,
        /,
        owner: Any,
        *,
        actor: Any = None,
        idempotency_key: str | None = None,
        **input: Any,  # noqa: A002 - the word of Input
    ) -> ServiceRun:
        """Validates and holds like `run`, and leaves the rest to a worker: the run is `queued`.

        Inside a transaction it is handed to the queue at the commit, and gone with a rollback. The same key with
        the same input gives the same run again. Raises what `run` raises before `execute` is called, and
        `QueueUnavailable` if the queue does not take it, or `ImproperlyConfigured` if there is none.
        """
        from quickscale_services import queueing

        asked = queueing.enqueue(self, owner, input, actor=actor, idempotency_key=idempotency_key)
        return asked.run

    async def aenqueue(
        self,
        /,
        owner: Any,
        *,
        actor: Any = None,
        idempotency_key: str | None = None,
        **input: Any,  # noqa: A002 - the word of Input
    ) -> ServiceRun:
        """`enqueue` for asynchronous callers. If it is canceled, the run may have been enqueued nevertheless."""
        work = partial(self.enqueue, owner, actor=actor, idempotency_key=idempotency_key, **input)
        return await sync_to_async(work)()

    @property
    def time_limit(self) -> timedelta:
        return _time(self.timeout)

    @property
    def queue_time_limit(self) -> timedelta:
        return _time(self.queue_timeout)

    def delay_before(self, attempt: int) -> timedelta:
        """How long to wait before an attempt, of which the first is 1: each time twice as long."""
        return _time(self.retry_delay) * 2 ** (attempt - 2) if attempt > 1 else timedelta(0)

    @property
    def price_label(self) -> str:
        """The price as people read it, with what an administrator has set."""
        from quickscale_services import switches
        from quickscale_services.pricing import labels

        return labels.price_label(self, switches.switch_of(self.name))

    def __str__(self) -> str:
        return str(self.title or self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _time(given: float | timedelta) -> timedelta:
    return given if isinstance(given, timedelta) else timedelta(seconds=given)
