"""Entries, grants, holds and allocations: to look at. Limits: to edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from quickscale_credits.admin.base import LedgerAdmin, LinksThatOpen, ModelAdmin, ReadOnly, owner_search_fields
from quickscale_credits.models import (
    Allocation,
    CreditGrant,
    Hold,
    HoldAllocation,
    LedgerEntry,
    SpendingLimit,
)

if TYPE_CHECKING:  # generic to the type checker alone
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.admin import TabularInline


class AllocationInline(ReadOnly, TabularInline):
    model = Allocation
    extra = 0


class HoldAllocationInline(ReadOnly, TabularInline):
    model = HoldAllocation
    extra = 0


@admin.register(LedgerEntry)
class EntryAdmin(LedgerAdmin):
    csv_fields = (
        "account_id",
        "sequence",
        "created_at",
        "kind",
        "amount",
        "balance_after",
        "reason",
        "reference",
        "actor",
    )
    list_display = (
        "account",
        "sequence",
        "kind",
        "amount",
        "balance_after",
        "reason",
        "reference",
        "created_at",
    )
    list_filter = ("kind",)
    ordering = ("-id",)
    inlines = (AllocationInline,)


@admin.register(CreditGrant)
class GrantAdmin(LedgerAdmin):
    csv_fields = (
        "id",
        "account_id",
        "credit_type",
        "priority",
        "amount",
        "remaining",
        "held",
        "revoked",
        "expires_at",
        "created_at",
    )
    list_display = (
        "account",
        "credit_type",
        "amount",
        "remaining",
        "held",
        "expires_at",
        "state",
        "created_at",
    )
    list_filter = ("credit_type", "state")
    ordering = ("-id",)


@admin.register(Hold)
class HoldAdmin(LedgerAdmin):
    csv_fields = ("id", "account_id", "amount", "captured", "status", "reason", "reference", "expires_at", "created_at")
    list_display = (
        "account",
        "amount",
        "captured",
        "status",
        "reason",
        "reference",
        "expires_at",
        "created_at",
    )
    list_filter = ("status",)
    ordering = ("-id",)
    inlines = (HoldAllocationInline,)


@admin.register(Allocation)
class AllocationAdmin(ReadOnly, ModelAdmin):
    list_display = ("entry", "grant", "amount")
    list_select_related = ("entry", "grant")
    show_full_result_count = False
    ordering = ("-id",)


@admin.register(SpendingLimit)
class LimitAdmin(LinksThatOpen):
    list_display = ("account", "member", "amount", "period")
    list_filter = ("period",)
    list_select_related = ("account__owner", "member")
    raw_id_fields = ("account", "member")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=account__id", *owner_search_fields("account__owner")]
