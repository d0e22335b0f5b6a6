"""What came from Stripe and what was made of it: to look at, and to settle again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from quickscale_billing import inbox
from quickscale_billing.models import Fact, InboxItem, PaidSegment, PlanSubscription, Purchase, Refill
from quickscale_credits.admin.base import ReadOnly, owner_search_fields

if TYPE_CHECKING:  # generic to the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.admin import ModelAdmin, TabularInline


class AccountRowsAdmin(ReadOnly, ModelAdmin):
    """Found by the owner, by the number of the account, and by any id at Stripe."""

    show_full_result_count = False
    list_per_page = 50
    stripe_ids: ClassVar[tuple[str, ...]]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=account__id", *(f"={name}" for name in self.stripe_ids), *owner_search_fields("account__owner")]


@admin.register(InboxItem)
class InboxAdmin(ReadOnly, ModelAdmin):
    list_display = ("stripe_id", "kind", "state", "problem", "arrived_at", "attempts", "due_at")
    list_filter = ("state", "kind")
    search_fields = ("=stripe_id",)
    actions = ("settle",)

    @admin.action(description=gettext_lazy("Settle the selected again"), permissions=["view"])
    def settle(self, request: HttpRequest, queryset: QuerySet[InboxItem]) -> None:
        """Stripe is asked when the request's own transaction, if it has one, is over."""
        for pk in queryset.values_list("pk", flat=True):
            transaction.on_commit(partial(self._settle, request, pk))

    def _settle(self, request: HttpRequest, pk: int) -> None:
        is_settled = inbox.settle(pk)
        item = InboxItem.objects.get(pk=pk)
        if is_settled:
            messages.success(request, _("%(item)s is settled.") % {"item": item})
        else:
            messages.error(request, f"{item}: {item.problem}")


@admin.register(Fact)
class FactAdmin(AccountRowsAdmin):
    list_display = ("key", "kind", "account", "amount", "note", "created_at")
    list_filter = ("kind",)
    list_select_related = ("account__owner", "entry")
    stripe_ids = ("key", "stripe_id")

    @admin.display(description=gettext_lazy("credits"))
    def amount(self, fact: Fact) -> Any:
        return fact.entry.amount if fact.entry else None


@admin.register(Purchase)
class PurchaseAdmin(AccountRowsAdmin):
    list_display = ("account", "pack", "quantity", "amount", "currency", "created_at")
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
    list_display = ("account", "price", "status", "current_period_end", "ends_at", "stripe_id")
    list_filter = ("status",)
    list_select_related = ("account__owner", "price__plan")
    stripe_ids = ("stripe_id", "stripe_customer_id")
    inlines = (SegmentInline, RefillInline)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if doubled := PlanSubscription.objects.accounts_with_several():
            told = ngettext(
                "%(count)d account has more than one live subscription: %(accounts)s.",
                "%(count)d accounts have more than one live subscription: %(accounts)s.",
                len(doubled),
            )
            messages.warning(request, told % {"count": len(doubled), "accounts": ", ".join(map(str, doubled))})
        return super().changelist_view(request, extra_context)
