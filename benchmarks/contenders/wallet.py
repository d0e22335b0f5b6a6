from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dj_wallet.mixins import WalletMixin
from dj_wallet.models import Wallet
from dj_wallet.services import WalletService
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from benchmarks.people import make_people


class Holder(WalletMixin, User):
    class Meta:
        proxy = True
        app_label = "benchmarks"


class DjWallet:
    """`user.withdraw` of dj-wallet, as its documentation has it: the user is at hand, the wallet is looked up."""

    name = "dj-wallet"

    def prepare(self, count: int) -> list[int]:
        people = make_people(count)
        kind = ContentType.objects.get_for_model(User)
        for person in people:
            WalletService.deposit(Wallet.objects.create(holder_type=kind, holder_id=person.pk), 1_000_000)
        return [person.pk for person in people]

    def connect(self, accounts: Sequence[int]) -> None:
        self.people = Holder.objects.in_bulk(set(accounts))

    def spend(self, account: int) -> Any:
        return self.people[account].withdraw(1)


class DjWalletAtHand(DjWallet):
    """`WalletService.withdraw`, which spares looking up a wallet that is at hand."""

    name = "dj-wallet, the wallet at hand"

    def connect(self, accounts: Sequence[int]) -> None:
        wallets = Wallet.objects.filter(holder_id__in=set(accounts))
        self.wallets = {wallet.holder_id: wallet for wallet in wallets}

    def spend(self, account: int) -> Any:
        return WalletService.withdraw(self.wallets[account], 1)
