"""What every run writes about itself, by SQL that is made once, as the ledger's is."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import models

from quickscale_credits.amounts import to_micro
from quickscale_credits.ledger.compiling import Slot, Statement, inserting, slots, updating
from quickscale_credits.ledger.joining import Tx, transact
from quickscale_services.models import ServiceRun

_FIELDS: dict[str, Any] = {field.attname: field for field in ServiceRun._meta.concrete_fields}
_ATTNAMES = {field.name: attname for attname, field in _FIELDS.items()}


def insert_run(run: ServiceRun) -> None:
    """`save(force_insert=True)`, but for Django's signals."""
    given = _plain({name: value for name, value in vars(run).items() if name in _FIELDS and value is not None})

    def work(tx: Tx) -> None:
        _insertion(tuple(given)).change(tx.db, **given)
        run._state.adding, run._state.db = False, tx.using

    transact(work)


def end_running(run: ServiceRun, changes: dict[str, Any]) -> bool:
    """`update(**changes)` of a run that is under way. False if it is not."""
    columns = {_ATTNAMES[name]: value for name, value in changes.items()}
    empty = frozenset(name for name, value in columns.items() if value is None)
    given = _plain({name: value for name, value in columns.items() if name not in empty})
    return transact(lambda tx: bool(_ending(tuple(given), empty).change(tx.db, **given, pk=run.pk)))


@cache
def _insertion(names: tuple[str, ...]) -> Statement:
    return Statement(lambda using: inserting(ServiceRun, *names))


@cache
def _ending(names: tuple[str, ...], empty: frozenset[str]) -> Statement:
    where = {"pk": Slot("pk", _FIELDS["id"]), "status": ServiceRun.Status.RUNNING.value}
    values: dict[str, Any] = slots(ServiceRun, *names) | dict.fromkeys(empty)
    return Statement(lambda using: updating(ServiceRun, where, values))


def _plain(columns: dict[str, Any]) -> dict[str, Any]:
    """As the ledger's statements take them: credits in micro-credits, choices as text, rows as their ids."""
    fitted = columns | {name: to_micro(columns[name]) for name in ("cost", "provider_cost") if name in columns}
    return {name: _plain_value(value) for name, value in fitted.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, models.TextChoices):
        return value.value
    return value.pk if isinstance(value, models.Model) else value
