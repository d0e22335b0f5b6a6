"""The rows of the ledger: columns, constraints and reading. Only `quickscale_credits.ledger` writes them."""

from quickscale_credits.models.accounts import CreditAccount, CreditGrant, CreditType, SpendingLimit
from quickscale_credits.models.archives import ArchivedEntries, ArchivedSum
from quickscale_credits.models.codes import RedeemCode, Redemption
from quickscale_credits.models.entries import Allocation, LedgerEntry
from quickscale_credits.models.holds import Hold, HoldAllocation
from quickscale_credits.models.rollups import AccountRollup, RollupProgress, RollupWatermark, UsageRollup

__all__ = [
    "AccountRollup",
    "Allocation",
    "ArchivedEntries",
    "ArchivedSum",
    "CreditAccount",
    "CreditGrant",
    "CreditType",
    "Hold",
    "HoldAllocation",
    "LedgerEntry",
    "RedeemCode",
    "Redemption",
    "RollupProgress",
    "RollupWatermark",
    "SpendingLimit",
    "UsageRollup",
]
