"""From an exception to problem JSON, by one table."""

from __future__ import annotations

import logging
import math
import uuid
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja.errors import ValidationError

from quickscale_credits.exceptions import InsufficientCredits, LedgerDamaged
from quickscale_services import problems
from quickscale_services.api.rendering import as_json, credits_text
from quickscale_services.exceptions import InvalidInput, RateLimited, UnknownService

logger = logging.getLogger("quickscale_services")

PROBLEM_JSON = "application/problem+json"


class Unauthorized(Exception):
    """No key, no session, or a key that is refused: which of these, nobody is told."""


class MethodNotAllowed(Exception):
    """The address has other methods."""

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class UnsupportedMediaType(Exception):
    """The body is of a kind that the address does not take."""


# What an exception is not found as itself, it is as its nearest base.
ANSWERS: dict[type[Exception], tuple[int, str]] = {
    **problems.ANSWERS,
    Unauthorized: (401, "unauthorized"),
    PermissionDenied: (403, "forbidden"),
    Http404: (404, "not_found"),
    UnknownService: (404, "unknown_service"),
    MethodNotAllowed: (405, "method_not_allowed"),
    RequestDataTooBig: (413, "payload_too_large"),
    UnsupportedMediaType: (415, "unsupported_media_type"),
    ValidationError: (422, "invalid_input"),
    MultiPartParserError: (422, "invalid_input"),
    BadRequest: (422, "invalid_input"),
    SuspiciousOperation: (422, "invalid_input"),
    UnreadablePostError: (422, "invalid_input"),
    LedgerDamaged: (503, "unavailable"),
    InterfaceError: (503, "unavailable"),
    OperationalError: (503, "unavailable"),
    Exception: (500, "internal_error"),
}
# Of the others, the exception's own message is fit for a client.
DETAILS = {
    "unauthorized": gettext_lazy("Send Authorization: Bearer with a valid API key, or log in."),
    "not_found": gettext_lazy("There is nothing here, or it is not yours."),
    "payload_too_large": gettext_lazy("The body is larger than is accepted here."),
    "unavailable": gettext_lazy(
        "This cannot be answered at the moment. Try again; an Idempotency-Key makes that safe."
    ),
    "internal_error": gettext_lazy("Something went wrong here. It was logged under this id."),
}
CODES = sorted({code for _status, code in ANSWERS.values()})


def problem_response(request: HttpRequest, error: Exception) -> HttpResponse:
    """Whatever is raised becomes an answer."""
    body = problem(request, error)
    return HttpResponse(as_json(body), status=body["status"], content_type=PROBLEM_JSON, headers=_headers(error))


def problem(request: HttpRequest, error: Exception) -> dict[str, Any]:
    """What is no one's fault but ours is logged; a client gets the id under which it was."""
    status, code = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    extras = _extras(error, code)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("Error %s at %s", extras["id"], request.path, exc_info=error)
    elif isinstance(error, LedgerDamaged):
        logger.error("%s could not be answered: verify_ledger says what is damaged.", request.path, exc_info=error)
    elif code == "unavailable":
        logger.warning("%s could not be answered: the database does not.", request.path, exc_info=error)
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": _detail(error, code),
        **extras,
    }


def _detail(error: Exception, code: str) -> str:
    if code == "invalid_input":
        return _("The input does not fit.")
    if isinstance(error, MethodNotAllowed):
        return _("This address has %(methods)s.") % {"methods": error.allowed}
    return str(DETAILS.get(code) or error)


def _extras(error: Exception, code: str) -> dict[str, Any]:
    if isinstance(error, InsufficientCredits):
        return {"required": credits_text(error.required), "available": credits_text(error.available)}
    if code == "invalid_input":
        return {"errors": _errors(error)}
    if code == "internal_error":
        return {"id": uuid.uuid4().hex}
    run = getattr(error, "run", None)
    if run is None:
        return {}
    return {"run_id": str(run.pk)} | ({"cost": credits_text(run.cost)} if run.cost else {})


def _errors(error: Exception) -> list[dict[str, Any]]:
    if isinstance(error, InvalidInput | ValidationError):
        return [
            {"loc": list(each.get("loc", ())), "msg": str(each.get("msg", "")), "type": str(each.get("type", ""))}
            for each in error.errors
        ]
    return [{"loc": [], "msg": str(error), "type": "body"}]


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.allowed}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after.total_seconds())))}
    return {}
