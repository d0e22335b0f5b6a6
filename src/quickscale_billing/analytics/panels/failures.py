"""Invoices that could not be collected at once, and what became of them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from quickscale_billing.analytics import counting, moneys
from quickscale_credits.analytics import Figure, Panel, Period, Series, Unit, percent

FAILED = _("Invoices of the period of which at least one attempt to collect them failed.")
RECOVERED = _("Failed invoices that were paid since, also after the period.")


class FailedPayments(Panel):
    key = "failed-payments"
    title = _("Failed payments")

    def figures(self, period: Period) -> list[Figure]:
        found = counting.failures(period)
        failed, recovered = (sum(getattr(each, name) for each in found) for name in ("failed", "recovered"))
        lost, used = {each.currency: 0 for each in found}, {each.currency: 0 for each in found}
        for each in found:
            lost[each.currency] += each.missing
            used[each.currency] += each.failed
        return [
            Figure(key="failed", label=_("Failed invoices"), value=failed, is_good_when_up=False, definition=FAILED),
            Figure(key="recovered", label=_("Recovered"), value=recovered, definition=RECOVERED),
            Figure(
                key="recovery",
                label=_("Recovery rate"),
                value=percent(recovered, failed),
                unit=Unit.PERCENT,
                definition=_("Recovered ÷ Failed invoices."),
            ),
            *(
                Figure(
                    key="missing",
                    label=_("Not recovered"),
                    value=lost.get(currency, 0),
                    unit=Unit.MONEY,
                    currency=currency,
                    is_good_when_up=False,
                    definition=_("Sum of the failed invoices that are not paid, without tax: open, given up or void."),
                )
                for currency in moneys.currencies(used)
            ),
        ]

    def series(self, period: Period) -> list[Series]:
        found = counting.failures(period)
        names = {"failed": (_("Failed invoices"), FAILED), "recovered": (_("Recovered"), RECOVERED)}
        return [
            Series(
                key=key,
                label=label,
                chart=_("Failed and recovered"),
                points={place: sum(getattr(x, key) for x in found if x.place == place) for place in period.places},
            )
            for key, (label, _text) in names.items()
        ]
