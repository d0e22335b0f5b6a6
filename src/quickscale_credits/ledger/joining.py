"""What an app needs that keeps rows of its own beside the ledger's: their accounts, and the transaction of a verb.

An app of the library imports this and the verbs, and nothing else of the ledger.
"""

from quickscale_credits.ledger.accounts import open_account, open_locked_account
from quickscale_credits.ledger.holding import LONGEST_HOLD, refuse_open_transaction
from quickscale_credits.ledger.locking import Tx, database, transact
from quickscale_credits.ledger.requests import Amount, OwnKey, checked_actor, checked_key, checked_text

__all__ = [
    "LONGEST_HOLD",
    "Amount",
    "OwnKey",
    "Tx",
    "checked_actor",
    "checked_key",
    "checked_text",
    "database",
    "open_account",
    "open_locked_account",
    "refuse_open_transaction",
    "transact",
]
