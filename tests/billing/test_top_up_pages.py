"""What an owner sees of their auto top-up, and what staff does about it."""

import re
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client

from quickscale_billing import queueing
from quickscale_billing.checks import check_packs_to_top_up_with, check_workers
from quickscale_billing.models import AutoTopUp, CreditPack, TopUp
from quickscale_billing.roles import make_roles
from quickscale_credits import ledger
from tests.billing.topping import CHALLENGED_LATER, add_card, agree, attempts, charges, run_low
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

TASKS = "django.tasks" if find_spec("django.tasks") else "django_tasks"
PAGE, OFF = "/billing/top-up/", "/billing/top-up/off/"
ADMIN = "/admin/quickscale_billing/autotopup/"
GIVEN = {"pack": "small", "threshold": "20", "monthly_cap": "70.00", "agreed": "on"}

WRONG = [
    ({"agreed": ""}, "This field is required."),
    ({"threshold": "101"}, "At most what the pack gives: 100."),
    ({"threshold": "0"}, "greater than or equal to"),
    ({"monthly_cap": "6.99"}, "At least the price of the pack: 7.00 USD."),
    ({"monthly_cap": "8.005"}, "At least the price of the pack: 7.00 USD."),
    ({"pack": "pro"}, "Select a valid choice."),
]


@pytest.fixture(autouse=True)
def offered(clock: Any, shop: Any, settings: Any) -> None:
    connect(shop)
    settings.QUICKSCALE_BILLING = {"AUTO_TOP_UP": True}


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def browser(ada: Any) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def shown(browser: Client) -> str:
    return " ".join(browser.get(PAGE).content.decode().split())


def given(browser: Client, **changed: str) -> dict[str, str]:
    """The form as it is sent from the page of now."""
    offered = re.search(r'name="offered" value="([^"]+)"', shown(browser))
    return GIVEN | {"offered": offered[1] if offered else ""} | changed


def test_an_owner_adds_a_card_agrees_changes_it_and_turns_it_off(shop: Any, ada: Any, browser: Client) -> None:
    assert "Add a card" in shown(browser)
    assert browser.post(PAGE, GIVEN).status_code == 422
    add_card(shop, ada)
    assert "Visa •••• 4242 is charged." in shown(browser)
    assert browser.post(PAGE, given(browser)).status_code == 302
    assert "100 credits for 7.00 USD, when fewer than 20 credits are available." in shown(browser)
    agreed = AutoTopUp.objects.get()
    assert (agreed.monthly_cap, agreed.consented_by) == (7000, str(ada.pk))
    assert agreed.consent_wording.startswith("I agree that my default payment method is charged")
    browser.post(PAGE, given(browser, pack="large", monthly_cap="49"))
    assert "0.00 USD of at most 49.00 USD in this month." in shown(browser)
    browser.post(OFF)
    assert "Turned off by the owner" in shown(browser)
    assert not AutoTopUp.objects.get().is_on


def test_what_cannot_be_meant_is_told_beside_its_field(shop: Any, ada: Any, browser: Client) -> None:
    add_card(shop, ada)
    for wrong, told in WRONG:
        response = browser.post(PAGE, given(browser) | wrong)
        assert (response.status_code, told in response.content.decode()) == (422, True), wrong
    assert not AutoTopUp.objects.exists()


@pytest.mark.parametrize("changed", [{"amount": 900}, {"currency": "eur"}, {"credits": 90}])
def test_what_changed_since_the_page_was_opened_is_asked_for_again(
    shop: Any, ada: Any, browser: Client, changed: dict[str, Any]
) -> None:
    add_card(shop, ada)
    seen = given(browser)
    CreditPack.objects.filter(slug="small").update(**changed)
    answer = browser.post(PAGE, seen)
    assert (answer.status_code, AutoTopUp.objects.count()) == (422, 0)
    assert "Look at it, and agree again." in answer.content.decode()
    assert "checked" not in answer.content.decode()
    assert browser.post(PAGE, given(browser)).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_what_changes_while_the_form_is_looked_at_is_asked_for_again(shop: Any, ada: Any, browser: Client) -> None:
    def change(_exchange: Any) -> None:
        CreditPack.objects.filter(slug="small").update(amount=600)
        connection.close()

    add_card(shop, ada)
    seen = given(browser)
    shop.api.recorders.append(change)
    answer = browser.post(PAGE, seen)
    assert (answer.status_code, AutoTopUp.objects.count()) == (422, 0)
    assert "Look at it, and agree again." in answer.content.decode()
    assert "6.00 USD" in answer.content.decode()


def test_a_change_of_another_pack_is_no_matter(shop: Any, ada: Any, browser: Client) -> None:
    add_card(shop, ada)
    seen = given(browser)
    CreditPack.objects.filter(slug="large").update(amount=900)
    assert browser.post(PAGE, seen).status_code == 302


def test_a_payment_that_waits_for_the_owner_leads_to_its_page(shop: Any, ada: Any, browser: Client) -> None:
    add_card(shop, ada, CHALLENGED_LATER)
    agree(ada)
    run_low(ada)
    call_command("top_up", verbosity=0)
    page = shown(browser)
    assert f'href="{TopUp.objects.get().hosted_url}"' in page
    assert "Your bank wants you to confirm a payment of 7.00 USD." in page


def test_a_payment_that_failed_is_told_with_the_next_attempt(shop: Any, ada: Any, browser: Client) -> None:
    add_card(shop, ada)
    agree(ada)
    run_low(ada)
    shop.decline_next()
    call_command("top_up", verbosity=0)
    page = shown(browser)
    assert "The last payment failed. The next attempt is not before Jan. 15, 2026, 7 a.m." in page
    assert "Your card was declined." in page


def test_a_cap_that_is_reached_is_told(shop: Any, ada: Any, browser: Client) -> None:
    add_card(shop, ada)
    agree(ada, monthly_cap=700)
    run_low(ada)
    call_command("top_up", verbosity=0)
    assert "it goes on with the next month" in shown(browser)


def test_where_stripe_refuses_the_page_is_shown_and_can_turn_it_off(
    shop: Any, ada: Any, browser: Client, outage: Any
) -> None:
    add_card(shop, ada, CHALLENGED_LATER)
    agree(ada)
    run_low(ada)
    call_command("top_up", verbosity=0)
    with outage(status=400):
        page = shown(browser)
        assert "did not tell us your payment methods" in page
        assert "there is none" not in page
        assert "Nothing is bought by itself any more." in browser.post(OFF, follow=True).content.decode()
    assert not AutoTopUp.objects.get().is_on
    call_command("top_up", verbosity=0)
    assert (attempts(), charges(shop)) == (["canceled"], [])


def test_where_it_is_not_offered_there_is_no_page(browser: Client, settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {}
    assert browser.get(PAGE).status_code == 404


def test_nobody_sees_or_stops_another_owners(shop: Any, ada: Any, browser: Client) -> None:
    grace = get_user_model().objects.create_user("grace")
    add_card(shop, grace)
    agree(grace)
    assert "It is off." in shown(browser)
    browser.post(OFF)
    assert AutoTopUp.objects.get().is_on
    assert Client().get(PAGE).status_code == 302


@pytest.mark.parametrize(("role", "may"), [("Support", True), ("Analyst", False)])
def test_staff_turns_it_off_with_a_reason_and_a_permission(
    shop: Any, ada: Any, role: str, may: bool, django_capture_on_commit_callbacks: Any
) -> None:
    add_card(shop, ada)
    agreed = agree(ada)
    make_roles()
    member = get_user_model().objects.create_user("member", is_staff=True)
    member.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(member)
    for reason in ("", "asked by mail"):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(ADMIN, {"action": "stop", "_selected_action": [agreed.pk], "reason": reason})
        assert AutoTopUp.objects.get().is_on is not (may and bool(reason))
    assert LogEntry.objects.filter(change_message__contains="asked by mail").exists() is may
    assert client.get(ADMIN).status_code == (200 if may else 403)


def test_the_lists_of_the_admin_find_by_owner_and_invoice(shop: Any, ada: Any, admin_client: Any) -> None:
    add_card(shop, ada)
    agree(ada)
    run_low(ada)
    call_command("top_up", verbosity=0)
    for query in ("ada", str(TopUp.objects.get().stripe_invoice_id)):
        for kind in ("autotopup", "topup", "topupconsent"):
            page = admin_client.get(f"/admin/quickscale_billing/{kind}/", {"q": query})
            assert page.context["cl"].result_count == 1
    assert "large" not in admin_client.get("/admin/quickscale_billing/topup/export/").getvalue().decode()


def test_a_spend_hands_a_job_to_the_queue_and_asks_no_network(
    shop: Any, ada: Any, settings: Any, outage: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.QUICKSCALE_BILLING |= {"QUEUE": "tests.billing.test_top_up_pages.note_job"}
    add_card(shop, ada)
    agree(ada)
    ledger.grant(ada, 30)
    HANDED_OVER.clear()
    with outage():
        for amount in (10, 1):
            with django_capture_on_commit_callbacks(execute=True):
                ledger.spend(ada, amount, reason="work")
    assert [("top_up", ada.credit_account.pk)] == HANDED_OVER
    queueing.work(*HANDED_OVER[0])
    assert charges(shop) == [700]
    with django_capture_on_commit_callbacks(execute=True):
        ledger.spend(ada, 1, reason="work")
    assert len(HANDED_OVER) == 1


HANDED_OVER: list[tuple[str, int]] = []


def note_job(job: str, pk: int) -> None:
    HANDED_OVER.append((job, pk))


def test_django_tasks_is_a_queue_and_a_broken_one_fails_no_spend(
    ada: Any, shop: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    from django_tasks_db.models import DBTaskResult

    add_card(shop, ada)
    agree(ada)
    ledger.grant(ada, 20)
    for queue, tasks in (("default", 1), ("missing", 1)):
        settings.QUICKSCALE_BILLING |= {"QUEUE": queue}
        with django_capture_on_commit_callbacks(execute=True):
            ledger.spend(ada, 1, reason="work")
        assert DBTaskResult.objects.count() == tasks
    assert attempts() == []


def test_a_backend_that_would_ask_stripe_in_requests_is_told_before_a_deploy(settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {"QUEUE": "default"}
    assert check_workers() == []
    settings.TASKS = {"default": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}}
    assert [each.id for each in check_workers()] == ["quickscale_billing.W007"]


def test_where_no_pack_is_for_sale_that_is_told(shop: Any) -> None:
    assert check_packs_to_top_up_with(["default"]) == []
    CreditPack.objects.update(is_active=False)
    assert [each.id for each in check_packs_to_top_up_with(["default"])] == ["quickscale_billing.W008"]


def test_what_was_turned_off_for_it_says_what_to_do(shop: Any, ada: Any, browser: Client, clock: Any) -> None:
    add_card(shop, ada)
    agree(ada)
    CreditPack.objects.filter(slug="small").update(amount=800)
    run_low(ada)
    call_command("top_up", verbosity=0)
    clock.shift(timedelta(hours=1))
    assert "agree to it anew" in shown(browser)
