"""The only writer of credits. Verbs write; models and querysets read."""

from quickscale_credits.ledger.balances import Balance, balance
from quickscale_credits.ledger.batches import Charge, spend_many
from quickscale_credits.ledger.correcting import adjust, reverse
from quickscale_credits.ledger.expiring import expire, expire_grant
from quickscale_credits.ledger.granting import grant, grant_signup
from quickscale_credits.ledger.holding import capture, hold, release, spending
from quickscale_credits.ledger.redeeming import redeem
from quickscale_credits.ledger.revoking import freeze, revoke
from quickscale_credits.ledger.spends import spend
from quickscale_credits.ledger.transferring import transfer
from quickscale_credits.ledger.verifying import Problem, VerificationReport, verify

__all__ = [
    "Balance",
    "Charge",
    "Problem",
    "VerificationReport",
    "adjust",
    "balance",
    "capture",
    "expire",
    "expire_grant",
    "freeze",
    "grant",
    "grant_signup",
    "hold",
    "redeem",
    "release",
    "reverse",
    "revoke",
    "spend",
    "spend_many",
    "spending",
    "transfer",
    "verify",
]
