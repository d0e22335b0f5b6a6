"""`check_webhooks`: what keeps Stripe's events from reaching us, and making the endpoint."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from djstripe.models import WebhookEndpoint

from quickscale_billing.stripe import endpoints
from quickscale_billing.stripe.client import stripe_client
from quickscale_billing.stripe.webhooks import EVENTS

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def endpoint(stripe_simulator: Any) -> WebhookEndpoint:
    return endpoints.create("https://shop.example")


def problems() -> str:
    return "\n".join(endpoints.problems())


def test_an_endpoint_is_made_with_our_events_in_our_version(endpoint: WebhookEndpoint) -> None:
    [found] = stripe_client().v1.webhook_endpoints.list().data
    assert found.url == f"https://shop.example/stripe/webhook/{endpoint.djstripe_uuid}/"
    assert (set(found.enabled_events), found.api_version) == (set(EVENTS), "2026-05-27.dahlia")
    assert endpoint.secret.startswith("whsec_")
    assert problems() == ""


def test_the_command_makes_it_and_says_that_all_is_well(
    stripe_simulator: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_webhooks", "--create", "https://shop.example")
    said = capsys.readouterr().out
    assert said.startswith("Made https://shop.example/stripe/webhook/")
    assert said.endswith("Stripe's webhook endpoint is set up as it should be.\n")


def test_without_one_the_command_says_how_to_make_it(stripe_simulator: Any) -> None:
    with pytest.raises(CommandError, match="run check_webhooks --create"):
        call_command("check_webhooks")


def test_somebody_elses_endpoint_is_none_of_ours(stripe_simulator: Any) -> None:
    stripe_simulator.listen("https://elsewhere.example/hook")
    assert "no webhook endpoint of ours" in problems()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"disabled": True}, "is disabled at Stripe"),
        ({"enabled_events": ["invoice.paid"]}, "is not told of charge.dispute.closed"),
        ({"url": "https://shop.example/elsewhere/"}, "by which dj-stripe knows it"),
    ],
)
def test_what_is_wrong_at_stripe_is_told(change: Any, words: str, endpoint: WebhookEndpoint) -> None:
    stripe_client().v1.webhook_endpoints.update(endpoint.id, change)
    assert words in problems()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"secret": ""}, "has no secret here"),
        ({"djstripe_validation_method": "none"}, "does not verify signatures"),
        ({"djstripe_tolerance": 0}, "believes events of any age"),
    ],
)
def test_what_is_wrong_here_is_told(change: Any, words: str, endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.update(**change)
    assert words in problems()


@override_settings(STRIPE_API_VERSION="2026-04-22.dahlia")
def test_another_version_is_told(stripe_simulator: Any) -> None:
    with override_settings(STRIPE_API_VERSION="2026-05-27.dahlia"):
        endpoints.create("https://shop.example")
    assert "is told in 2026-05-27.dahlia, not in 2026-04-22.dahlia" in problems()


@override_settings(ROOT_URLCONF="tests.settings.urls")
def test_an_address_that_is_not_served_is_told(stripe_simulator: Any) -> None:
    assert "dj-stripe's address is not served" in problems()


def test_while_stripe_is_away_the_command_says_so(stripe_simulator: Any, outage: Any) -> None:
    with outage(), pytest.raises(CommandError, match="Stripe could not answer"):
        call_command("check_webhooks")
