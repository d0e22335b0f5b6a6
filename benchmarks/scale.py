from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How long and how large. `small` and `large` are the ends between which a spend should cost the same."""

    name: str
    seconds: float  # for each comparison
    slices: int  # of half a second for each contender, with eight clients
    batches: int
    entries_each: int
    entries_small: int
    entries_large: int
    grants: int
    due: int
    payments: int
    summed: int = 100_000


SHORT = Scale(
    name="short",
    seconds=1,
    slices=3,
    batches=1,
    entries_each=20_000,
    entries_small=2_000,
    entries_large=50_000,
    grants=1_000,
    due=300,
    payments=3_000,
    summed=20_000,
)
ORDINARY = Scale(
    name="ordinary",
    seconds=12,
    slices=15,
    batches=7,
    entries_each=1_000_000,
    entries_small=10_000,
    entries_large=1_000_000,
    grants=10_000,
    due=10_000,
    payments=100_000,
)
FULL = Scale(
    name="full",
    seconds=20,
    slices=20,
    batches=9,
    entries_each=1_000_000,
    entries_small=10_000,
    entries_large=10_000_000,
    grants=10_000,
    due=100_000,
    payments=500_000,
)
