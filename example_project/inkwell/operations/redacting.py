"""Keys, passwords and links that let somebody in do not belong in a log, whoever wrote them there.

Each pattern begins with something fixed, and what it scans from there has a bound or ends where the next could begin:
a line takes time in proportion to its length, whatever it is made of.
"""

import logging
import re

SLASH = "(?:/|%2f)"
QUOTED = r"""(?:b?"[^"\n]{0,1000}"|b?'[^'\n]{0,1000}')"""
NAMED = "password|passwd|secret|token(?!s)|api[_-]?key|session_?(?:id|key)"
SECRETS = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in [
        # Headers, also as a traceback or a dictionary shows them.
        (r"""(cookie['"]?[ ]{0,4}[:=][ ]{0,4}['"]?)[^\n'"]+""", r"\1…"),
        (
            r"""(authorization['"]?[ ]{0,4}[:=][ ]{0,4}['"]?(?:\w{1,20}[ ]{1,4})?)[^\s'",]+""",
            r"\1…",
        ),
        (r"\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,}", r"\1 …"),
        # Keys of Stripe, and what it signs with; ours, whatever stands before them.
        (r"((?:sk|rk|pk|ek)_(?:live|test)_)\w+", r"\1…"),
        (r"(whsec_)[\w+/=]+", r"\1…"),
        (r"(_secret_)\w+", r"\1…"),
        (r"([0-9a-f]{16}_)[\w-]{43}", r"\1…"),
        # Links that let in: new passwords, confirmed addresses, invitations.
        (rf"""({SLASH}(?:reset{SLASH}key|reset|confirm-email|join){SLASH})[^\s/?&%"']+""", r"\1…"),
        # What is named, in a query, in JSON, in settings; and addresses of people in a query.
        (rf"""((?:{NAMED})[\w-]{{0,20}}['"]?\s{{0,4}}[=:]\s{{0,4}})(?:{QUOTED}|[^\s'"&,;]+)""", r"\1…"),
        (r"""([?&][^\s=&?]{1,40}=)[^\s&?"']*(?:@|%40)[^\s&?"']*""", r"\1…"),
        # Passwords in addresses of servers.
        (r"(://[^\s:/@]{0,100}):[^\s/@]+@", r"\1:…@"),
    ]
]


class RedactSecrets(logging.Filter):
    """A filter for a handler, through which the records of every logger pass; tracebacks too."""

    def filter(self, record):
        record.msg, record.args = redacted(message_of(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        if record.stack_info:
            record.stack_info = redacted(record.stack_info)
        return True


def message_of(record):
    """One whose arguments do not fit is written nevertheless: a filter that raises would break the page."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def redacted(text):
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
