"""The text of an API key: what its owner keeps, and what we keep of it."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from django.utils.crypto import constant_time_compare

_FORM = re.compile(r"qs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainKey:
    """`qs_`, a public id to look it up by, and a secret of 256 bits."""

    public_id: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls, public_id: str = "") -> Self:
        return cls(public_id=public_id or secrets.token_hex(8), secret=secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        matched = _FORM.fullmatch(text)
        return cls(public_id=matched[1], secret=matched[2]) if matched else None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, digest: str) -> bool:
        return constant_time_compare(self.digest, digest)

    def __str__(self) -> str:
        return f"qs_{self.public_id}_{self.secret}"


def redacted(text: str) -> str:
    return _FORM.sub(r"qs_\1_[secret]", text)


class RedactKeys(logging.Filter):
    """Blanks the secret of every API key in a record, in its arguments and its traceback.

    Our logger and Django's have it; a host gives it to the handlers of others, such as a server's access log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _FORM.search(message):
            record.msg, record.args = redacted(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True
