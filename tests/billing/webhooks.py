"""Deliveries of the simulator's webhooks to Django's test client: as over HTTP, and quick."""

from typing import Any
from urllib.parse import urlsplit

from django.test import Client, TestCase

from quickscale_billing.stripe import endpoints


def connect(simulator: Any) -> Any:
    """An endpoint as `check_webhooks --create` makes it; what is sent to it goes through the test client.

    What waits for a commit is done after each delivery, though the test's own transaction never commits.
    """
    client = Client(raise_request_exception=False)

    def send(address: str, body: bytes, headers: dict[str, str]) -> int:
        path = urlsplit(address).path
        with TestCase.captureOnCommitCallbacks(execute=True):
            return client.post(path, body, content_type="application/json", headers=headers).status_code

    simulator.webhooks.send = send
    return endpoints.create("https://shop.example")
