"""What a service is: a class with a price, an `Input`, an `Output` and `execute`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_services import schemas

if TYPE_CHECKING:
    from django.db.models import Model

    from quickscale_services.context import Context
    from quickscale_services.exceptions import Message
    from quickscale_services.models import ServiceRun


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
    cost: ClassVar[int | Decimal | str] = 0
    timeout: ClassVar[int | float | timedelta] = 60
    keep_payloads: ClassVar[bool] = False
    stream: ClassVar[bool] = False
    charge_partial: ClassVar[bool] = False
    result_template: ClassVar[str] = "quickscale_services/_output.html"

    Input: ClassVar[type[BaseModel]] = schemas.NoInput
    Output: ClassVar[type[BaseModel] | None] = None  # of a stream: what each piece is

    def get_cost(self, data: Any) -> Decimal:
        """The most that a run on this `Input` may cost. So much is held; `context.charge` may take less."""
        return from_micro(to_micro(self.cost))

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

    @property
    def time_limit(self) -> timedelta:
        return self.timeout if isinstance(self.timeout, timedelta) else timedelta(seconds=self.timeout)

    @property
    def price_label(self) -> str:
        """The price as people read it, with what an administrator has set."""
        from quickscale_services import price_labels, switches

        return price_labels.price_label(self, switches.switch_of(self.name))

    def __str__(self) -> str:
        return str(self.title or self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
