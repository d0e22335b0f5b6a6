"""A letter made of its two templates, in its reader's language and time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from quickscale_billing.conf import conf
from quickscale_billing.mail.letters import Letter, letter_of
from quickscale_billing.mail.readers import Reader
from quickscale_billing.models import Mail

FOLDER = "quickscale_billing/mail"


def message_of(mail: Mail, reader: Reader) -> EmailMultiAlternatives:
    """Raises what its rows, templates and fonts do."""
    language = reader.language or settings.LANGUAGE_CODE
    zone = ZoneInfo(reader.time_zone) if reader.time_zone else None
    with translation.override(language), timezone.override(zone):
        return _message(letter_of(mail), mail.kind, reader)


def _message(letter: Letter, name: str, reader: Reader) -> EmailMultiAlternatives:
    subject, _, text = _rendered(f"{name}.txt", letter.context).partition("\n")
    context: dict[str, Any] = {**letter.context, "subject": _one_line(subject)}
    message = EmailMultiAlternatives(
        subject=context["subject"], body=text.strip() + "\n", from_email=conf.MAIL_FROM, to=list(reader.to)
    )
    message.attach_alternative(_rendered(f"{name}.html", context), "text/html")
    for file in letter.attachments:
        message.attach(*file)
    return message


def _rendered(template: str, context: dict[str, Any]) -> str:
    return render_to_string(f"{FOLDER}/{template}", context).strip()


def _one_line(text: str) -> str:
    """A header of two lines would be two headers."""
    return " ".join(text.split())
