"""What surrounds the routes: the document, its page, and an answer to every other address and method."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from quickscale_services.api.errors import MethodNotAllowed, problem_response
from quickscale_services.api.openapi import document as openapi_document
from quickscale_services.api.reference import reference
from quickscale_services.api.rendering import as_json

View = Callable[..., HttpResponseBase]


def answering(view: View) -> View:
    """Problem JSON whatever happens; no transaction around the view, since a run commits its hold first.

    Exempt from the CSRF check of the middleware, because keys need none: for sessions `KeyOrSession` makes it.
    """

    @csrf_exempt
    @transaction.non_atomic_requests
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:
            response = problem_response(request, error)
        if isinstance(response, HttpResponseNotAllowed):
            response = problem_response(request, MethodNotAllowed(response["Allow"]))
        _keep_private(response)
        return response

    return wrapped


def _keep_private(response: HttpResponseBase) -> None:
    """What one caller was told is kept for no other."""
    response.headers.setdefault("Cache-Control", "private, no-store")
    patch_vary_headers(response, ["Authorization", "Cookie"])


@answering
@require_GET
def document(request: HttpRequest) -> HttpResponse:
    prefix = request.path.removesuffix("openapi.json")
    return HttpResponse(as_json(openapi_document(prefix)), content_type="application/json")


@answering
@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    prefix = request.path.removesuffix("docs")
    context = {"reference": reference(request.build_absolute_uri(prefix)), "prefix": prefix}
    return render(request, "quickscale_services/api.html", context)


@answering
def nothing_here(request: HttpRequest) -> HttpResponse:
    raise Http404
