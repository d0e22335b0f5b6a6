"""A CSV read from its first record to its last: what is wrong with it, and what its columns are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from quickscale_services.examples.csv_columns import EMPTY, Column, Fit
from quickscale_services.examples.csv_file import NotCsv, Record
from quickscale_services.examples.csv_types import readings

MAX_ROWS = 100_000
MAX_COLUMNS = 200
SHOWN_PER_KIND = 10
SHOWN_CHARACTERS = 60

_ROWS_BETWEEN_CHECKS = 1_000


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: str
    message: str
    line: int | None = None
    column: str | None = None


@dataclass
class Report:
    """`findings` are at most ten of each kind; `counts` says how many there are."""

    has_header: bool
    columns: list[Column]
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def find(self, kind: str, message: str, *, line: int | None = None, column: str | None = None) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN_PER_KIND:
            self.findings.append(Finding(kind=kind, message=message, line=line, column=column))


def report_on(records: Iterable[Record], *, has_header: bool | None, check: Callable[[], None]) -> Report:
    """`has_header` None: judge by the first record. `check` is called now and then and may raise to stop."""
    remaining = iter(records)
    report, body = _begin(remaining, has_header)
    seen: set[int] = set()
    for record in body:
        report.rows += 1
        if report.rows > MAX_ROWS:
            raise NotCsv(_("A CSV may have at most %s rows; this one has more.") % f"{MAX_ROWS:,}")
        if report.rows % _ROWS_BETWEEN_CHECKS == 0:
            check()
        _read(record, report, seen)
    _judge(report)
    return report


def _begin(records: Iterator[Record], has_header: bool | None) -> tuple[Report, Iterator[Record]]:
    first = next(records, None)
    if first is None:
        raise NotCsv(_("There are no rows in this CSV."))
    if first.cells is None:
        raise NotCsv(_("The first row cannot be read: text follows a closing quote in line %s.") % first.line)
    if len(first.cells) > MAX_COLUMNS:
        raise NotCsv(_("A CSV may have at most %s columns; this one has more.") % MAX_COLUMNS)
    if _is_header(first.cells) if has_header is None else has_header:
        return _with_header(first.cells), records
    names = [_("column %s") % number for number in range(1, len(first.cells) + 1)]
    return Report(has_header=False, columns=[Column(name) for name in names]), chain([first], records)


def _is_header(cells: list[str]) -> bool:
    """A row of names, of which none is a number or a date."""
    return not any(readings(cell.strip()) for cell in cells)


def _with_header(cells: list[str]) -> Report:
    names = [_short(cell.strip()) or _("column %s") % number for number, cell in enumerate(cells, 1)]
    report = Report(has_header=True, columns=[Column(name) for name in names])
    for number, cell in enumerate(cells, 1):
        if not cell.strip():
            report.find("empty header", _("Column %s has no name.") % number)
    for name, times in Counter(name.lower() for name in names).items():
        if times > 1:
            report.find("duplicate header", _("%s columns have this name.") % times, column=name)
    return report


def _read(record: Record, report: Report, seen: set[int]) -> None:
    if record.cells is None:
        report.find("stray quote", _("Text follows a closing quote; row left out."), line=record.line)
        return
    if not any(cell.strip() for cell in record.cells):
        report.find("blank row", _("None of its cells has a value."), line=record.line)
        return
    if len(record.cells) != len(report.columns):
        report.find("ragged row", _ragged(len(record.cells), len(report.columns)), line=record.line)
    fingerprint = hash(tuple(record.cells))
    if fingerprint in seen:
        report.find("duplicate row", _("An earlier row is the same."), line=record.line)
    seen.add(fingerprint)
    absent = [""] * (len(report.columns) - len(record.cells))
    for column, cell in zip(report.columns, record.cells + absent, strict=False):
        column.add(record.line, cell)


def _ragged(found: int, expected: int) -> str:
    message = ngettext("%(found)s cell instead of %(all)s.", "%(found)s cells instead of %(all)s.", found)
    return message % {"found": found, "all": expected}


def _judge(report: Report) -> None:
    """What can only be said at the end, when the type of each column is known."""
    for column in report.columns:
        if column.type == EMPTY:
            report.find("empty column", _("No row has a value here."), column=column.name)
        if column.is_ambiguous_date:
            report.find("ambiguous date", _("Day and month may be either way round."), column=column.name)
        if column.fit:
            _name_misfits(report, column, column.fit)


def _name_misfits(report: Report, column: Column, fit: Fit) -> None:
    for line, text in fit.misfits:
        message = _("“%(text)s” is not of the type %(type)s.") % {"text": _short(text), "type": column.type}
        report.find("wrong type", message, line=line, column=column.name)
    if more := column.present - fit.count - len(fit.misfits):
        report.counts["wrong type"] += more


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
