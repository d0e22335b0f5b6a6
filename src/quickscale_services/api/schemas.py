"""What the answers look like."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

from ninja import Field, Schema

from quickscale_credits.ledger import Balance
from quickscale_credits.models import LedgerEntry
from quickscale_services.api.rendering import credits_text, seconds
from quickscale_services.base import BaseService
from quickscale_services.models import Service, ServiceRun
from quickscale_services.pricing.labels import fixed_price, price_label
from quickscale_services.schemas import output_schema

Credits = Annotated[str, Field(pattern=r"^-?\d+(\.\d{1,6})?$", examples=["2.5"])]
Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class ServiceSummary(Schema):
    name: str
    title: str
    description: str
    cost: Credits | None = Field(description="Null where it depends on the input: ask for an estimate.")
    price: str = Field(description="For people.")

    @classmethod
    def of(cls, service: BaseService, switch: Service) -> Self:
        return cls(**cls._values(service, switch))

    @staticmethod
    def _values(service: BaseService, switch: Service) -> dict[str, Any]:
        cost = fixed_price(service, switch)
        return {
            "name": service.name,
            "title": str(service),
            "description": str(service.description),
            "cost": None if cost is None else credits_text(cost),
            "price": price_label(service, switch),
        }


class ServiceDetail(ServiceSummary):
    is_active: bool
    timeout: float = Field(description="Seconds.")
    input: dict[str, Any] = Field(description="JSON Schema of the body of estimate and run.")
    output: dict[str, Any] | None = Field(description="JSON Schema of a run's output; null for any JSON.")

    @classmethod
    def of(cls, service: BaseService, switch: Service) -> Self:
        return cls(
            **cls._values(service, switch),
            is_active=switch.is_active,
            timeout=service.time_limit.total_seconds(),
            input=service.Input.model_json_schema(),
            output=output_schema(service),
        )


class Run(Schema):
    id: UUID
    service: str
    status: ServiceRun.Status
    cost: Credits = Field(description="What was charged.")
    units: dict[str, Any] = Field(description="What was measured.")
    error_code: str = Field(description="Empty unless it failed.")
    actor: str
    api_key: str | None = Field(description="The public id of the key that asked for it.")
    entry: int | None = Field(description="The sequence of its entry in the ledger; null for what cost nothing.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None = Field(description="Seconds.")
    attempts: int = Field(description="How often its execution was begun.")
    progress: float | None = Field(description="From 0 to 1, as the service says.")
    progress_note: str

    @classmethod
    def of(cls, run: ServiceRun) -> Self:
        return cls.model_construct(**cls._values(run))

    @staticmethod
    def _values(run: ServiceRun) -> dict[str, Any]:
        same = {"id", "service", "units", "error_code", "actor", "created_at", "started_at", "finished_at"}
        return {name: getattr(run, name) for name in same | {"attempts", "progress", "progress_note"}} | {
            "status": ServiceRun.Status(run.status),
            "cost": credits_text(run.cost),
            "api_key": run.api_key.public_id if run.api_key else None,
            "entry": run.entry.sequence if run.entry else None,
            "duration": seconds(run.duration),
        }


class RunDetail(Run):
    output: Any = Field(description="Null where it is not kept.")

    @classmethod
    def of(cls, run: ServiceRun) -> Self:
        return cls(**cls._values(run), output=run.output)


class Estimate(Schema):
    cost: Credits = Field(description="The most that a run on this input may cost.")


class Accepted(Schema):
    run: Run


class Outcome(Schema):
    run: Run
    cost: Credits
    balance: Credits = Field(description="What is available now.")


class Result(Outcome):
    output: Any


class Account(Schema):
    total: Credits
    held: Credits
    available: Credits
    by_type: dict[str, Credits]

    @classmethod
    def of(cls, balance: Balance) -> Self:
        return cls(
            total=credits_text(balance.total),
            held=credits_text(balance.held),
            available=credits_text(balance.available),
            by_type={name: credits_text(amount) for name, amount in balance.by_type.items()},
        )


class Entry(Schema):
    sequence: int
    kind: LedgerEntry.Kind
    amount: Credits
    balance_after: Credits
    reason: str
    reference: str
    actor: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        same = ("sequence", "kind", "reason", "reference", "actor", "created_at")
        values: dict[str, Any] = {name: getattr(entry, name) for name in same}
        values |= {name: credits_text(getattr(entry, name)) for name in ("amount", "balance_after")}
        return cls(**values)


class InputError(Schema):
    loc: list[str | int]
    msg: str
    type: str


class Problem(Schema):
    """RFC 9457. What a code brings beside it is documented with the code."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[InputError] | None = None
    required: Credits | None = None
    available: Credits | None = None
    run_id: UUID | None = None
    cost: Credits | None = None
    id: str | None = None
