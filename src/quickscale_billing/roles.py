"""Three groups for those who work with billing, made by `make_roles`. What a host adds to them stays."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

_SEEING: Final = (
    "quickscale_billing.view_autotopup",
    "quickscale_billing.view_creditpack",
    "quickscale_billing.view_dispute",
    "quickscale_billing.view_fact",
    "quickscale_billing.view_inboxitem",
    "quickscale_billing.view_invoice",
    "quickscale_billing.view_mail",
    "quickscale_billing.view_paidsegment",
    "quickscale_billing.view_payment",
    "quickscale_billing.view_paymenttax",
    "quickscale_billing.view_plan",
    "quickscale_billing.view_planprice",
    "quickscale_billing.view_plansubscription",
    "quickscale_billing.view_purchase",
    "quickscale_billing.view_refill",
    "quickscale_billing.view_refund",
    "quickscale_billing.view_topup",
    "quickscale_billing.view_topupconsent",
    "quickscale_credits.view_creditaccount",
    "quickscale_credits.view_creditgrant",
    "quickscale_credits.view_hold",
    "quickscale_credits.view_ledgerentry",
    "quickscale_credits.view_redeemcode",
    "quickscale_credits.view_redemption",
    "quickscale_credits.view_spendinglimit",
    "quickscale_services.view_servicerun",
)
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "Support": (
        *_SEEING,
        "quickscale_billing.resend_mail",
        "quickscale_billing.settle_again",
        "quickscale_billing.stop_auto_top_up",
        "quickscale_services.credit_back_run",
    ),
    "Billing": (
        *_SEEING,
        "quickscale_billing.reconcile_billing",
        "quickscale_billing.refund_payment",
        "quickscale_billing.resend_mail",
        "quickscale_billing.settle_again",
        "quickscale_billing.stop_auto_top_up",
        "quickscale_credits.add_redeemcode",
        "quickscale_credits.adjust_credits",
        "quickscale_credits.change_redeemcode",
        "quickscale_credits.export_credits",
        "quickscale_credits.view_analytics",
        "quickscale_services.credit_back_run",
    ),
    "Analyst": ("quickscale_credits.export_credits", "quickscale_credits.view_analytics"),
}


def make_roles() -> list[Group]:
    """The groups, each with at least its permissions; those of apps that are not installed are left out."""
    return [_made(name, permissions) for name, permissions in ROLES.items()]


def _made(name: str, permissions: tuple[str, ...]) -> Group:
    wanted = Q(pk__in=[])
    for permission in permissions:
        app, _, codename = permission.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    group, _ = Group.objects.get_or_create(name=name)
    group.permissions.add(*Permission.objects.filter(wanted))
    return group
