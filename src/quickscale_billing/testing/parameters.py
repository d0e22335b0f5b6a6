"""What an operation accepts: parsers that turn the strings of a form into values, and refuse what is not named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quickscale_billing.testing.errors import StripeError, invalid

Parser = Callable[[Any, str], Any]
Params = dict[str, Any]

METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500


class Required:
    def __init__(self, parser: Parser) -> None:
        self.parser = parser


Fields = Mapping[str, Parser | Required]


def text(raw: Any, name: str) -> str | None:
    """An empty string unsets, so it comes as None."""
    if not isinstance(raw, str):
        raise invalid(f"Invalid string: {raw!r}", param=name)
    if len(raw) > 5000:
        raise invalid(f"Invalid string: {name} must be at most 5000 characters", param=name)
    return raw or None


def word(raw: Any, name: str) -> str:
    if found := text(raw, name):
        return found
    message = f"You passed an empty string for '{name}'."
    raise invalid(message, param=name, code="parameter_invalid_empty")


def integer(raw: Any, name: str) -> int:
    try:
        return int(text(raw, name) or "")
    except ValueError:
        raise invalid(f"Invalid integer: {raw}", param=name, code="parameter_invalid_integer") from None


def positive(raw: Any, name: str) -> int:
    number = integer(raw, name)
    if number < 0:
        message = "This value must be greater than or equal to 0."
        raise invalid(message, param=name, code="parameter_invalid_integer")
    return number


def decimal(raw: Any, name: str) -> float:
    try:
        return float(text(raw, name) or "")
    except ValueError:
        raise invalid(f"Invalid decimal: {raw}", param=name) from None


def boolean(raw: Any, name: str) -> bool:
    if raw not in ("true", "false"):
        raise invalid(f"Invalid boolean: {raw}", param=name)
    return bool(raw == "true")


def currency(raw: Any, name: str) -> str:
    code = str(text(raw, name)).lower()
    if len(code) != 3 or not code.isalpha():
        raise invalid(f"Invalid currency: {raw}", param=name)
    return code


def one_of(*allowed: str) -> Parser:
    def parse(raw: Any, name: str) -> str:
        if raw not in allowed:
            message = f"Invalid {name}: must be one of {', '.join(allowed)}"
            raise invalid(message, param=name)
        return str(raw)

    return parse


def unless_empty(parser: Parser) -> Parser:
    """An empty string unsets and comes as None."""
    return lambda raw, name: None if raw == "" else parser(raw, name)


def either(word: str, parser: Parser) -> Parser:
    return lambda raw, name: word if raw == word else parser(raw, name)


def many(parser: Parser) -> Parser:
    def parse(raw: Any, name: str) -> list[Any]:
        if raw == "":
            return []
        if not isinstance(raw, list):
            raise invalid(f"Invalid array: {name} must be a list", param=name)
        return [parser(member, f"{name}[{index}]") for index, member in enumerate(raw)]

    return parse


def nested(fields: Fields | None = None, **more: Parser | Required) -> Parser:
    members = {**(fields or {}), **more}

    def parse(raw: Any, name: str) -> Params:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=name)
        return parse_fields(raw, members, within=name)

    return parse


def metadata(raw: Any, name: str) -> dict[str, str]:
    """https://docs.stripe.com/api/metadata: an empty value deletes its key, an empty string all of them."""
    if raw == "":
        return {}
    if not isinstance(raw, dict):
        raise invalid("Invalid hash: metadata must be key-value pairs", param=name)
    if len(raw) > METADATA_KEYS:
        raise invalid(f"Metadata can have at most {METADATA_KEYS} keys", param=name)
    for key, value in raw.items():
        check_metadata(key, value, name)
    return dict(raw)


def check_metadata(key: str, value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise invalid("Metadata values must be strings", param=f"{name}[{key}]")
    if len(key) > METADATA_KEY_LENGTH:
        raise invalid(f"Metadata keys can have up to {METADATA_KEY_LENGTH} characters", param=name)
    if len(value) > METADATA_VALUE_LENGTH:
        message = f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters, but you passed in {len(value)}"
        raise invalid(message, param=f"{name}[{key}]")


def time_range(raw: Any, name: str) -> dict[str, int]:
    """`created[gte]=…`, or one second."""
    if isinstance(raw, dict):
        bounds = dict.fromkeys(("gt", "gte", "lt", "lte"), integer)
        return parse_fields(raw, bounds, within=name)
    moment = integer(raw, name)
    return {"gte": moment, "lte": moment}


def parse_fields(raw: Mapping[str, Any], fields: Fields, *, within: str = "") -> Params:
    """The named parameters that were given; a required one that was not, or an unknown one, is an error."""
    for name in raw:
        if name not in fields:
            raise unknown(full_name(name, within))
    parsed: Params = {}
    for name, field in fields.items():
        required, parser = isinstance(field, Required), field.parser if isinstance(field, Required) else field
        full = full_name(name, within)
        if name in raw:
            parsed[name] = parser(raw[name], full)
        elif required:
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return parsed


def full_name(name: str, within: str) -> str:
    return f"{within}[{name}]" if within else name


def unknown(name: str) -> StripeError:
    message = (
        f"Received unknown parameter: {name} (Stripe does not know it for this operation, or its simulator does not "
        "play it; docs/reference/simulator.md lists what it plays)"
    )
    return invalid(message, param=name, code="parameter_unknown")


def merge_metadata(current: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    if not given:
        return {}
    return {key: value for key, value in (current | given).items() if value}
