"""Rate cards in the admin: read, and renewed by a new version."""

import re
from html import unescape

import pytest

from quickscale_services.models import RateCard

pytestmark = [pytest.mark.once, pytest.mark.django_db]

CARDS = "/admin/quickscale_services/ratecard/"
FORM = {"model": "small", "input": "15", "output": "60", "margin": "0.25", "valid_from_0": "2026-01-10"}


def add(client, **changes):
    return client.post(f"{CARDS}add/", FORM | {"valid_from_1": "11:00:00"} | changes)


def test_a_card_is_made_and_has_a_version(admin_client, clock):
    for _ in range(2):
        assert add(admin_client, cached="7.5").status_code == 302
    old, new = RateCard.objects.order_by("version")
    assert (old.version, new.version, new.cached, new.reasoning) == (1, 2, 7.5, None)


@pytest.mark.parametrize(
    "changes", [{"input": "-1"}, {"input": ""}, {"margin": "-0.1"}, {"margin": "0.12345"}, {"model": " "}]
)
def test_what_makes_no_sense_is_not_saved(admin_client, clock, changes):
    response = add(admin_client, **changes)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == changes.keys()
    assert not RateCard.objects.exists()


def test_a_card_that_would_never_be_used_is_refused(admin_client, clock):
    add(admin_client)
    response = add(admin_client, valid_from_0="2026-01-09")
    assert "It would never be used: small v1" in response.content.decode()
    assert RateCard.objects.count() == 1


def test_the_form_of_a_new_version_begins_with_what_the_old_one_says(admin_client):
    RateCard.objects.create(model="a&b/c", input="1.5", cached="0.25", output=3, margin="0.1", note="list price")
    page = admin_client.get(CARDS).content.decode()
    address = unescape(re.search(r'href="([^"]+)">New version', page)[1])
    initial = admin_client.get(address).context["adminform"].form.initial
    assert initial == {
        "model": "a&b/c",
        "input": "1.5",
        "cached": "0.25",
        "output": "3",
        "margin": "0.1000",
        "note": "list price",
    }


def test_a_card_is_shown_but_neither_changed_nor_deleted(admin_client):
    card = RateCard.objects.create(model="small", input=1, output=2)
    page = admin_client.get(f"{CARDS}{card.pk}/change/")
    assert page.status_code == 200
    assert 'name="input"' not in page.content.decode()
    assert admin_client.post(f"{CARDS}{card.pk}/change/", FORM).status_code == 403
    assert admin_client.post(f"{CARDS}{card.pk}/delete/", {"post": "yes"}).status_code == 403
    assert RateCard.objects.get().input == 1
