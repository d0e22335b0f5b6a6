"""Whether a service would work for a customer: what it says of itself, its price, and a run that leaves nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import DatabaseError, connections, transaction
from django.db.models import Model

from quickscale_credits.conf import owner_model
from quickscale_credits.testing import fund
from quickscale_services.base import BaseService
from quickscale_services.causes import cause_of
from quickscale_services.checks import check_service
from quickscale_services.example_input import example_of
from quickscale_services.exceptions import InvalidInput, ServiceForbidden
from quickscale_services.models import Service

EXAMPLES = "Give its fields examples that fit: Field(examples=[…])."


@dataclass(frozen=True, kw_only=True)
class Validated:
    """`problems` are what is wrong and what to do; `price` is that of the example, where there is one."""

    problems: list[str]
    price: Decimal | None = None


def validate(service: BaseService, *, with_run: bool = True) -> Validated:
    """Whatever the service writes in our databases while it is tried is rolled back; what it does elsewhere is done."""
    if problems := [f"{message.msg} {message.hint}" for message in check_service(service)]:
        return Validated(problems=problems)
    problems = list(_undocumented(service))
    price = None
    try:
        with _rolled_back(), _quiet():
            _as_in_code(service)
            price = _tried(service, with_run=with_run)
    except _Problem as found:
        problems.append(str(found))
    return Validated(problems=problems, price=price)


class _Problem(Exception):
    """What is wrong, and what to do."""


def _undocumented(service: BaseService) -> Iterator[str]:
    if not service.title:
        yield 'It has no title, which pages and the API show. Write title = "…".'
    if not service.description:
        yield 'It has no description, which pages and the API show. Write description = "…".'


def _tried(service: BaseService, *, with_run: bool) -> Decimal:
    example = _example(service)
    price = _price(service, example)
    if with_run:
        _run(service, example, price)
    return price


def _example(service: BaseService) -> dict[str, Any]:
    try:
        return example_of(service.Input)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _Problem(f"No example of its input could be made: {cause_of(error)} {EXAMPLES}") from error


def _price(service: BaseService, example: dict[str, Any]) -> Decimal:
    try:
        return service.estimate(**example)
    except InvalidInput as error:
        raise _Problem(f"The example of its input was refused: {error}. {EXAMPLES}") from error
    except Exception as error:  # a service's own code
        raise _Problem(
            f"Its price cannot be told: {cause_of(error)} get_cost must give 0 or more for any input."
        ) from error


def _run(service: BaseService, example: dict[str, Any], price: Decimal) -> None:
    owner = _owner()
    if price:
        fund(owner, price)
    try:
        service.run(owner, **example)
    except ServiceForbidden:
        return  # made for nothing but this run, the owner has neither plan nor role
    except InvalidInput as error:
        raise _Problem(f"It refused the example of its input: {error}. {EXAMPLES}") from error
    except Exception as error:  # a service's own code
        raise _Problem(f"A run on an example failed: {cause_of(error)} Mend it, or give better examples.") from error


def _owner() -> Model:
    """A new one, of which no signal tells; where that needs more than a name, anyone, who will not notice."""
    model = apps.get_model(owner_model())
    owner = _made(model) or model._default_manager.first()
    if owner is None:
        raise _Problem(f"A run needs a {model._meta.label}, and there is none. Make one, or validate with --no-run.")
    return owner


def _made(model: type[Model]) -> Model | None:
    named = getattr(model, "USERNAME_FIELD", None)
    made = model(**({named: f"{uuid4().hex[:12]}@example.com"} if named else {}))
    try:
        with transaction.atomic():
            model._default_manager.bulk_create([made])
    except (DatabaseError, ValueError):
        return None
    return made if made.pk is not None else None  # MySQL does not tell the key of what is made in bulk


def _as_in_code(service: BaseService) -> None:
    """Without what an administrator has set."""
    Service.objects.filter(name=service.name).update(is_active=True, cost_override=None, rate_limit="")


@contextmanager
def _rolled_back() -> Iterator[None]:
    """A transaction around it all, as test cases have one: runs take no notice of it."""
    with ExitStack() as stack:
        for alias in connections:
            block = transaction.atomic(using=alias)
            block._from_testcase = True  # type: ignore[attr-defined]
            stack.enter_context(block)
            stack.callback(transaction.set_rollback, True, using=alias)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """The problem is told once, without a traceback."""
    logger = logging.getLogger("quickscale_services")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
