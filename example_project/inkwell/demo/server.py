"""Serves the demo from this very process: pages, and static files without `collectstatic`."""

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

HOST = "127.0.0.1"
FIRST_PORT = 8000
TRIED_PORTS = 100


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format, *args):  # noqa: A002 - as http.server calls it
        """What a newcomer reads is the address and the logins, not a line per request."""


def server_on(port=None):
    """A server that is bound, on this port or else on the first free one from 8000 on."""
    if port is not None:
        return bound(port)
    for candidate in range(FIRST_PORT, FIRST_PORT + TRIED_PORTS):
        try:
            return bound(candidate)
        except OSError:
            continue
    raise OSError(f"No port between {FIRST_PORT} and {FIRST_PORT + TRIED_PORTS - 1} is free.")


def bound(port):
    server = ThreadedWSGIServer((HOST, port), QuietHandler)
    server.daemon_threads = True
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    return server
