"""Accounts: how they stand, what the other apps know of them, and the form to give credits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from quickscale_credits import ledger
from quickscale_credits.admin.base import CsvExport, ReadOnly, owner_search_fields
from quickscale_credits.admin.giving import PERMISSION, GiveForm
from quickscale_credits.admin.sections import sections_of
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.ledger import Balance
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType, Hold, LedgerEntry, SpendingLimit
from quickscale_credits.templatetags.quickscale_credits import plurality

EXPIRING_SOON = timedelta(days=30)
ROWS_OF_AN_ACCOUNT: tuple[type[models.Model], ...] = (LedgerEntry, CreditGrant, Hold, SpendingLimit)


class StandingFilter(admin.SimpleListFilter):
    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("debt", _("In debt")), ("empty", _("Nothing available")), ("held", _("Something held"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CreditAccount]) -> QuerySet[CreditAccount]:
        narrowed: dict[str | None, dict[str, Any]] = {
            "debt": {"debt__gt": 0},
            "empty": {"balance__lte": F("held")},
            "held": {"held__gt": 0},
        }
        return queryset.filter(**narrowed.get(self.value(), {}))


@admin.register(CreditAccount)
class AccountAdmin(ReadOnly, CsvExport):
    list_display = ("__str__", "total", "held_now", "available", "debt", "modified")
    list_filter = (StandingFilter,)
    list_select_related = ("owner",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    search_help_text = _("Owner, or number of the account")
    actions = ("give_to_selected",)
    csv_fields = ("id", "owner_id", "balance", "held", "debt", "created", "modified")
    change_form_template = "admin/quickscale_credits/account.html"
    fields = (
        *("owner", "total", "held_now", "available", "debt", "by_type", "expiring_soon"),
        *("low_balance_threshold", "rows", "archived", "created", "modified"),
    )
    readonly_fields = fields

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=id", *owner_search_fields("owner")]

    @admin.display(description=_("total"))
    def total(self, account: CreditAccount) -> Decimal:
        return _balance(account).total

    @admin.display(description=_("held"))
    def held_now(self, account: CreditAccount) -> Decimal:
        return _balance(account).held

    @admin.display(description=_("available"))
    def available(self, account: CreditAccount) -> Decimal:
        return _balance(account).available

    @admin.display(description=_("available by type"))
    def by_type(self, account: CreditAccount) -> SafeString:
        amounts = _balance(account).by_type.items()
        return format_html_join(", ", "{} {}", ((amount, CreditType(key).label) for key, amount in amounts))

    @admin.display(description=_("expires within 30 days"))
    def expiring_soon(self, account: CreditAccount) -> Decimal:
        return account.expiring(EXPIRING_SOON)

    @admin.display(description=_("see also"))
    def rows(self, account: CreditAccount) -> SafeString:
        links = ((_rows_url(model, account), model._meta.verbose_name_plural) for model in ROWS_OF_AN_ACCOUNT)
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description=_("archived entries"))
    def archived(self, account: CreditAccount) -> int:
        return account.archives.number()

    def get_urls(self) -> list[URLPattern]:
        give = path(
            "<int:pk>/give/", self.admin_site.admin_view(self.give), name="quickscale_credits_creditaccount_give"
        )
        return [give, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        account = kwargs.get("obj")
        context["sections"] = sections_of(account, request.user) if account else []
        context["may_give"] = request.user.has_perm(PERMISSION)
        return super().render_change_form(request, context, *args, **kwargs)

    def give(self, request: HttpRequest, pk: int) -> HttpResponse:
        accounts = [get_object_or_404(CreditAccount, pk=pk)]
        page = reverse("admin:quickscale_credits_creditaccount_change", args=[pk])
        return self._give(request, accounts, back=page, is_sent=request.method == "POST")

    @admin.action(description=_("Grant or adjust credits"), permissions=["give"])
    def give_to_selected(self, request: HttpRequest, accounts: QuerySet[CreditAccount]) -> HttpResponse:
        back = reverse("admin:quickscale_credits_creditaccount_changelist")
        return self._give(request, list(accounts.order_by("pk")), back=back, is_sent="token" in request.POST)

    def has_give_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def _give(self, request: HttpRequest, accounts: list[CreditAccount], *, back: str, is_sent: bool) -> HttpResponse:
        if not self.has_give_permission(request):
            raise PermissionDenied
        form = GiveForm(request.POST if is_sent else None)
        if is_sent and form.is_valid():
            for account in accounts:
                self._give_to(request, account, form)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Grant or adjust credits"),
            "opts": self.opts,
            "form": form,
            "accounts": accounts,
            "back": back,
            "is_action": request.POST.get("action") == "give_to_selected",
        }
        return render(request, "admin/quickscale_credits/give.html", context)

    def _give_to(self, request: HttpRequest, account: CreditAccount, form: GiveForm) -> None:
        """One account's refusal does not keep the others from theirs."""
        try:
            entry = form.give(account, request.user)
        except CreditsError as error:
            messages.error(request, f"{account}: {error}")
            return
        told = ngettext("%(amount)s credit: %(reason)s", "%(amount)s credits: %(reason)s", plurality(abs(entry.amount)))
        note = told % {"amount": f"{entry.amount:+}", "reason": form.cleaned_data["reason"]}
        self.log_change(request, account, note)
        messages.success(request, f"{account}: {note}")


def _balance(account: CreditAccount) -> Balance:
    """Read once for all the columns of a row."""
    if not hasattr(account, "_admin_balance"):
        account._admin_balance = ledger.balance(account)  # type: ignore[attr-defined]
    balance: Balance = account._admin_balance  # type: ignore[attr-defined]
    return balance


def _rows_url(model: type[models.Model], account: CreditAccount) -> str:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html("{}?account__id__exact={}", address, account.pk)
