"""The timeline on the page of an account."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from quickscale_billing import history
from quickscale_credits.admin import AccountSection, account_section
from quickscale_credits.models import CreditAccount

ROWS_OF_AN_ACCOUNT = 50


@account_section
def latest_history(account: CreditAccount) -> AccountSection:
    """The newest of what the owner sees as their timeline."""
    page = history.timeline(account, limit=ROWS_OF_AN_ACCOUNT)
    return AccountSection(
        title=_("Timeline"),
        header=(_("at"), _("kind"), _("what"), _("reference"), _("status"), _("money"), _("credits"), _("balance")),
        rows=[
            (row.at, row.label, row.title, row.detail, row.status, row.money, _shown(row.credits), _shown(row.balance))
            for row in page
        ],
        permission="quickscale_billing.view_payment",
    )


def _shown(amount: object) -> object:
    return "" if amount is None else amount
