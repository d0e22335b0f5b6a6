"""System checks of the settings and of every registered service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from pydantic import AliasChoices, BaseModel
from pydantic.errors import PydanticUserError

from quickscale_credits.checks import misspelled_keys
from quickscale_credits.ledger.joining import LONGEST_HOLD
from quickscale_services import discovery, engines
from quickscale_services.background_records import longest
from quickscale_services.base import BaseService
from quickscale_services.conf import conf
from quickscale_services.input_shapes import has_deep_files
from quickscale_services.pricing.expressions import FromInput, PerToken, Price, as_price
from quickscale_services.records import GRACE
from quickscale_services.registry import registry

NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST_NAME = 64
# They would stand where the pages have addresses of their own.
TAKEN_NAMES = {"keys", "runs"}
TAKEN_FIELDS = {"owner", "actor", "idempotency_key"}


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return [*misspelled_keys(conf, "quickscale_services.W001"), *_unusable_values()]


@register()
def check_imports(**kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{failed.module} cannot be imported, so its services are not offered: "
            f"{type(failed.error).__name__}: {failed.error}",
            hint=f"Mend it until `python -c 'import {failed.module}'` works within the project.",
            obj=failed.module,
            id="quickscale_services.E001",
        )
        for failed in discovery.failed_imports
    ]


@register()
def check_services(**kwargs: Any) -> list[CheckMessage]:
    return [message for service in registry.values() for message in check_service(service)]


@register()
def check_queue(**kwargs: Any) -> list[CheckMessage]:
    if not _is_queue_wanted():
        return []
    try:
        engines.require_queues({service.queue for service in registry.values()})
    except Exception as error:  # whatever an engine raises
        hint = "Name a backend and queues that are in TASKS, or the dotted path of a function."
        return [Error(f"Runs cannot be queued: {error}", hint=hint, id="quickscale_services.E013")]
    return []


@register(deploy=True)
def check_workers(**kwargs: Any) -> list[CheckMessage]:
    if not _is_queue_wanted() or check_queue() or engines.has_workers():
        return []
    hint = "Choose one that workers empty, such as django_tasks_db.DatabaseBackend, and start workers."
    message = f"The backend {conf.QUEUE!r} in TASKS, with which runs are queued, is meant for development."
    return [Warning(message, hint=hint, id="quickscale_services.W002")]


def check_service(service: BaseService) -> Iterator[CheckMessage]:
    yield from _name(service)
    yield from _cost(service)
    yield from _timeout(service)
    yield from _retries(service)
    yield from _execute(service)
    yield from _input(service)
    yield from _output(service)


def _is_queue_wanted() -> bool:
    """Whether the project says so: the HTTP API can do without a queue."""
    is_chosen = "QUEUE" in getattr(settings, conf.setting, {})
    return is_chosen or any(service.in_background for service in registry.values())


def _unusable_values() -> Iterator[CheckMessage]:
    for key in conf.keys():  # noqa: SIM118 - no dict
        try:
            getattr(conf, key)
        except ImproperlyConfigured as error:
            yield Error(str(error), id="quickscale_services.E002")


def _name(service: BaseService) -> Iterator[CheckMessage]:
    name = service.name
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        hint = f"Use at most {LONGEST_NAME} lower-case letters, digits, - and _, such as 'summarize'."
        yield _error(service, f"its name {name!r} is no slug", hint, "E003")
    elif name in TAKEN_NAMES:
        yield _error(service, f"the name {name!r} is an address of its own", "Choose another name.", "E003")


def _cost(service: BaseService) -> Iterator[CheckMessage]:
    is_own = type(service).get_cost is not BaseService.get_cost
    if isinstance(service.cost, Price):
        yield from _units(service, service.cost, is_estimated=is_own)
    elif not is_own:
        yield from _amount(service)


def _amount(service: BaseService) -> Iterator[CheckMessage]:
    try:
        as_price(service.cost)
    except (TypeError, ValueError) as error:
        hint = (
            "Write 2, '2.5' or Decimal('2.5'), a price such as pricing.PerUnit('pages', '0.1'), or override get_cost."
        )
        yield _error(service, f"its cost {service.cost!r} is no amount: {error}", hint, "E004")


def _units(service: BaseService, price: Price, *, is_estimated: bool) -> Iterator[CheckMessage]:
    is_estimated = is_estimated or type(service).estimate_units is not BaseService.estimate_units
    if price.units and not is_estimated:
        units = ", ".join(sorted(price.units))
        hint = f"Write estimate_units(self, data): the most that a run may use of {units}."
        yield _error(service, "nobody knows how much to hold for it", hint, "E010")
    for part in price.parts:
        if isinstance(part, PerToken) and isinstance(part.model, FromInput) and not _has(service, part.model.field):
            hint = "Add the field, or name another one in pricing.FromInput."
            yield _error(service, f"its Input has no field {part.model.field!r} to name a model", hint, "E011")


def _has(service: BaseService, field: str) -> bool:
    return _is_model(service.Input) and field in service.Input.model_fields


def _timeout(service: BaseService) -> Iterator[CheckMessage]:
    try:
        is_positive = service.time_limit.total_seconds() > 0
    except (TypeError, ValueError, OverflowError):
        is_positive = False
    if not is_positive:
        hint = "Give seconds or a timedelta above zero."
        yield _error(service, f"its timeout {service.timeout!r} is no time", hint, "E005")


def _retries(service: BaseService) -> Iterator[CheckMessage]:
    if any(_timeout(service)):
        return
    hint = (
        "retries is a whole number, retry_on a tuple of exceptions, queue_timeout and retry_delay are seconds or "
        f"timedeltas; all of it together is at most {LONGEST_HOLD.days} days."
    )
    try:
        is_sound = (
            isinstance(service.retries, int)
            and service.retries >= 0
            and service.delay_before(2) >= timedelta(0) < service.queue_time_limit
            and longest(service) + GRACE <= LONGEST_HOLD
            and all(issubclass(each, Exception) for each in service.retry_on)
        )
    except (TypeError, ValueError, OverflowError):
        is_sound = False
    if not is_sound:
        yield _error(service, "it cannot wait for a worker and be tried again as it says", hint, "E012")


def _execute(service: BaseService) -> Iterator[CheckMessage]:
    if type(service).execute is BaseService.execute:
        yield _error(service, "it does nothing", "Write execute(self, data, context).", "E006")


def _input(service: BaseService) -> Iterator[CheckMessage]:
    if not _is_model(service.Input):
        yield _error(service, "its Input is no pydantic model", "Derive it from pydantic.BaseModel.", "E007")
        return
    for name in sorted(_names_of_fields(service.Input) & TAKEN_FIELDS):
        hint = f"`run` has a parameter {name!r} of its own: give the field another name."
        yield _error(service, f"its Input has a field {name!r}", hint, "E008")
    unfit = list(_describable(service, service.Input, "validation"))
    yield from unfit or _files(service)


def _files(service: BaseService) -> Iterator[CheckMessage]:
    if has_deep_files(service):
        path = _path(service)
        hint = "Put it into a field of Input itself, alone or in a list; in Python it may stay where it is."
        message = f"No form, program or tool can send the service {path} a file that is deeper in its Input."
        yield Warning(message, hint=hint, obj=path, id="quickscale_services.W003")


def _names_of_fields(model: type[BaseModel]) -> set[Any]:
    """With their aliases, under which a caller may give them."""
    aliases = [field.validation_alias for field in model.model_fields.values()]
    choices = [alias.choices if isinstance(alias, AliasChoices) else [alias] for alias in aliases]
    return {*model.model_fields, *(name for names in choices for name in names if isinstance(name, str))}


def _output(service: BaseService) -> Iterator[CheckMessage]:
    if service.Output is None:
        return
    if not _is_model(service.Output):
        yield _error(service, "its Output is no pydantic model", "Derive it from pydantic.BaseModel.", "E007")
        return
    yield from _describable(service, service.Output, "serialization")


def _describable(service: BaseService, model: type[BaseModel], mode: Any) -> Iterator[CheckMessage]:
    try:
        model.model_json_schema(mode=mode)
    except PydanticUserError as error:
        hint = "Use types that JSON can say; for a file in the input, quickscale_services.files.Upload."
        yield _error(service, f"its {model.__name__} has no JSON schema: {error.message}", hint, "E009")


def _is_model(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, BaseModel)


def _error(service: BaseService, problem: str, hint: str, number: str) -> Error:
    path = _path(service)
    return Error(f"The service {path} cannot run: {problem}.", hint=hint, obj=path, id=f"quickscale_services.{number}")


def _path(service: BaseService) -> str:
    return f"{type(service).__module__}.{type(service).__qualname__}"
