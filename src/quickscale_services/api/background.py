"""`Prefer: respond-async`: the run waits for a worker, and the answer says where to look for it (RFC 7240)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from quickscale_services import engines
from quickscale_services.api.rendering import as_json
from quickscale_services.api.schemas import Accepted, Run
from quickscale_services.queueing import Enqueued

RESPOND_ASYNC = "respond-async"


def is_wanted(request: HttpRequest) -> bool:
    """A preference may be left aside: without a queue the run is waited for."""
    preferences = request.headers.get("Prefer", "").lower().split(",")
    return RESPOND_ASYNC in (each.partition(";")[0].strip() for each in preferences) and engines.is_available()


def accepted(request: HttpRequest, enqueued: Enqueued) -> HttpResponse:
    run = enqueued.run
    headers = {
        "Location": request.path.removesuffix(f"services/{run.service}/run") + f"runs/{run.pk}",
        "Preference-Applied": RESPOND_ASYNC,
        **({"Idempotent-Replayed": "true"} if enqueued.replayed else {}),
    }
    body = Accepted(run=Run.of(run)).model_dump(mode="json")
    return HttpResponse(as_json(body), status=202, content_type="application/json", headers=headers)
