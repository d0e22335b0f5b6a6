"""What is measured against each other: this library, a floor, an older algorithm, and peers as they are installed."""

from __future__ import annotations

from importlib.util import find_spec

from django.db import connection

from benchmarks.contenders.base import Contender
from benchmarks.contenders.floor import PsycopgFloor, SqliteFloor
from benchmarks.contenders.quickscale import QuickScale
from benchmarks.contenders.summing import Summing

QUICKSCALE = QuickScale.name
SUMMING = Summing.name


def floor() -> Contender:
    return SqliteFloor() if connection.vendor == "sqlite" else PsycopgFloor()


def peers() -> list[Contender]:
    """Those that are installed and support the database in use."""
    found: list[Contender] = []
    if find_spec("dj_wallet"):
        from benchmarks.contenders.wallet import DjWallet, DjWalletAtHand

        found += [DjWallet(), DjWalletAtHand()]
    if find_spec("hordak") and connection.vendor != "sqlite":
        from benchmarks.contenders.hordak import Hordak

        found.append(Hordak())
    return found


def named(name: str) -> Contender:
    return next(each for each in [QuickScale(), floor(), Summing(), *peers()] if each.name == name)
