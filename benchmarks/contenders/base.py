from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Contender(Protocol):
    """Something that can spend one credit. `prepare` makes accounts, once; `connect` is called in each process."""

    name: str

    def prepare(self, count: int) -> list[int]:
        """Make so many rich accounts, and return the number of each."""

    def connect(self, accounts: Sequence[int]) -> None: ...

    def spend(self, account: int) -> Any: ...
