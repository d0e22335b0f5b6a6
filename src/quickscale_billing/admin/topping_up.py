"""What owners agreed to have bought by itself, and each attempt; and turning it off, with a reason."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quickscale_billing import topup
from quickscale_billing.admin import operating
from quickscale_billing.admin.settling import AccountRowsAdmin
from quickscale_billing.models import AutoTopUp, TopUp, TopUpConsent
from quickscale_billing.money import formatted

if TYPE_CHECKING:
    from quickscale_credits.models import CreditAccount

STOP = "quickscale_billing.stop_auto_top_up"


TERMS = ("account_id", "pack__slug", "credits", "bonus_credits", "amount", "currency", "threshold", "monthly_cap")
CONSENT = ("consented_by", "consented_at", "consent_wording")


class TermsAdmin(AccountRowsAdmin):
    list_select_related = ("account__owner", "pack")
    stripe_ids = ("account__top_ups__stripe_invoice_id",)

    @admin.display(description=gettext_lazy("price"))
    def price(self, agreed: AutoTopUp | TopUpConsent) -> str:
        return formatted(agreed.amount, agreed.currency)

    @admin.display(description=gettext_lazy("monthly cap"))
    def cap(self, agreed: AutoTopUp | TopUpConsent) -> str:
        return formatted(agreed.monthly_cap, agreed.currency)


@admin.register(TopUpConsent)
class TopUpConsentAdmin(TermsAdmin):
    list_display = ("consented_at", "account", "pack", "price", "threshold", "cap", "consented_by", "consent_wording")
    date_hierarchy = "consented_at"
    csv_fields = (*TERMS, *CONSENT)


@admin.register(AutoTopUp)
class AutoTopUpAdmin(TermsAdmin):
    action_form = operating.ReasonActionForm
    actions = ("stop",)
    list_display = ("account", "pack", "price", "threshold", "cap", "state", "reason", "failures", "next_attempt_at")
    list_filter = ("state", "reason")
    csv_fields = (*TERMS, "state", "reason", "failures", "next_attempt_at", *CONSENT, "stopped_at")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(STOP))

    @admin.action(description=gettext_lazy("Turn the selected off"), permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[AutoTopUp]) -> None:
        """Stripe is asked when the request's own transaction, if it has one, is over."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, _("Give a reason, beside the action."))
            return
        for agreed in AutoTopUp.objects.on().filter(pk__in=queryset.values("pk")).select_related("account"):
            transaction.on_commit(partial(self._stop, request, agreed.account, reason))

    def _stop(self, request: HttpRequest, account: CreditAccount, reason: str) -> None:
        stopped = topup.stop(account, AutoTopUp.Reason.STAFF)
        self.log_change(request, stopped, f"{_('Turned off')}: {reason}")
        messages.success(request, _("The auto top-up of %(account)s is off.") % {"account": account})


@admin.register(TopUp)
class TopUpAdmin(AccountRowsAdmin):
    list_display = ("__str__", "account", "pack", "amount", "status", "problem", "created_at", "ended_at")
    list_filter = ("status", "currency")
    list_select_related = ("account__owner", "pack")
    date_hierarchy = "created_at"
    stripe_ids = ("stripe_invoice_id", "stripe_customer_id")
    csv_fields = (
        *("account_id", "pack__slug", "amount", "currency", "status", "problem", "stripe_invoice_id"),
        *("created_at", "ended_at"),
    )
