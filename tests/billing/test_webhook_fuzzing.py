"""Bytes at the webhook's address that nobody would think of."""

import json
import os
from typing import Any

import hypothesis
import pytest
from django.test import Client
from djstripe.models import WebhookEventTrigger
from hypothesis import strategies as st

from quickscale_billing.models import Fact, InboxItem
from quickscale_billing.stripe import webhooks
from quickscale_billing.testing.webhooks import signature
from tests.billing.webhooks import connect

EXAMPLES = int(os.environ.get("QUICKSCALE_WEBHOOKS", 150))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
event_like = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=300) | values,
        "object": st.just("event") | values,
        "livemode": st.booleans() | values,
        "type": st.sampled_from(sorted(webhooks.EVENTS)) | values,
        "data": st.fixed_dictionaries({"object": values}) | values,
        "api_version": values,
        "created": st.integers() | values,
    },
)
bodies = st.binary(max_size=2_000) | values.map(str).map(str.encode) | event_like.map(json.dumps).map(str.encode)
headers = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200)


@pytest.mark.once
def test_whatever_is_sent_to_the_webhook_is_refused_and_stored_within_bounds(shop: Any) -> None:
    endpoint = connect(shop)
    path = "/" + endpoint.url.split("/", 3)[3]
    client = Client(raise_request_exception=False)

    @hypothesis.settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(body=bodies, header=st.none() | headers, kind=st.sampled_from(["application/json", "text/plain"]))
    def send(body: bytes, header: str | None, kind: str) -> None:
        told = signature(body, "whsec_somebody_else") if header is None else header
        answer = client.post(path, body, content_type=kind, headers={"Stripe-Signature": told})
        assert answer.status_code == 400, (body, told)

    send()
    assert not InboxItem.objects.exists()
    assert not Fact.objects.exists()
    assert {len(trigger.body) <= webhooks.MOST_BYTES for trigger in WebhookEventTrigger.objects.all()} <= {True}
