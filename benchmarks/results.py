"""What was measured, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.timing import Spread, Times


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A figure that a target is set for; at least that much, or at most if `is_ceiling`."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None
    calm: float | None = None
    target: float | None = None
    is_ceiling: bool = False

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        met = self.value <= self.target if self.is_ceiling else self.value >= self.target
        return "met" if met else "MISSED"


@dataclass(frozen=True, kw_only=True)
class Result:
    """`times` are seconds for one operation."""

    what: str
    database: str
    times: dict[str, Spread] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratios": [asdict(ratio) | {"verdict": ratio.verdict} for ratio in self.ratios]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Result:
        ratios = [Ratio(**{key: value for key, value in each.items() if key != "verdict"}) for each in found["ratios"]]
        times = {name: Spread(**spread) for name, spread in found["times"].items()}
        return cls(**found | {"ratios": ratios, "times": times})


def spreads(times: Times) -> dict[str, Spread]:
    return {name: Spread.of(values) for name, values in times.items()}


def ratio(what: str, found: Spread, target: float | None = None) -> Ratio:
    return Ratio(what=what, value=found.median, low=found.low, high=found.high, calm=found.calm, target=target)


def table(results: list[Result]) -> str:
    lines = []
    for result in results:
        lines.append(f"\n{result.database}: {result.what}" + (f" ({result.note})" if result.note else ""))
        width = max([len(name) for name in result.times] + [len(each.what) for each in result.ratios], default=0)
        lines += [f"    {name:<{width}}  {_microseconds(spread)}" for name, spread in result.times.items()]
        lines += [f"  → {each.what:<{width}}  {_figures(each)}" for each in result.ratios]
    return "\n".join(lines)


def _microseconds(spread: Spread) -> str:
    median, low, high, calm = (f"{each * 1e6:,.0f}" for each in (spread.median, spread.low, spread.high, spread.calm))
    return f"{median:>12} µs   {low} … {high}   calm {calm}"


def _figures(ratio: Ratio) -> str:
    spread = "" if ratio.low is None else f"   {ratio.low:,.2f} … {ratio.high:,.2f}   calm {ratio.calm:,.2f}"
    bound = "" if ratio.target is None else f"   {'≤' if ratio.is_ceiling else '≥'} {ratio.target:g}: {ratio.verdict}"
    return f"{ratio.value:>12,.2f}{spread}{bound}"
