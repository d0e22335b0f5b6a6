"""Which credits came and went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import reading
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.reading import Flow
from quickscale_credits.analytics.shapes import Figure, Series, Unit, percent
from quickscale_credits.models import CreditType, LedgerEntry

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = LedgerEntry.Kind
GRANTED = _("Granted")
GONE = _("Spent, expired, revoked")
TYPES = {
    CreditType.SUBSCRIPTION: _("Granted: subscription"),
    CreditType.PROMOTIONAL: _("Granted: promotional"),
    CreditType.PAY_AS_YOU_GO: _("Granted: pay as you go"),
}


@dataclass(frozen=True, kw_only=True)
class Booked:
    """A figure that is the sum of the entries of one kind; above zero, where credits go as the label says."""

    key: str
    kind: LedgerEntry.Kind
    label: StrOrPromise
    definition: StrOrPromise
    is_outgoing: bool = True
    is_good_when_up: bool | None = None

    def figure(self, flows: list[Flow]) -> Figure:
        total = _sum(_of(flows, self.kind))
        return Figure(
            key=self.key,
            label=self.label,
            value=-total if self.is_outgoing else total,
            unit=Unit.CREDITS,
            is_good_when_up=self.is_good_when_up,
            definition=self.definition,
        )


BOOKED = [
    Booked(
        key="spent",
        kind=Kind.SPEND,
        label=_("Spent"),
        is_good_when_up=True,
        definition=_(
            "Sum of the entries of kind spend, captured holds among them. Leaves out what is held and not captured. "
            "What was given back later is not subtracted: it is a figure of its own."
        ),
    ),
    Booked(
        key="given-back",
        kind=Kind.REVERSAL,
        is_outgoing=False,
        label=_("Given back"),
        is_good_when_up=False,
        definition=_(
            "Sum of the entries of kind reversal: of spends and of revocations, in the period in which they were "
            "reversed."
        ),
    ),
    Booked(
        key="expired",
        kind=Kind.EXPIRY,
        label=_("Expired"),
        definition=_(
            "Sum of the entries of kind expiry. Leaves out credits that are due to expire and for which expire_credits "
            "has not run yet."
        ),
    ),
    Booked(
        key="revoked",
        kind=Kind.REVOCATION,
        label=_("Revoked"),
        is_good_when_up=False,
        definition=_(
            "Sum of the entries of kind revocation, what became debt among them. Leaves out revocations reversed "
            "later: those are in Given back."
        ),
    ),
    Booked(
        key="adjusted",
        kind=Kind.ADJUSTMENT,
        is_outgoing=False,
        label=_("Adjusted"),
        definition=_("Sum of the entries of kind adjustment: what administrators added, less what they took."),
    ),
]


class Movement(Panel):
    key = "credits"
    title = _("Credits granted and spent")

    def figures(self, period: Period) -> list[Figure]:
        flows = reading.flows(period)
        return [*_granted(flows), *_gone(flows)]

    def series(self, period: Period) -> list[Series]:
        flows = reading.flows(period)
        granted = [
            _series(period, _of(flows, Kind.GRANT, credit_type), f"granted-{credit_type}", label, chart=GRANTED)
            for credit_type, label in TYPES.items()
        ]
        gone = [
            _series(period, _of(flows, kind), key, label, chart=GONE)
            for kind, key, label in [
                (Kind.SPEND, "spent", _("Spent")),
                (Kind.EXPIRY, "expired", _("Expired")),
                (Kind.REVOCATION, "revoked", _("Revoked")),
            ]
        ]
        return [*granted, *gone]


def _granted(flows: list[Flow]) -> list[Figure]:
    everything = Figure(
        key="granted",
        label=GRANTED,
        value=_sum(_of(flows, Kind.GRANT)),
        unit=Unit.CREDITS,
        definition=_(
            "Sum of the entries of kind grant. Leaves out transfers, reversals, and what administrators add by "
            "adjusting."
        ),
    )
    return [everything, *(_granted_of(flows, credit_type) for credit_type in TYPES)]


def _granted_of(flows: list[Flow], credit_type: CreditType) -> Figure:
    return Figure(
        key=f"granted-{credit_type}",
        label=TYPES[credit_type],
        value=_sum(_of(flows, Kind.GRANT, credit_type)),
        unit=Unit.CREDITS,
        definition=_("Sum of the entries of kind grant whose credits are of this type. Leaves out what Granted does."),
    )


def _gone(flows: list[Flow]) -> list[Figure]:
    spent, given_back, expired, revoked, adjusted = (each.figure(flows) for each in BOOKED)
    return [spent, given_back, expired, _breakage(flows), revoked, adjusted]


def _breakage(flows: list[Flow]) -> Figure:
    spent, expired = -_sum(_of(flows, Kind.SPEND)), -_sum(_of(flows, Kind.EXPIRY))
    return Figure(
        key="breakage",
        label=_("Breakage"),
        value=percent(expired, expired + spent),
        unit=Unit.PERCENT,
        is_good_when_up=None,
        definition=_(
            "Expired ÷ (Expired + Spent): of the credits that came to an end, the share that nobody used. Leaves out "
            "what was revoked or given back."
        ),
    )


def _of(flows: Iterable[Flow], kind: str, credit_type: str | None = None) -> list[Flow]:
    return [flow for flow in flows if flow.kind == kind and credit_type in (None, flow.credit_type)]


def _sum(flows: Iterable[Flow]) -> Decimal:
    return sum((flow.amount for flow in flows), Decimal(0))


def _series(period: Period, flows: list[Flow], key: str, label: object, *, chart: object) -> Series:
    """Amounts without sign: the label says in which direction."""
    return Series(
        key=key,
        label=label,  # type: ignore[arg-type]
        chart=chart,  # type: ignore[arg-type]
        unit=Unit.CREDITS,
        points=reading.by_place(period, ((flow.day, abs(flow.amount)) for flow in flows)),
        is_stacked=True,
    )
