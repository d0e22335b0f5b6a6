"""One question to a server that speaks OpenAI's protocol of chat completions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic_core import from_json

from quickscale_services import usage
from quickscale_services.context import Context
from quickscale_services.examples.conf import conf
from quickscale_services.exceptions import ServiceFailed, ServiceTimeout

MOST_BYTES = 2 * 1024 * 1024
SECONDS_TO_CONNECT = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """`units` are the tokens that the server has counted."""

    text: str
    units: dict[str, int]
    is_cut_off: bool


def complete(messages: list[dict[str, str]], *, most_tokens: int, context: Context) -> Completion:
    """Raises `ServiceTimeout` at the deadline of the run, and `ServiceFailed` in words that people may read."""
    body = {"model": conf.CHAT_MODEL, "messages": messages, conf.CHAT_LIMIT_FIELD: most_tokens}
    try:
        return _read(from_json(_post(body, context)))
    except httpx2.TimeoutException as error:
        raise ServiceTimeout(_("The model did not answer in time; nothing was charged.")) from error
    except httpx2.HTTPError as error:
        raise ServiceFailed(_("The model cannot be reached at the moment; nothing was charged.")) from error
    except (LookupError, TypeError, ValueError) as error:
        raise ServiceFailed(_("The model's answer could not be read; nothing was charged.")) from error


def _post(body: dict[str, Any], context: Context) -> bytes:
    address = f"{conf.CHAT_BASE_URL}/chat/completions"
    headers = {"Authorization": f"Bearer {conf.CHAT_API_KEY}"} if conf.CHAT_API_KEY else {}
    left = max((context.deadline - timezone.now()).total_seconds(), 0.001)
    limits = httpx2.Timeout(left, connect=min(left, SECONDS_TO_CONNECT))
    with httpx2.stream("POST", address, json=body, headers=headers, timeout=limits) as response:
        if response.status_code != httpx2.codes.OK:
            raise ServiceFailed(_refusal(response.status_code))
        return _received(response, context)


def _received(response: httpx2.Response, context: Context) -> bytes:
    """Each read may take as long as the run has left, so between them somebody has to look at the clock."""
    received = bytearray()
    for chunk in response.iter_bytes():
        context.check()
        received += chunk
        if len(received) > MOST_BYTES:
            raise ValueError(f"The answer has more than {MOST_BYTES} bytes.")
    return bytes(received)


def _refusal(status: int) -> str:
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        return _("The model is busy: try again in a while. Nothing was charged.")
    return _("The model refused to answer (HTTP %(status)d); nothing was charged.") % {"status": status}


def _read(answer: Any) -> Completion:
    choice = answer["choices"][0]
    message = choice["message"]
    text = message.get("content") or message.get("refusal")
    if not isinstance(text, str):
        raise TypeError(f"A message has content, a text, not {type(text).__name__}.")
    return Completion(
        text=text, units=usage.units(answer.get("usage")), is_cut_off=choice.get("finish_reason") == "length"
    )
