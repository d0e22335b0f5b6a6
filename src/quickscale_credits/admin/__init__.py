"""The ledger as staff see it: all of it to read; credits to give by a form of its own permission."""

from quickscale_credits.admin.accounts import AccountAdmin
from quickscale_credits.admin.base import CsvExport, ReadOnly, owner_search_fields
from quickscale_credits.admin.codes import RedeemCodeAdmin, RedemptionAdmin
from quickscale_credits.admin.rows import EntryAdmin, GrantAdmin, HoldAdmin
from quickscale_credits.admin.sections import AccountSection, account_section

__all__ = [
    "AccountAdmin",
    "AccountSection",
    "CsvExport",
    "EntryAdmin",
    "GrantAdmin",
    "HoldAdmin",
    "ReadOnly",
    "RedeemCodeAdmin",
    "RedemptionAdmin",
    "account_section",
    "owner_search_fields",
]
