"""The HTTP server on loopback that stripe-python, dj-stripe and a browser talk to."""

from __future__ import annotations

import json
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from quickscale_billing.testing.api import Api
from quickscale_billing.testing.pages.markup import Reply
from quickscale_billing.testing.pages.site import Site

LARGEST_BODY = 1_000_000


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, api: Api, site: Site, port: int) -> None:
        self.api = api
        self.site = site
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.01,), name="stripe-simulator", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        self.shutdown()
        for connection in list(self.connections):
            # A client keeps its connection open for the next request; its thread waits for that.
            self.hang_up(connection)
        self.server_close()

    def hang_up(self, connection: socket.socket) -> None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.connections.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: without this each answer waits 40 ms for the client's acknowledgment.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.respond(address.path, address.query)

    def do_DELETE(self) -> None:
        """Its parameters come in the address or, as curl sends them, in the body."""
        body = self.body()
        if body is not None:
            address = urlsplit(self.path)
            self.respond(address.path, body or address.query)

    def do_POST(self) -> None:
        body = self.body()
        if body is not None:
            self.respond(urlsplit(self.path).path, body)

    def body(self) -> str | None:
        """None if it was refused."""
        length = self.headers.get("Content-Length") or "0"
        if length.isdecimal() and int(length) <= LARGEST_BODY:
            return self.rfile.read(int(length)).decode(errors="replace")
        self.close_connection = True
        self.write(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"", {})
        return None

    def respond(self, path: str, encoded: str) -> None:
        headers = {name.title(): value for name, value in self.headers.items()}
        if path.startswith("/v1/"):
            answer = self.server.api.answer(self.command, path, encoded, headers)
            shown = {"Content-Type": "application/json", **answer.headers}
            self.write(answer.status, json.dumps(answer.body, indent=2).encode(), shown)
        else:
            self.write_reply(self.server.site.reply(self.command, path, encoded, headers))

    def write_reply(self, reply: Reply) -> None:
        self.write(reply.status, reply.body.encode(), reply.headers)

    def write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Quiet: what was asked is seen by the recorders of `Api`."""
