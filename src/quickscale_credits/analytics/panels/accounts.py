"""Who spends, and who will soon have nothing left."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import spenders
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.shapes import Column, Figure, Series, Table, Unit, Value
from quickscale_credits.analytics.spenders import Pace
from quickscale_credits.conf import conf
from quickscale_credits.models import CreditAccount


class Accounts(Panel):
    key = "accounts"
    title = _("Accounts")

    def figures(self, period: Period) -> list[Figure]:
        return [
            Figure(
                key="active",
                label=_("Active accounts"),
                value=spenders.number(period),
                definition=_("Accounts with at least one entry of kind spend in the period."),
            ),
            Figure(
                key="new",
                label=_("New accounts"),
                value=CreditAccount.objects.filter(period.within("created")).count(),
                definition=_(
                    "Accounts made in the period: at the first credits of an owner. Leaves out owners who never had "
                    "credits."
                ),
            ),
            Figure(
                key="low",
                label=_("Running low now"),
                value=_running_low(),
                is_compared=False,
                definition=_(
                    "Accounts whose balance less what is held is below their own threshold, else below "
                    "LOW_BALANCE_THRESHOLD, now, whatever the period. Leaves out accounts with neither, and those "
                    "that never had credits."
                ),
            ),
        ]

    def series(self, period: Period) -> list[Series]:
        accounts = CreditAccount.objects.filter(period.within("created")).order_by()
        new = accounts.values(place=period.place_of("created")).annotate(number=Count("pk"))
        return [
            Series(
                key="active",
                label=_("Active accounts"),
                points=period.filled(spenders.of(period).by_place, 0),
            ),
            Series(
                key="new",
                label=_("New accounts"),
                points=period.filled(new.values_list("place", "number"), 0),
            ),
        ]

    def tables(self, period: Period) -> list[Table]:
        return [_runways(period), _top(period)]


def _running_low() -> int:
    default = conf.LOW_BALANCE_THRESHOLD
    threshold = F("low_balance_threshold") if default is None else Coalesce("low_balance_threshold", default)
    return CreditAccount.objects.filter(balance__lt=threshold + F("held"), sequence__gt=0).count()


def _runways(period: Period) -> Table:
    paces = spenders.of(period).first_to_run_out
    return Table(
        key="runway",
        title=_("First to run out"),
        columns=[*_ACCOUNT_COLUMNS, Column(key="runway", label=_("Days left"))],
        rows=[[*row, _days_left(pace, period)] for row, pace in zip(_rows(paces), paces, strict=True)],
        definition=_(
            "Available now ÷ (spent in the period ÷ its days), of the accounts that spent in it, the shortest first. "
            "Leaves out what will be granted or will expire."
        ),
    )


def _top(period: Period) -> Table:
    return Table(
        key="top",
        title=_("Spent most"),
        columns=_ACCOUNT_COLUMNS,
        rows=_rows(spenders.of(period).spent_most),
        definition=_("Sum of an account's entries of kind spend in the period. What was given back is not subtracted."),
    )


_ACCOUNT_COLUMNS = [
    Column(key="account", label=_("Account"), unit=Unit.TEXT),
    Column(key="available", label=_("Available now"), unit=Unit.CREDITS),
    Column(key="spent", label=_("Spent"), unit=Unit.CREDITS),
]


def _rows(paces: list[Pace]) -> list[list[Value]]:
    names = names_of([pace.account_id for pace in paces])
    return [[names[pace.account_id], pace.available, pace.spent] for pace in paces]


def names_of(ids: list[int]) -> dict[int, str]:
    """What accounts are called: after their owner, or with a number where the owner was erased."""
    return {account.pk: str(account) for account in CreditAccount.objects.select_related("owner").filter(pk__in=ids)}


def _days_left(pace: Pace, period: Period) -> Decimal:
    return (max(pace.available, Decimal(0)) * period.days / pace.spent).quantize(Decimal("0.1"))
