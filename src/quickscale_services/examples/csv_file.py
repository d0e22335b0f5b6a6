"""CSV from somebody else's file: its encoding, its delimiter and its records with their line numbers."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

DELIMITERS = {"tab": "\t", "semicolon": ";", "pipe": "|", "comma": ","}

_MARKS = {codecs.BOM_UTF8: "UTF-8-sig", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_RECORDS = 100


class NotCsv(ValueError):
    """This cannot be read as CSV; the message says why, to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Record:
    """`cells` is None where a quote stands that does not belong there."""

    line: int
    cells: list[str] | None


def decode(content: bytes) -> tuple[str, str]:
    """The text and the name of its encoding, which without a mark is UTF-8 or else taken for Windows-1252."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return _decode_as(encoding, content), encoding.removesuffix("-sig")
    try:
        return _without_nul(content.decode("utf-8")), "UTF-8"
    except UnicodeDecodeError:
        return _without_nul(content.decode("cp1252", errors="replace")), "Windows-1252"


def detect_delimiter(text: str) -> str:
    """The name of the delimiter that cuts most of the first records into the same number of cells."""
    agreement = {name: _agreement(text[:_SAMPLE_CHARACTERS], mark) for name, mark in DELIMITERS.items()}
    best = max(agreement, key=lambda name: agreement[name])
    return best if agreement[best] else "comma"


def records(text: str, delimiter: str) -> Iterator[Record]:
    """Every record but blank lines. A quote that is never closed or a huge cell raises `NotCsv`."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _misquoted(line, error)
            continue
        if len(cells) > 1 or any(cell.strip() for cell in cells):
            yield Record(line, cells)


def _misquoted(line: int, error: csv.Error) -> Record:
    # The reader goes on after text that follows a closing quote; its other errors have eaten what came next.
    if "expected after" in str(error):
        return Record(line, None)
    message = _(
        "The record that begins in line %(line)s never ends: a quote is not closed, or a cell is longer than "
        "%(limit)s characters."
    )
    raise NotCsv(message % {"line": line, "limit": f"{csv.field_size_limit():,}"}) from None


def _decode_as(encoding: str, content: bytes) -> str:
    try:
        return _without_nul(content.decode(encoding))
    except UnicodeDecodeError as error:
        message = _("This is marked as %(encoding)s, but byte %(position)s is not.")
        values = {"encoding": encoding.removesuffix("-sig"), "position": error.start + 1}
        raise NotCsv(message % values) from None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise NotCsv(_("This is no text, for it holds NUL characters. Save a spreadsheet as CSV and send that."))
    return text


def _agreement(sample: str, delimiter: str) -> float:
    """How much of the sample has the commonest width; nothing where the delimiter hardly occurs."""
    widths = _widths(sample, delimiter)
    for width, count in widths.most_common(1):
        return count / widths.total() if width > 1 else 0
    return 0


def _widths(sample: str, delimiter: str) -> Counter[int]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    widths: Counter[int] = Counter()
    try:
        for cells in reader:
            widths[len(cells)] += 1
            if widths.total() == _SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # a cell beyond the limit: what stood before it has to tell
    return widths
