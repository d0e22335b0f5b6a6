"""What `execute` is told about its run, and what it may say about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import starmap
from typing import TYPE_CHECKING, Any, Protocol

from asgiref.sync import sync_to_async
from django.utils import timezone
from django.utils.translation import gettext as _

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.exceptions import CaptureExceedsHold, InvalidAmount
from quickscale_credits.ledger.joining import checked_text
from quickscale_services import background_records
from quickscale_services.exceptions import RunCanceled, ServiceTimeout
from quickscale_services.pricing.quantities import as_json, quantity
from quickscale_services.pricing.quoting import Quote, require_known

if TYPE_CHECKING:
    from quickscale_services.exceptions import Message
    from quickscale_services.models import ServiceRun

LONGEST_NOTE = 200


class Listener(Protocol):
    """Hears of a run while it is at work, in the thread in which that is."""

    def progress(self, fraction: float, note: str) -> None: ...
    def piece(self, piece: Any) -> None: ...


@dataclass(kw_only=True)
class Context:
    """`owner` pays and `actor` asked (None for nobody); a result after `deadline` is thrown away."""

    owner: Any
    actor: Any
    run: ServiceRun
    deadline: datetime
    quote: Quote
    listener: Listener | None = None
    charged: Decimal | None = field(default=None, init=False)
    recorded: dict[str, Decimal] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._provided_before = self.run.provider_cost or Decimal(0)

    @property
    def held(self) -> Decimal:
        return self.quote.held

    @property
    def cost(self) -> Decimal:
        """What the run costs if it succeeds now."""
        return self.held if self.stated_cost is None else self.stated_cost

    @property
    def stated_cost(self) -> Decimal | None:
        """What was charged, else the price of what was recorded; None for neither."""
        if self.charged is None and self.recorded and self.quote.tariff.rates:
            return self.quote.tariff.cost(self.recorded)
        return self.charged

    def check(self) -> None:
        """Raises `ServiceTimeout` past the deadline, and `RunCanceled`; call it between the steps of long work.

        Only a run in the background can be canceled: then this asks the database. In an event loop, where that
        is not possible, `await acheck()` does.
        """
        self._require_time()
        if self.run.in_background and not _is_in_event_loop():
            self._require_under_way(is_under_way=background_records.is_under_way(self.run))

    async def acheck(self) -> None:
        await sync_to_async(self.check)()

    def progress(self, fraction: float, note: Message = "") -> None:
        """How far the work is, from 0 to 1, for those who look at the run. Raises as `check` does."""
        self._require_time()
        fraction, note = round(max(0.0, min(1.0, fraction)), 2), _storable(note)
        changes = {"progress": fraction, "progress_note": note}
        if any(getattr(self.run, name) != value for name, value in changes.items()):
            self._require_under_way(is_under_way=background_records.note_progress(self.run, **changes))
            if self.listener:
                self.listener.progress(fraction, note)

    async def aprogress(self, fraction: float, note: Message = "") -> None:
        await sync_to_async(self.progress)(fraction, note)

    def _require_time(self) -> None:
        if timezone.now() > self.deadline:
            raise ServiceTimeout(_("There was no result in time; nothing was charged."), self.run)

    def _require_under_way(self, *, is_under_way: bool) -> None:
        if not is_under_way:
            raise RunCanceled(_("This run was canceled; nothing was charged."), self.run)

    def charge(self, amount: int | Decimal | str) -> None:
        """What the run costs if it succeeds, whatever is recorded; the last call wins, and 0 makes it free.

        Raises `CaptureExceedsHold` above what is held, which is what `get_cost` said.
        """
        charged = from_micro(to_micro(amount))
        if self.quote.is_final:
            return
        if charged < 0:
            raise InvalidAmount(f"A charge is 0 or more, not {charged}.")
        if charged > self.held:
            raise CaptureExceedsHold(
                f"{charged} credits cannot be charged: {self.held} are held. get_cost must say the most a run may cost."
            )
        self.charged = charged

    def record(self, /, **used: int | Decimal | str) -> None:
        """What the run has used so far: `record(pages=3)`. Of each unit the last number counts.

        Unless something is charged, the run costs what was recorded, and a unit that was not counts as 0.
        Raises `UnknownUnit`, and `CaptureExceedsHold` where it costs more than `estimate_units` has said.
        """
        if self.quote.units:
            require_known(used, self.quote.units)
        recorded = self.recorded | dict(starmap(_used, used.items()))
        cost = self.quote.tariff.cost(recorded)
        if self.charged is None and cost > self.held:
            raise CaptureExceedsHold(
                f"{_listed(recorded)} cost {cost} credits: {self.held} are held. "
                "estimate_units must say the most that may be used."
            )
        self.recorded = recorded
        self.run.units = {name: as_json(number) for name, number in recorded.items()}

    def record_provider_cost(self, amount: int | Decimal | str) -> None:
        """What this run has cost whoever offers the service, in the currency of `CREDIT_VALUE`: for the margin.

        In major units, with six places at most: `"0.0031"`. The last call counts, whether the run succeeds or not; what
        earlier attempts have cost is added.
        """
        cost = from_micro(to_micro(amount))
        if cost < 0:
            raise InvalidAmount(f"A provider cost is 0 or more, not {cost}.")
        self.run.provider_cost = self._provided_before + cost


def _used(unit: str, number: int | Decimal | str) -> tuple[str, Decimal]:
    return checked_text("unit", unit), quantity(number, f"What was used of {unit}")


def _listed(recorded: dict[str, Decimal]) -> str:
    return ", ".join(f"{as_json(number)} {name}" for name, number in recorded.items())


def _storable(note: Message) -> str:
    return str(note).replace("\x00", "").encode(errors="replace").decode()[:LONGEST_NOTE]


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
