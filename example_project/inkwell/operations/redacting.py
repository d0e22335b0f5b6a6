"""Keys and passwords do not belong in a log, whoever wrote them there."""

import logging
import re

SECRETS = [
    (re.compile(r"\b(sk|rk|pk)_(live|test)_\w{4,}"), r"\1_\2_…"),
    (re.compile(r"\bwhsec_\w{4,}"), "whsec_…"),
    (re.compile(r"\bqs_([0-9a-f]{16})_[\w-]{43}"), r"qs_\1_…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 …"),
    (re.compile(r"(?i)\b(password|secret|token|api_?key)(\s*[=:]\s*)\S+"), r"\1\2…"),
    (re.compile(r"(\w+://[^\s:/@]+):[^\s@/]+@"), r"\1:…@"),
]


class RedactSecrets(logging.Filter):
    """A filter for a handler, through which the records of every logger pass; tracebacks too."""

    def filter(self, record):
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def redacted(text):
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
