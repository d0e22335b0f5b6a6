"""The page of a service for the background, and the page of its run."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import queueing, registry
from quickscale_services.models import ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords, doing

pytestmark = pytest.mark.once

HTMX = {"HX-Request": "true"}


class LongWords(CountWords):
    name = "long-words"
    in_background = True


@pytest.fixture(autouse=True)
def offered():
    with register_temporarily(LongWords):
        yield


@pytest.fixture
def customer(client, user):
    fund(user, 5)
    client.force_login(user)
    return client


def page_of(run):
    return reverse("quickscale_services:run", args=[run.pk])


def send(client, headers=None, **form):
    sent = {"text": "one two", "form_id": str(uuid4()), **form}
    return client.post(reverse("quickscale_services:detail", args=["long-words"]), sent, headers=headers)


def test_its_page_leads_on_to_the_page_of_the_run(customer, user):
    answer = send(customer)
    run = ServiceRun.objects.get()
    assert (answer.status_code, answer["Location"], run.status) == (302, page_of(run), "queued")
    assert (ledger.balance(user).held, run.actor) == (2, str(user.pk))


def test_htmx_is_told_to_go_there(customer):
    assert send(customer, HTMX)["HX-Redirect"] == page_of(ServiceRun.objects.get())


def test_a_form_that_is_sent_twice_is_one_run(customer):
    form_id = str(uuid4())
    assert send(customer, form_id=form_id)["Location"] == send(customer, form_id=form_id)["Location"]
    assert ServiceRun.objects.count() == 1


@pytest.mark.parametrize(("form", "status"), [({"text": ""}, 422), ({}, 402)])
def test_what_cannot_begin_is_said_on_the_page(client, user, form, status):
    client.force_login(user)
    assert send(client, **form).status_code == status
    assert not ServiceRun.objects.exists()


def test_what_it_will_cost_is_still_told_at_once(customer):
    assert "would cost at most 2 credits" in send(customer, **{"qs-estimate": "1"}).content.decode()


def test_the_page_of_a_run_looks_again_until_it_has_ended(customer, user):
    run = registry["long-words"].enqueue(user, text="one two")
    page = customer.get(page_of(run)).content.decode()
    assert re.search(r'hx-get="([^"]+)" hx-trigger="every 2s"', page)[1] == page_of(run)
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert "waits for a worker" in page
    queueing.execute(run.pk, 0)
    page = customer.get(page_of(run)).content.decode()
    assert "hx-trigger" not in page
    assert "http-equiv" not in page
    assert "Result" in page


def test_what_is_asked_for_again_is_the_part_that_changes_and_the_balance(customer, user):
    run = registry["long-words"].enqueue(user, text="one two")
    answer = customer.get(page_of(run), headers=HTMX)
    assert answer.content.decode().strip().startswith('<div id="run"')
    assert '<span id="credit-balance" hx-swap-oob="true">3</span>' in answer.content.decode()
    assert "HX-Request" in answer["Vary"]


def test_progress_is_shown_with_its_note(customer, user):
    seen = []

    def work(context):
        context.progress(0.4, "page 4 of 10 <b>")
        seen.append(customer.get(page_of(context.run)).content.decode())

    with register_temporarily(type(doing(work))):
        queueing.execute(registry["doing"].enqueue(user).pk, 0)
    assert 'value="40" max="100">40 %</progress>' in seen[0]
    assert "page 4 of 10 &lt;b&gt;" in seen[0]


def test_its_button_cancels_the_run(customer, user):
    run = registry["long-words"].enqueue(user, text="one two")
    action = reverse("quickscale_services:cancel_run", args=[run.pk])
    assert f'action="{action}"' in customer.get(page_of(run)).content.decode()
    page = customer.post(action, follow=True).content.decode()
    assert "Canceled" in page
    assert f'action="{action}"' not in page
    assert_balance(user, 5)


def test_canceling_needs_a_post_a_login_and_ones_own_run(customer, client, user, django_user_model):
    run = registry["long-words"].enqueue(user, text="one two")
    action = reverse("quickscale_services:cancel_run", args=[run.pk])
    assert customer.get(action).status_code == 405
    client.force_login(django_user_model.objects.create_user("stranger"))
    assert client.post(action).status_code == 404
    client.logout()
    assert client.post(action).status_code == 302
    run.refresh_from_db()
    assert run.status == "queued"


def test_why_it_did_not_begin_is_said_in_words(customer, user, clock):
    run = registry["long-words"].enqueue(user, text="one two")
    clock.shift(3600)
    queueing.execute(run.pk, 0)
    assert "No worker began it in time" in customer.get(page_of(run)).content.decode()
