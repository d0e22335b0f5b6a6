"""What `execute` is told about its run, and what it may say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.exceptions import CaptureExceedsHold, InvalidAmount
from quickscale_services.exceptions import ServiceTimeout

if TYPE_CHECKING:
    from quickscale_services.models import ServiceRun


@dataclass(kw_only=True)
class Context:
    """`owner` pays and `actor` asked (None for nobody); a result after `deadline` is thrown away."""

    owner: Any
    actor: Any
    run: ServiceRun
    deadline: datetime
    held: Decimal
    charged: Decimal | None = field(default=None, init=False)

    @property
    def cost(self) -> Decimal:
        """What the run costs if it succeeds now."""
        return self.held if self.charged is None else self.charged

    def check(self) -> None:
        """Raises `ServiceTimeout` past the deadline; call it between the steps of long work."""
        if timezone.now() > self.deadline:
            raise ServiceTimeout(_("There was no result in time; nothing was charged."), self.run)

    def charge(self, amount: int | Decimal | str) -> None:
        """What the run costs if it succeeds; the last call wins, and 0 makes it free.

        Raises `CaptureExceedsHold` above what is held, which is what `get_cost` said.
        """
        charged = from_micro(to_micro(amount))
        if charged < 0:
            raise InvalidAmount(f"A charge is 0 or more, not {charged}.")
        if charged > self.held:
            raise CaptureExceedsHold(
                f"{charged} credits cannot be charged: {self.held} are held. get_cost must say the most a run may cost."
            )
        self.charged = charged


class FixedCharge(Context):
    """For a service whose cost an administrator has set: whatever it charges, that cost stands."""

    def charge(self, amount: int | Decimal | str) -> None:
        to_micro(amount)
