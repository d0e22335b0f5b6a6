"""What the staff works with: each tool with the permission that it asks for."""

from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class Tool:
    section: object
    title: object
    url: str
    permission: str


CREDITS, SERVICES, BILLING, PEOPLE = _("Credits"), _("Services"), _("Billing"), _("People")

TOOLS = [
    Tool(
        section=CREDITS,
        title=_("Figures: what moves, who uses what, and how it goes"),
        url="quickscale_analytics:dashboard",
        permission="quickscale_credits.view_analytics",
    ),
    Tool(
        section=CREDITS,
        title=_("Accounts: balances, grants, corrections"),
        url="admin:quickscale_credits_creditaccount_changelist",
        permission="quickscale_credits.view_creditaccount",
    ),
    Tool(
        section=CREDITS,
        title=_("Ledger entries"),
        url="admin:quickscale_credits_ledgerentry_changelist",
        permission="quickscale_credits.view_ledgerentry",
    ),
    Tool(
        section=CREDITS,
        title=_("Codes that give credits"),
        url="admin:quickscale_credits_redeemcode_changelist",
        permission="quickscale_credits.view_redeemcode",
    ),
    Tool(
        section=CREDITS,
        title=_("Spending limits"),
        url="admin:quickscale_credits_spendinglimit_changelist",
        permission="quickscale_credits.view_spendinglimit",
    ),
    Tool(
        section=SERVICES,
        title=_("Services: on and off, prices, limits"),
        url="admin:quickscale_services_service_changelist",
        permission="quickscale_services.view_service",
    ),
    Tool(
        section=SERVICES,
        title=_("Usage by service: runs, failures, credits, durations"),
        url="admin:quickscale_services_usage",
        permission="quickscale_credits.view_analytics",
    ),
    Tool(
        section=SERVICES,
        title=_("Runs"),
        url="admin:quickscale_services_servicerun_changelist",
        permission="quickscale_services.view_servicerun",
    ),
    Tool(
        section=SERVICES,
        title=_("Rate cards of models"),
        url="admin:quickscale_services_ratecard_changelist",
        permission="quickscale_services.view_ratecard",
    ),
    Tool(
        section=BILLING,
        title=_("Plans"),
        url="admin:quickscale_billing_plan_changelist",
        permission="quickscale_billing.view_plan",
    ),
    Tool(
        section=BILLING,
        title=_("Packs"),
        url="admin:quickscale_billing_creditpack_changelist",
        permission="quickscale_billing.view_creditpack",
    ),
    Tool(
        section=BILLING,
        title=_("Inbox: what Stripe told, and what waits for somebody"),
        url="admin:quickscale_billing_inboxitem_changelist",
        permission="quickscale_billing.view_inboxitem",
    ),
    Tool(
        section=BILLING,
        title=_("Payments: search, investigate, pay back"),
        url="admin:quickscale_billing_payment_changelist",
        permission="quickscale_billing.view_payment",
    ),
    Tool(
        section=BILLING,
        title=_("Subscriptions and their next refills"),
        url="admin:quickscale_billing_plansubscription_changelist",
        permission="quickscale_billing.view_plansubscription",
    ),
    Tool(
        section=BILLING,
        title=_("Auto top-ups: what was agreed, and how it stands"),
        url="admin:quickscale_billing_autotopup_changelist",
        permission="quickscale_billing.view_autotopup",
    ),
    Tool(
        section=BILLING,
        title=_("Webhook health"),
        url="admin:quickscale_billing_health",
        permission="quickscale_billing.view_inboxitem",
    ),
    Tool(
        section=BILLING,
        title=_("Compare with Stripe, and repair"),
        url="admin:quickscale_billing_reconcile",
        permission="quickscale_billing.reconcile_billing",
    ),
    Tool(
        section=PEOPLE,
        title=_("Users"),
        url="admin:accounts_user_changelist",
        permission="accounts.view_user",
    ),
]


def sections_for(user):
    """Pairs of a section and its links, without what this user may not see."""
    allowed = [tool for tool in TOOLS if user.has_perm(tool.permission)]
    for section, tools in groupby(allowed, key=lambda tool: tool.section):
        yield section, [(tool.title, reverse(tool.url)) for tool in tools]
