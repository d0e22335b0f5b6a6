"""Deliveries of the simulator's webhooks to Django's test client: as over HTTP, and quick."""

from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from quickscale_billing.stripe import endpoints


def connect(simulator: Any) -> Any:
    """An endpoint as `check_webhooks --create` makes it; what is sent to it goes through the test client."""
    client = Client(raise_request_exception=False)

    def send(address: str, body: bytes, headers: dict[str, str]) -> int:
        path = urlsplit(address).path
        return client.post(path, body, content_type="application/json", headers=headers).status_code

    simulator.webhooks.send = send
    return endpoints.create("https://shop.example")
