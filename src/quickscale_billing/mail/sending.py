"""Sending what was written down: claimed first, so that nothing goes out twice by itself, whoever dies meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from smtplib import SMTPAuthenticationError, SMTPConnectError
from socket import gaierror
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from quickscale_billing import queueing
from quickscale_billing.conf import conf
from quickscale_billing.mail.letters import Obsolete
from quickscale_billing.mail.readers import Reader, reader_of
from quickscale_billing.mail.rendering import message_of
from quickscale_billing.mail.writing import JOB
from quickscale_billing.models import Mail
from quickscale_credits.ledger.joining import refuse_open_transaction

logger = logging.getLogger(__name__)

State = Mail.State

# Whoever sends is done, or has given up, within this time.
ABANDONED_AFTER: Final = timedelta(minutes=15)
# What is older than this is no news: a sweep that was away for a month does not write of all that happened.
STALE_AFTER: Final = timedelta(days=7)
# The mail server was not spoken with, so that nothing can have gone out.
UNREACHED: Final = (ConnectionRefusedError, gaierror, SMTPConnectError, SMTPAuthenticationError)
LONGEST_WAIT: Final = timedelta(hours=1)
# So that it is tried for about a day.
MOST_TRIES: Final = 30


@queueing.job(JOB)
def send(pk: int) -> bool:
    """Send a letter that waits; whether it was sent now. Whoever is second finds nothing to do.

    Where the mail server cannot be reached, it waits and is tried again, for a day. All else that goes wrong is noted,
    and left to somebody who looks at it: it may have arrived. Not to be called inside a transaction.
    """
    refuse_open_transaction("Sending mail")
    kinds = conf.MAIL  # one that cannot be used is told before anything is claimed
    mine = Mail.objects.due().filter(pk=pk)
    if not mine.update(state=State.SENDING, attempts=F("attempts") + 1, claimed_at=timezone.now()):
        return False
    mail = Mail.objects.select_related("account__owner").get(pk=pk)
    outcome = _outcome(mail) if mail.kind in kinds else _dropped("MAIL has this kind switched off.")
    # Unless somebody has meanwhile asked for another attempt: that one speaks for itself.
    under_way = Mail.objects.filter(pk=pk, attempts=mail.attempts, state__in=[State.SENDING, State.FAILED])
    under_way.update(**outcome)
    return bool(outcome["state"] == State.SENT)


def send_each() -> Iterator[bool]:
    """Send what waits, oldest first; whether each was sent. What a process died over is listed as failed."""
    _give_up_abandoned()
    for pk in list(Mail.objects.due().order_by("pk").values_list("pk", flat=True)):
        yield send(pk)


def resend(pk: int) -> bool:
    """Have it sent once more, because somebody decided so; False while it waits or is being sent anyway."""
    asked = Mail.objects.resendable().filter(pk=pk)
    now = timezone.now()
    if not asked.update(state=State.WAITING, due_at=now, happened_at=now, problem=""):
        return False
    queueing.hand_over(JOB, pk)
    return True


def _give_up_abandoned() -> None:
    """It may have gone out before the process ended: that it has not is for a person to find out."""
    abandoned = Mail.objects.filter(state=State.SENDING, claimed_at__lte=timezone.now() - ABANDONED_AFTER)
    abandoned.update(state=State.FAILED, problem="Whoever sent it did not come back: it may have arrived, or not.")


def _outcome(mail: Mail) -> dict[str, Any]:
    """Its columns after this attempt."""
    if mail.happened_at < timezone.now() - STALE_AFTER:
        return _dropped("It happened too long ago.")
    try:
        reader = reader_of(mail)
        if not reader.to:
            return _dropped("There is nobody to send it to.")
        Mail.objects.filter(pk=mail.pk, attempts=mail.attempts).update(**_known_of(reader))
        message_of(mail, reader).send()
    except Obsolete as reason:
        return _dropped(str(reason))
    except UNREACHED as error:
        return _unreached(mail, error)
    except Exception as error:  # whatever a mailer, a template or a host's function raises
        logger.exception("%s could not be sent.", mail)
        return {"state": State.FAILED, "problem": _told(error)}
    return {"state": State.SENT, "problem": "", "sent_at": timezone.now()}


def _dropped(why: str) -> dict[str, Any]:
    return {"state": State.DROPPED, "problem": why}


def _known_of(reader: Reader) -> dict[str, str]:
    return {"to": ", ".join(reader.to), "language": reader.language}


def _unreached(mail: Mail, error: Exception) -> dict[str, Any]:
    if mail.attempts >= MOST_TRIES:
        return {"state": State.FAILED, "problem": _told(error)}
    wait = min(LONGEST_WAIT, timedelta(minutes=1) * (1 << min(mail.attempts - 1, 10)))
    return {"state": State.WAITING, "problem": _told(error), "due_at": timezone.now() + wait}


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
