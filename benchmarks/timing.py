"""Measuring variants against each other in the same moments: on a busy machine nothing else can be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Times = dict[str, list[float]]

BLOCKS = 15
WARM_UP = 20


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles around it; `calm` is the first decile: what it is while nothing else runs."""

    median: float
    low: float
    high: float
    calm: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return cls(median, low, high, _calm(values))


def interleaved(actions: Mapping[str, Callable[[], object]], *, seconds: float, least: int = 2 * BLOCKS) -> Times:
    """Call them in turn, each time beginning with another one, and say how long each call took, in seconds."""
    times: Times = {name: [] for name in actions}
    order = list(actions)
    for _ in range(WARM_UP if least > WARM_UP else 1):
        for name in order:
            actions[name]()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[order[0]]) < least:
        for name in order:
            start = time.perf_counter()
            actions[name]()
            times[name].append(time.perf_counter() - start)
        order.append(order.pop(0))
    return times


def speed_ratio(times: Times, ours: str, baseline: str) -> Spread:
    """How fast `ours` is with `baseline` as 1, by the medians and, calm, by the first deciles.

    The quartiles are those of blocks of calls.
    """
    blocks = [
        statistics.median(theirs) / statistics.median(mine)
        for mine, theirs in zip(_blocks(times[ours]), _blocks(times[baseline]), strict=True)
    ]
    spread = Spread.of(blocks)
    median = statistics.median(times[baseline]) / statistics.median(times[ours])
    return Spread(median, spread.low, spread.high, _calm(times[baseline]) / _calm(times[ours]))


def _calm(values: list[float]) -> float:
    return sorted(values)[len(values) // 10]


def _blocks(values: list[float]) -> list[list[float]]:
    size = max(1, len(values) // BLOCKS)
    return [values[start : start + size] for start in range(0, len(values) - size + 1, size)]
