"""Paid periods: which terms hold when, what a window of them is worth, and how one ends before its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, Protocol

from quickscale_billing.conf import conf
from quickscale_billing.models import PaidSegment, PlanSubscription, Refill
from quickscale_billing.windows import Window, windows
from quickscale_credits.amounts import from_micro, to_micro

MICROSECOND: Final = timedelta(microseconds=1)


class Stretch(Protocol):
    """A window of time, whether a refill was made for it or not."""

    @property
    def starts_at(self) -> datetime: ...

    @property
    def ends_at(self) -> datetime: ...


@dataclass(frozen=True)
class Period:
    """A segment that Stripe billed and the upgrades in its midst, in their order."""

    segments: list[PaidSegment]

    @classmethod
    def of(cls, billed: PaidSegment) -> Period:
        upgrades = PaidSegment.objects.filter(period=billed).order_by("starts_at", "pk")
        return cls([billed, *upgrades])

    @property
    def billed(self) -> PaidSegment:
        return self.segments[0]

    @property
    def last(self) -> PaidSegment:
        return self.segments[-1]

    @property
    def lasts_until(self) -> datetime:
        return self.last.lasts_until

    def terms_at(self, moment: datetime) -> PaidSegment:
        begun = [segment for segment in self.segments if segment.starts_at <= moment]
        return begun[-1] if begun else self.billed

    def terms_of(self, stretch: Stretch) -> PaidSegment:
        """The terms that the window ends with."""
        return self.terms_at(stretch.ends_at - MICROSECOND)

    def windows(self) -> Iterator[Window]:
        billed = self.billed
        return windows(billed.anchor, billed.refill_every, billed.starts_at, billed.ends_at)

    def worth(self, stretch: Stretch, full_length: timedelta) -> Decimal:
        """The credits for this window by the time of it that is paid, rounded down at the sixth place."""
        microseconds = sum(weight for _, weight in self.weights(stretch))
        return from_micro(int(Fraction(microseconds, full_length // MICROSECOND)))

    def weights(self, stretch: Stretch) -> list[tuple[PaidSegment, int]]:
        """What each segment adds to the worth of a window: micro-credits of its terms times microseconds."""
        paid = [(each, share // MICROSECOND) for each in self.segments if (share := _share(each, stretch))]
        if conf.PLAN_CHANGE_CREDITS == "full":
            best = max((to_micro(each.credits) for each, _ in paid), default=0)
            return [(each, best * length) for each, length in paid]
        return [(each, to_micro(each.credits) * length) for each, length in paid]

    def close(self, at: datetime, *, credited_back: bool) -> None:
        """End what is left of it: by what took its place, or because the subscription ended."""
        for segment in self.segments:
            if segment.lasts_until > at:
                segment.close(at, credited_back=credited_back)
        if self.billed.next_refill_at is not None and self.billed.next_refill_at >= at:
            self.billed.next_refill_at = None
            self.billed.save(update_fields=["next_refill_at"])


def period_at(subscription: PlanSubscription, moment: datetime) -> Period | None:
    """The one that is paid at this moment; of several, the one that began last."""
    for period in reversed(periods_after(subscription, moment)):
        if period.billed.starts_at <= moment:
            return period
    return None


def periods_after(subscription: PlanSubscription, moment: datetime) -> list[Period]:
    """Those that end after this moment, in the order of their beginning."""
    billed = subscription.segments.filter(period=None, ends_at__gt=moment)
    periods = [Period.of(each) for each in billed.order_by("starts_at", "pk")]
    return [period for period in periods if period.lasts_until > moment]


def refills_after(period: Period, moment: datetime) -> list[Refill]:
    """What was given for windows that end after this moment."""
    return list(period.billed.refills.filter(ends_at__gt=moment, state=Refill.State.GRANTED).order_by("starts_at"))


def _share(segment: PaidSegment, stretch: Stretch) -> timedelta:
    """How much of the window the segment pays for. What ended without its money back stays paid for."""
    ends_at = segment.lasts_until if segment.is_credited_back else segment.ends_at
    return max(timedelta(0), min(ends_at, stretch.ends_at) - max(segment.starts_at, stretch.starts_at))
