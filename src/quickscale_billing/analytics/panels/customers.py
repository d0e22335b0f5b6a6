"""Who subscribes, who stays, and who comes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from quickscale_billing.analytics import cohorts, counting, paying
from quickscale_credits.analytics import Column, Figure, Panel, Period, Series, Table, Unit, percent

STATUSES = {
    "active": (_("Active now"), _("Subscriptions that are active at Stripe now, whatever the period.")),
    "trialing": (_("In trial now"), _("Subscriptions in their trial now, whatever the period.")),
    "past_due": (_("Past due now"), _("Subscriptions whose payment is late now, whatever the period.")),
}


class Customers(Panel):
    key = "customers"
    title = _("Customers")

    def figures(self, period: Period) -> list[Figure]:
        return [*_moved(period), *_now(), _trials(period), *_users(period)]

    def series(self, period: Period) -> list[Series]:
        moved = paying.by_place(period)
        return [
            Series(
                key="paying",
                label=_("Paying customers"),
                chart=_("Paying customers at the end"),
                points={place: each.count for place, each in zip(period.places, moved, strict=True)},
                is_line=True,
            ),
            Series(
                key="plans",
                label=_("Subscriptions"),
                chart=_("Plans now"),
                definition=_(
                    "Subscriptions that live now, by plan: in trial, active, paused, or with a payment that is late."
                ),
                points=counting.plans(),
            ),
        ]

    def tables(self, period: Period) -> list[Table]:
        return [
            Table(
                key="cohorts",
                title=_("Retention by month of the first payment"),
                definition=_(
                    "Of the customers whose first paid subscription began in the month: the share that pays at the end "
                    "of that month, of the next, and so on. The months of the period that have ended."
                ),
                columns=[
                    Column(key="month", label=_("Month"), unit=Unit.TEXT),
                    Column(key="customers", label=_("Customers")),
                    *(Column(key=f"after-{n}", label=f"+{n}", unit=Unit.PERCENT) for n in range(cohorts.MONTHS)),
                ],
                rows=[
                    [f"{month:%Y-%m}", size, *(None if each is None else percent(each, size) for each in kept)]
                    for month, size, kept in cohorts.retention(period, paying.histories(period))
                ],
            )
        ]


def _moved(period: Period) -> list[Figure]:
    moved = paying.from_end_to_end(period)
    return [
        Figure(
            key="paying",
            label=_("Paying customers"),
            value=moved.count,
            definition=_(
                "Accounts that pay for a subscription at the end of the period. Leaves out those who buy only packs."
            ),
        ),
        Figure(
            key="new",
            label=_("New customers"),
            value=moved.counts["new"],
            definition=_("Accounts that pay for a subscription at the end of the period, and had never before it."),
        ),
        Figure(
            key="reactivated",
            label=_("Customers who came back"),
            value=moved.counts["reactivated"],
            definition=_("Accounts that pay at the end of the period, not at its beginning, and had before."),
        ),
        Figure(
            key="churned",
            label=_("Customers lost"),
            value=moved.counts["churned"],
            is_good_when_up=False,
            definition=_("Accounts that pay for a subscription at the beginning of the period and not at its end."),
        ),
        Figure(
            key="churn",
            label=_("Customer churn"),
            value=percent(moved.counts["churned"], moved.counts["start"]),
            unit=Unit.PERCENT,
            is_good_when_up=False,
            definition=_("Customers lost ÷ paying customers at the beginning of the period."),
        ),
    ]


def _now() -> list[Figure]:
    found = counting.statuses()
    return [
        Figure(
            key=key.replace("_", "-"),
            label=label,
            value=found.get(key, 0),
            is_compared=False,
            is_good_when_up=key != "past_due",
            definition=definition,
        )
        for key, (label, definition) in STATUSES.items()
    ]


def _trials(period: Period) -> Figure:
    ended, converted = counting.trials(period)
    return Figure(
        key="trials",
        label=_("Trial conversion"),
        value=percent(converted, ended),
        unit=Unit.PERCENT,
        definition=_(
            "Trials that ended in the period and whose subscription was paid for since ÷ all that ended in it."
        ),
    )


def _users(period: Period) -> list[Figure]:
    total, new = counting.users(period)
    return [
        Figure(
            key="users",
            label=_("Users"),
            value=total,
            definition=_("Users who had joined by the end of the period. Leaves out those deleted since."),
        ),
        Figure(
            key="new-users",
            label=_("New users"),
            value=new,
            definition=_(
                "Users who joined in the period. Leaves out those deleted since. Unknown without a date_joined."
            ),
        ),
    ]
