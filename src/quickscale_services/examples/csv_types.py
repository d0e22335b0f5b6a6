"""What the values of a CSV column may be: each type reads a value into something that can be ordered."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

Ordered = bool | int | Decimal | date | datetime

_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}
# A leading zero makes a code of it: postal codes and telephone numbers are no numbers.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:[.,][0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}\S{0,20}")
_THREE_NUMBERS = re.compile(r"([0-9]{1,2})([./])([0-9]{1,2})\2([0-9]{4})")
_LONGEST = 48


def read_boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.lower())


def read_integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def read_decimal(text: str) -> Decimal | None:
    return Decimal(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else None


def read_iso_date(text: str) -> date | None:
    return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None


def read_moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    moment = datetime.fromisoformat(text)
    # Only so that moments with and without a zone can be compared.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_day_first(text: str) -> date | None:
    match = _THREE_NUMBERS.fullmatch(text)
    return date(int(match[4]), int(match[3]), int(match[1])) if match else None


def read_month_first(text: str) -> date | None:
    match = _THREE_NUMBERS.fullmatch(text)
    return date(int(match[4]), int(match[1]), int(match[3])) if match and match[2] == "/" else None


# The narrower type stands first: of two that fit as many values, the first is taken.
TYPES: dict[str, Callable[[str], Ordered | None]] = {
    "boolean": read_boolean,
    "integer": read_integer,
    "decimal": read_decimal,
    "date": read_iso_date,
    "date and time": read_moment,
    "date, day first": read_day_first,
    "date, month first": read_month_first,
}


def readings(text: str) -> dict[str, Ordered]:
    """The value by each type that it fits."""
    if len(text) > _LONGEST:
        return {}
    found = ((name, _read(reader, text)) for name, reader in TYPES.items())
    return {name: value for name, value in found if value is not None}


def _read(reader: Callable[[str], Ordered | None], text: str) -> Ordered | None:
    try:
        return reader(text)
    except ValueError:  # it looks like a date, but there is no such day
        return None
