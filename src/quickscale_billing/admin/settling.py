"""What came from Stripe and what was made of it: to look at, and to settle again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import Min, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from quickscale_billing import inbox
from quickscale_billing.admin import operating
from quickscale_billing.fields import MinorUnitsField
from quickscale_billing.models import Fact, InboxItem, PaidSegment, PlanSubscription, Purchase, Refill
from quickscale_billing.money import formatted
from quickscale_credits.admin.base import CsvExport, ReadOnly, owner_search_fields

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.admin import TabularInline


@cache
def _as_money(field: models.Field[Any, Any]) -> Callable[[Any], str]:
    """Minor units are for programs: people read an amount with its currency."""

    def money(row: Any) -> str:
        amount = getattr(row, field.name)
        return "-" if amount is None else formatted(amount, row.currency)

    money.__name__ = field.name
    return admin.display(description=field.verbose_name, ordering=field.name)(money)


class AccountRowsAdmin(ReadOnly, CsvExport):
    """Found by the owner, by the number of the account, and by any id at Stripe; taken away as CSV."""

    show_full_result_count = False
    list_per_page = 50
    stripe_ids: ClassVar[tuple[str, ...]]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self.shown_as_money(name) for name in super().get_list_display(request)]

    def shown(self, name: Any, request: HttpRequest) -> Any:
        return super().shown(self.shown_as_money(name), request)

    def shown_as_money(self, name: Any) -> Any:
        field = next((each for each in self.opts.fields if each.name == name), None)
        return _as_money(field) if isinstance(field, MinorUnitsField) else name

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        by_email = "account__customers__email"
        stripe_ids = (f"={name}" for name in self.stripe_ids)
        return ["=account__id", *stripe_ids, *owner_search_fields("account__owner"), by_email]


@admin.register(InboxItem)
class InboxAdmin(ReadOnly, CsvExport):
    csv_fields = ("kind", "stripe_id", "state", "problem", "arrived_at", "settled_at", "attempts", "last_event_type")
    change_list_template = "admin/quickscale_billing/inbox.html"
    action_form = operating.ReasonActionForm
    list_display = ("stripe_id", "kind", "state", "problem", "arrived_at", "attempts", "due_at")
    list_filter = ("state", "kind")
    search_fields = ("=stripe_id",)
    actions = ("settle",)

    def get_urls(self) -> list[URLPattern]:
        """Stripe is asked there, and never within a transaction."""
        views = {"reconcile": operating.reconcile, "health": operating.health}
        return [
            path(
                f"{name}/",
                transaction.non_atomic_requests(self.admin_site.admin_view(partial(view, self))),
                name=f"quickscale_billing_{name}",
            )
            for name, view in views.items()
        ] + super().get_urls()

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(operating.SETTLE))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may_reconcile = request.user.has_perm(operating.RECONCILE)
        return super().changelist_view(request, {**(extra_context or {}), "may_reconcile": may_reconcile})

    @admin.action(description=gettext_lazy("Settle the selected again"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[InboxItem]) -> None:
        """Stripe is asked when the request's own transaction, if it has one, is over."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, _("Give a reason, beside the action."))
            return
        for pk in queryset.values_list("pk", flat=True):
            transaction.on_commit(partial(self._settle, request, pk, reason))

    def _settle(self, request: HttpRequest, pk: int, reason: str) -> None:
        is_settled = inbox.settle(pk)
        item = InboxItem.objects.get(pk=pk)
        self.log_change(request, item, f"{_('Settled again')}: {reason}")
        if is_settled:
            messages.success(request, _("%(item)s is settled.") % {"item": item})
        else:
            messages.error(request, f"{item}: {item.problem}")


@admin.register(Fact)
class FactAdmin(AccountRowsAdmin):
    list_display = ("key", "kind", "account", "amount", "note", "created_at")
    csv_fields = ("key", "kind", "account_id", "entry__amount", "stripe_id", "note", "created_at")
    list_filter = ("kind",)
    list_select_related = ("account__owner", "entry")
    stripe_ids = ("key", "stripe_id")

    @admin.display(description=gettext_lazy("credits"))
    def amount(self, fact: Fact) -> Any:
        return fact.entry.amount if fact.entry else None


@admin.register(Purchase)
class PurchaseAdmin(AccountRowsAdmin):
    list_display = ("account", "pack", "quantity", "amount", "created_at")
    csv_fields = (
        *("account_id", "pack__slug", "quantity", "credits", "bonus_credits", "amount", "tax", "discount", "currency"),
        *("stripe_session_id", "created_at"),
    )
    list_filter = ("pack",)
    list_select_related = ("account__owner", "pack")
    stripe_ids = ("stripe_session_id", "stripe_payment_intent_id", "stripe_customer_id")


class SegmentInline(ReadOnly, TabularInline):
    model = PaidSegment
    fields = ("plan", "credits", "refill_every", "starts_at", "ends_at", "closed_at", "stripe_invoice_id")
    extra = 0


class RefillInline(ReadOnly, TabularInline):
    model = Refill
    fields = ("starts_at", "ends_at", "credits", "state")
    extra = 0


@admin.register(PlanSubscription)
class SubscriptionAdmin(AccountRowsAdmin):
    list_display = ("account", "price", "status", "current_period_end", "next_refill", "ends_at", "stripe_id")
    csv_fields = (
        *("account_id", "stripe_id", "price__plan__slug", "price__interval", "status", "created_at"),
        *("current_period_end", "next_refill_at", "ended_at"),
    )
    list_filter = ("status",)
    list_select_related = ("account__owner", "price__plan")
    stripe_ids = ("stripe_id", "stripe_customer_id")
    inlines = (SegmentInline, RefillInline)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(next_refill_at=Min("segments__next_refill_at"))

    @admin.display(description=gettext_lazy("next refill"), ordering="next_refill_at")
    def next_refill(self, subscription: Any) -> Any:
        return subscription.next_refill_at

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if doubled := PlanSubscription.objects.accounts_with_several():
            told = ngettext(
                "%(count)d account has more than one live subscription: %(accounts)s.",
                "%(count)d accounts have more than one live subscription: %(accounts)s.",
                len(doubled),
            )
            messages.warning(request, told % {"count": len(doubled), "accounts": ", ".join(map(str, doubled))})
        return super().changelist_view(request, extra_context)
