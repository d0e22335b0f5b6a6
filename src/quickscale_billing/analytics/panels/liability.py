"""What outstanding credits were sold for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from quickscale_billing.analytics import moneys, worth
from quickscale_credits.analytics import Figure, Panel, Period, Unit

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Liability(Panel):
    key = "liability"
    title = _("Liability in money")

    def figures(self, period: Period) -> list[Figure]:
        left = worth.outstanding()
        return [
            *(
                Figure(
                    key="liability",
                    label=_("Liability now"),
                    value=left.money.get(currency, 0),
                    unit=Unit.MONEY,
                    currency=currency,
                    is_compared=False,
                    is_good_when_up=None,
                    definition=_(
                        "Credits that are free or held now and were sold, times what they were sold for without tax: "
                        "of a pack, paid ÷ credits with its bonus; of a refill, the monthly value of its period ÷ the "
                        "credits it gives in a month. Leaves out credits of unknown cost, and does not subtract debts."
                    ),
                )
                for currency in moneys.currencies(dict.fromkeys(left.money, 0))
            ),
            _credits(
                "known",
                _("Credits that were sold"),
                left.known,
                _("Credits that are free or held now, and that a pack or a refill of a paid period gave."),
            ),
            _credits(
                "unknown",
                _("Credits of unknown cost"),
                left.unknown,
                _(
                    "All others that are free or held now: given as a bonus or in a trial, by an administrator, by "
                    "code, transferred, or given back to a new grant."
                ),
            ),
        ]


def _credits(key: str, label: StrOrPromise, value: Decimal, definition: StrOrPromise) -> Figure:
    return Figure(
        key=key,
        label=label,
        value=value,
        unit=Unit.CREDITS,
        is_compared=False,
        is_good_when_up=None,
        definition=definition,
    )
