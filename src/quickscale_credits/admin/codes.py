"""Campaigns: what each promises, what it has given, and to whom."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from quickscale_credits.admin.base import CsvExport, LedgerAdmin, NamedTimes, ReadOnly
from quickscale_credits.models import RedeemCode, Redemption
from quickscale_credits.templatetags.quickscale_credits import plurality

if TYPE_CHECKING:  # generic to the type checker alone
    ModelForm = forms.ModelForm[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.admin import TabularInline
    from django.forms import ModelForm


class CampaignForm(ModelForm):
    def clean_code(self) -> str:
        """As it is stored, so that one that differs by case alone is told before the database does."""
        return RedeemCode.normalized(self.cleaned_data["code"])

    def clean_budget(self) -> Decimal | None:
        budget: Decimal | None = self.cleaned_data["budget"]
        if budget is not None and budget < self.instance.redeemed:
            redeemed = self.instance.redeemed
            told = ngettext("%s credit was given already.", "%s credits were given already.", plurality(redeemed))
            raise ValidationError(told % redeemed)
        return budget

    def clean(self) -> Any:
        given = super().clean() or self.cleaned_data
        begins, ends = given.get("valid_from"), given.get("valid_until")
        if begins and ends and begins >= ends:
            raise ValidationError({"valid_until": _("It ends before it begins.")})
        return given


class RedemptionInline(ReadOnly, TabularInline):
    """The latest; all of them have a list of their own."""

    model = Redemption
    fields = ("account", "credits", "created_at")
    readonly_fields = fields
    extra = 0
    verbose_name_plural = gettext_lazy("the latest redemptions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        found = super().get_queryset(request).select_related("account__owner", "entry").order_by("-pk")
        campaign = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        latest = found.filter(code_id=campaign).values_list("pk", flat=True)[:20] if campaign else []
        return found.filter(pk__in=list(latest))

    @admin.display(description=gettext_lazy("credits"))
    def credits(self, redemption: Redemption) -> Any:
        return redemption.entry.amount

    @admin.display(description=gettext_lazy("redeemed at"))
    def created_at(self, redemption: Redemption) -> Any:
        return redemption.entry.created_at


@admin.register(RedeemCode)
class RedeemCodeAdmin(NamedTimes, CsvExport):
    """What was redeemed once stays: a campaign is ended by switching it off."""

    form = CampaignForm
    csv_fields = (
        "code",
        "amount",
        "credit_type",
        "uses",
        "redeemed",
        "budget",
        "valid_from",
        "valid_until",
        "is_active",
    )
    list_display = (
        "code",
        "amount",
        "credit_type",
        "uses",
        "redeemed",
        "left",
        "valid_from",
        "valid_until",
        "is_active",
    )
    list_filter = ("is_active", "credit_type")
    search_fields = ("code",)
    readonly_fields = ("redeemed", "uses", "left")
    inlines = (RedemptionInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(uses=Count("redemptions"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Entries name the code that they came by."""
        return (*self.readonly_fields, "code") if obj is not None and obj.redeemed else self.readonly_fields

    @admin.display(description=gettext_lazy("uses"), ordering="uses")
    def uses(self, campaign: Any) -> int:
        return int(getattr(campaign, "uses", 0))

    @admin.display(description=gettext_lazy("left of the budget"))
    def left(self, campaign: RedeemCode) -> Any:
        return _("without end") if campaign.budget is None else campaign.budget - campaign.redeemed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.redeemed)


@admin.register(Redemption)
class RedemptionAdmin(LedgerAdmin):
    csv_fields = ("code__code", "account_id", "entry__amount", "entry__created_at")
    list_display = ("code", "account", "credits", "created_at")
    list_select_related = ("code", "account__owner", "entry")
    ordering = ("-id",)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=code__code", *super().get_search_fields(request)]

    @admin.display(description=gettext_lazy("credits"))
    def credits(self, redemption: Redemption) -> Any:
        return redemption.entry.amount

    @admin.display(description=gettext_lazy("redeemed at"), ordering="entry__created_at")
    def created_at(self, redemption: Redemption) -> Any:
        return redemption.entry.created_at
