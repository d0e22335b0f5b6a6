"""Errors as Stripe words them. https://docs.stripe.com/api/errors"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class StripeError(Exception):
    """An answer other than 200; `details` are the further members of Stripe's error object."""

    def __init__(self, status: int, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.details = {name: value for name, value in details.items() if value is not None}

    def body(self) -> dict[str, Any]:
        described = {"type": self.kind, "message": self.message, **self.details}
        if code := self.details.get("code"):
            described["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        return {"error": described}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    return StripeError(HTTPStatus.BAD_REQUEST, "invalid_request_error", message, param=param, code=code)


def missing(noun: str, identifier: str, *, param: str = "id") -> StripeError:
    message = f"No such {noun}: '{identifier}'"
    kind, code = "invalid_request_error", "resource_missing"
    # Stripe answers 404 for the object in the path and 400 for one that a parameter names.
    status = HTTPStatus.NOT_FOUND if param == "id" else HTTPStatus.BAD_REQUEST
    return StripeError(status, kind, message, param=param, code=code)


def unauthorized(message: str) -> StripeError:
    return StripeError(HTTPStatus.UNAUTHORIZED, "invalid_request_error", message)


def idempotency_mismatch(key: str) -> StripeError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(HTTPStatus.BAD_REQUEST, "idempotency_error", message)


def declined(code: str, message: str, **details: Any) -> StripeError:
    return StripeError(HTTPStatus.PAYMENT_REQUIRED, "card_error", message, code=code, **details)
