"""What a generator makes of our own document: bad input above all, and never an answer that is not in it."""

import os
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import hypothesis
import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from pydantic import BaseModel, Field
from schemathesis import GenerationMode, checks

from quickscale_credits import ledger
from quickscale_credits.testing import fund
from quickscale_services import BaseService, registry
from quickscale_services.files import Accept, Upload
from quickscale_services.models import ApiKey, ServiceRun
from tests.services.samples import CountWords, FreeWords, Priced

pytestmark = pytest.mark.once

BAD_INPUTS = int(os.environ.get("API_BAD_INPUTS", "1000"))
GOOD_INPUTS = max(10, BAD_INPUTS // 10)
CONFORMANCE = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


class Shapes(BaseService):
    name = "shapes"
    cost = "0.5"

    class Input(BaseModel):
        class Tree(BaseModel):
            name: str
            children: list["Shapes.Input.Tree"] = Field(default=[], max_length=2)

        tree: Tree | None = None
        size: Literal["small", "large"]
        count: int = Field(ge=0, le=9)
        weight: float = 0.5
        price: Decimal | None = None
        day: date | None = None
        tags: list[str] = []
        notes: dict[str, int] = {}

    def execute(self, data: Any, context: Any) -> Any:
        return data.model_dump(mode="json")


class Sized(BaseService):
    name = "sized"
    cost = 0

    class Input(BaseModel):
        file: Annotated[Upload, Accept(max_size=10_000)]
        times: int = 1

    class Output(BaseModel):
        size: int

    def execute(self, data: Any, context: Any) -> Any:
        return self.Output(size=data.file.size)


Shapes.Input.model_rebuild()


@pytest.fixture
def application():
    """Keeps the connection, and with it the test's transaction, from request to request."""
    ends = (signals.request_started, signals.request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.fixture
def operations(user, samples, application):
    registry.restore({})
    for service in (CountWords, FreeWords, Priced, Shapes, Sized):
        registry.register(service)
    document = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    return [found.ok() for found in document.get_all_operations()]


@pytest.fixture
def key(user):
    fund(user, 1_000_000)
    return ApiKey.objects.issue(user, name="fuzzing", scopes=["services:run", "credits:read"])[1]


def explore(operation, key, mode, examples):
    """How many were sent; each answer has to be one that the document announces."""
    sent = []
    named = [checks.CHECKS.get_one(name) for name in CONFORMANCE]

    @hypothesis.settings(max_examples=examples, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        sent.append(case)
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        case.validate_response(response, checks=named)
        assert b"Traceback" not in response.content

    send()
    return len(sent)


def test_bad_input_is_refused_as_the_document_says(user, operations, key):
    each = -(-BAD_INPUTS // len(operations))
    sent = sum(explore(operation, key, GenerationMode.NEGATIVE, each) for operation in operations)
    assert sent >= BAD_INPUTS
    for waiting in ServiceRun.objects.filter(status="queued"):
        waiting.cancel()  # what asked for `Prefer: respond-async`
    assert ledger.balance(user).held == 0


def test_good_input_is_answered_as_the_document_says(user, operations, key):
    for operation in operations:
        explore(operation, key, GenerationMode.POSITIVE, GOOD_INPUTS // len(operations) + 1)
    charged = sum(ServiceRun.objects.values_list("cost", flat=True))
    assert ledger.balance(user).total == 1_000_000 - charged
