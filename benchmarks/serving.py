"""A service that does nothing, behind the API, and beside it the least that an endpoint with a record can be.

The bare endpoint is django-ninja's own: its body is validated, two rows are inserted in one transaction.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.urls import include, path
from ninja import NinjaAPI, Schema
from pydantic import BaseModel

from benchmarks.models import SummedAccount, SummedEntry
from quickscale_services import BaseService, registry

BODY = json.dumps({"text": "to be or not to be"}).encode()


class Nothing(BaseService):
    name = "nothing"
    cost = 1

    class Input(BaseModel):
        text: str

    class Output(BaseModel):
        text: str

    def execute(self, data: Input, context: Any) -> Output:
        return self.Output(text=data.text)


class Text(Schema):
    text: str


class Made(Schema):
    id: int
    text: str


registry.register(Nothing)
bare = NinjaAPI(openapi_url=None, docs_url=None, urls_namespace="bare")


@bare.post("record", response=Made)
def record(request: Any, body: Text) -> Any:
    with transaction.atomic():
        account = SummedAccount.objects.create(name=body.text)
        SummedEntry.objects.create(account=account, amount=1, credit_type="bare", description=body.text)
    return {"id": account.pk, "text": body.text}


urlpatterns = [path("bare/", bare.urls), path("api/", include("quickscale_services.api.urls"))]


def endpoints(plain_key: str) -> dict[str, Callable[[], None]]:
    """Both, as a WSGI server calls them: no socket, so that nothing but their own work is measured."""
    handler = WSGIHandler()
    return {
        "a run": partial(_post, handler, "/api/services/nothing/run", plain_key),
        "the bare endpoint": partial(_post, handler, "/bare/record", ""),
    }


def _post(handler: Any, address: str, plain_key: str) -> None:
    response = handler(_environ(address, plain_key), lambda status, headers: None)
    answer = b"".join(response)
    response.close()
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}: {answer.decode()}")


def _environ(address: str, plain_key: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": address,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)),
        "HTTP_ACCEPT": "*/*",
        "HTTP_AUTHORIZATION": f"Bearer {plain_key}",
        "wsgi.input": io.BytesIO(BODY),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }
