"""`path("api/", include("quickscale_services.api.urls"))`; wherever it is included, all below it answers in JSON."""

from django.urls import URLPattern, path, re_path

from quickscale_services.api.routes import api
from quickscale_services.api.views import answering, docs, document, nothing_here

app_name = "quickscale_api"


def _routes() -> list[URLPattern]:
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    for pattern in patterns:
        pattern.callback = answering(pattern.callback)
    return patterns


urlpatterns = [
    path("openapi.json", document, name="openapi"),
    path("docs", docs, name="docs"),
    *_routes(),
    # Whatever else: a trailing slash makes another address, and with this here Django does not redirect to one.
    re_path("", nothing_here),
]
