"""Mail backends on which something goes wrong."""

import os
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.core.mail.backends.base import BaseEmailBackend


class Refusing(BaseEmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise SMTPRecipientsRefused({messages[0].to[0]: (550, b"no such mailbox")})


class Unreachable(BaseEmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError(111, "Connection refused")


class Deadly(BaseEmailBackend):
    """Hands the letter over, and then its process dies."""

    def send_messages(self, messages: Any) -> int:
        print(messages[0].subject, flush=True)
        os._exit(9)
