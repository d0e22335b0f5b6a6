from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dj_wallet.models import Wallet
from dj_wallet.services import WalletService
from django.contrib.contenttypes.models import ContentType

from benchmarks.people import make_people


class DjWallet:
    """`WalletService.withdraw` of dj-wallet, on a wallet that is at hand: the holder's own verb reads it first."""

    name = "dj-wallet"

    def prepare(self, count: int) -> list[int]:
        people = make_people(count)
        kind = ContentType.objects.get_for_model(type(people[0]))
        wallets = [Wallet.objects.create(holder_type=kind, holder_id=person.pk) for person in people]
        for wallet in wallets:
            WalletService.deposit(wallet, 1_000_000)
        return [wallet.pk for wallet in wallets]

    def connect(self, accounts: Sequence[int]) -> None:
        self.wallets = Wallet.objects.in_bulk(set(accounts))

    def spend(self, account: int) -> Any:
        return WalletService.withdraw(self.wallets[account], 1)
