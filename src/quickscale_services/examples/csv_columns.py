"""What the cells of one CSV column have in common, gathered cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, field

from quickscale_services.examples.csv_types import TYPES, Ordered, readings

TEXT = "text"
EMPTY = "empty"
FITTING = 0.9  # of its values must fit a type for the column to be of that type
MOST_DISTINCT = 1_000
MISFITS_SHOWN = 3

_MISSING = frozenset(["", "-", "na", "n/a", "#n/a", "nan", "null", "none"])


@dataclass(slots=True)
class Fit:
    """How the values of a column go with one type: least and greatest as they stand in the file."""

    count: int = 0
    least: tuple[Ordered, str] | None = None
    greatest: tuple[Ordered, str] | None = None
    misfits: list[tuple[int, str]] = field(default_factory=list)

    def add(self, value: Ordered, text: str) -> None:
        self.count += 1
        # Values of one type can be compared; mypy knows only that each is of some type.
        if self.least is None or value < self.least[0]:  # type: ignore[operator]
            self.least = (value, text)
        if self.greatest is None or value > self.greatest[0]:  # type: ignore[operator]
            self.greatest = (value, text)

    def miss(self, line: int, text: str) -> None:
        if len(self.misfits) < MISFITS_SHOWN:
            self.misfits.append((line, text))


@dataclass(slots=True)
class Column:
    name: str
    missing: int = 0
    present: int = 0
    longest: int = 0
    seen: dict[str, dict[str, Ordered]] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=lambda: {name: Fit() for name in TYPES})

    def add(self, line: int, cell: str) -> None:
        text = cell.strip()
        if text.lower() in _MISSING:
            self.missing += 1
            return
        self.present += 1
        self.longest = max(self.longest, len(text))
        found = self._readings(text)
        for name, fit in self.fits.items():
            if name in found:
                fit.add(found[name], text)
            else:
                fit.miss(line, text)

    @property
    def type(self) -> str:
        if not self.present:
            return EMPTY
        best = max(self.fits, key=lambda name: self.fits[name].count)
        return best if self.fits[best].count >= FITTING * self.present else TEXT

    @property
    def fit(self) -> Fit | None:
        """How its values go with its type; None for a column of text."""
        return self.fits.get(self.type)

    @property
    def is_ambiguous_date(self) -> bool:
        """Whether nothing tells if 03/04/2026 is in March or in April."""
        day_first, month_first = self.fits["date, day first"], self.fits["date, month first"]
        return self.fit is day_first and day_first.count == month_first.count

    def _readings(self, text: str) -> dict[str, Ordered]:
        found = self.seen.get(text)
        if found is None:
            found = readings(text)
            if len(self.seen) < MOST_DISTINCT:
                self.seen[text] = found
        return found
