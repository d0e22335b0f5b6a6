"""One checked request to the ledger: what idempotency compares, and what the entry will say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Model

from quickscale_credits.amounts import to_micro, to_positive_micro
from quickscale_credits.ledger.sealing import digest

_REASON = re.compile(r"[-a-zA-Z0-9_]{1,64}")

MAX_DEPTH = 30  # MariaDB takes JSON that is up to 31 deep
# The verbs for which no amount means all there is.
_ALL_BY_DEFAULT = {"reverse", "revoke", "expire_grant", "freeze"}

Amount = int | Decimal | str


class OwnKey(str):
    """An idempotency key of the library's own apps; only these may begin with `qs:`."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """`about` names the type, grant, entry or account that is meant; `micro` is signed for an adjustment alone."""

    verb: str
    micro: int
    reason: str
    reference: str = ""
    key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    actor: str = ""
    about: str = ""

    @property
    def fingerprint(self) -> int | None:
        """A signed 64-bit digest of what a replay must repeat; None without a key."""
        if self.key is None:
            return None
        return digest([self.verb, str(self.micro), self.reason, self.reference, self.about])


def request(
    verb: str,
    amount: Amount | None,
    *,
    reason: str,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
    about: object = "",
    signed: bool = False,
) -> Request:
    """Raises `TypeError`, `InvalidAmount` or `ValueError`; where None means all there is, it counts 0 micro-credits."""
    return Request(
        verb=verb,
        micro=_micro(verb, amount, signed=signed),
        reason=checked_reason(reason),
        reference=checked_text("reference", reference),
        key=checked_key(idempotency_key),
        metadata=checked_metadata(metadata),
        actor=checked_actor(actor),
        about=str(about),
    )


def checked_row(row: object, model: type[Model]) -> None:
    """Raises `TypeError` for what is no such row, and `ValueError` for one that is not in the database."""
    if not isinstance(row, model):
        raise TypeError(f"A {model.__name__} is expected, not a {type(row).__name__}.")
    if row.pk is None:
        raise ValueError(f"This {model.__name__} is not in the database: take one that the ledger gave.")


def gone(row: Model) -> ValueError:
    """For a row that the caller holds and the database does not: the transaction that made it was rolled back."""
    return ValueError(f"This {type(row).__name__} ({row.pk}) is not in the database: was it rolled back?")


def checked_reason(reason: str) -> str:
    if not isinstance(reason, str) or not _REASON.fullmatch(reason):
        raise ValueError(f"A reason is a slug of 1 to 64 letters, digits, - and _, not {_shown(reason)}.")
    return reason


def checked_text(name: str, value: str, longest: int = 255) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a str, not a {type(value).__name__}.")
    if len(value) > longest:
        raise ValueError(f"{name} has {len(value)} characters; at most {longest} fit.")
    if "\x00" in value or not (value.isascii() or _encodable(value)):
        raise ValueError(f"{name} has characters that no database can keep: {_shown(value)}.")
    return value


def checked_key(key: str | None) -> str | None:
    if key is None or key == "":
        return None
    if checked_text("idempotency_key", key).startswith("qs:") and not isinstance(key, OwnKey):
        raise ValueError("Idempotency keys that begin with qs: are the library's own; choose another prefix.")
    return str(key)


def checked_actor(actor: object) -> str:
    """A user's primary key as text, or the text that was given."""
    key = getattr(actor, "pk", actor)
    if key is None and actor is not None:
        raise ValueError(f"actor must be saved first: this {type(actor).__name__} has no primary key.")
    return checked_text("actor", "" if key is None else str(key))


def checked_metadata(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """A copy as the database will give it back: with text for keys and lists for tuples."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata must be a dict, not a {type(metadata).__name__}.")
    try:
        text = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be a JSON object: {error}") from error
    if "\\u0000" in text.replace("\\\\", "") or not _encodable(text):
        raise ValueError("metadata has characters that no database can keep.")
    stored: dict[str, Any] = json.loads(text)
    if _is_deeper(stored, MAX_DEPTH):
        raise ValueError(f"metadata must not be nested more than {MAX_DEPTH} deep.")
    return stored


def _is_deeper(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(item, depth - 1) for item in items)


def _micro(verb: str, amount: Amount | None, *, signed: bool) -> int:
    if amount is None:
        if verb in _ALL_BY_DEFAULT:
            return 0
        raise TypeError("Credits are an int, a Decimal or a str such as '2.5', not None.")
    if not signed:
        return to_positive_micro(amount)
    micro = to_micro(amount)
    return micro if micro else to_positive_micro(amount)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
