"""Letters: what was sent, what could not be, and sending it again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from quickscale_billing import mail
from quickscale_billing.admin.operating import ReasonActionForm
from quickscale_billing.admin.settling import AccountRowsAdmin
from quickscale_billing.models import Mail

RESEND = "quickscale_billing.resend_mail"


@admin.register(Mail)
class MailAdmin(AccountRowsAdmin):
    list_display = ("kind", "account", "to", "state", "problem", "happened_at", "sent_at", "attempts")
    csv_fields = ("kind", "key", "account_id", "state", "to", "problem", "attempts", "happened_at", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("account__owner",)
    stripe_ids = ()
    action_form = ReasonActionForm
    actions = ("resend",)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [*super().get_search_fields(request), "to"]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(RESEND))

    @admin.action(description=gettext_lazy("Send the selected again"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        """They wait then like any other: no mail server is asked in a request."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, _("Give a reason, beside the action."))
            return
        asked = [letter for letter in queryset if mail.resend(letter.pk)]
        for letter in asked:
            self.log_change(request, letter, f"{_('Sent again')}: {reason}")
        told = ngettext("%(count)d letter is sent again.", "%(count)d letters are sent again.", len(asked))
        messages.success(request, told % {"count": len(asked)})
