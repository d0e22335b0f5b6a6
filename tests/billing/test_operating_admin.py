"""What operators open when something goes wrong, and who may."""

import csv
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command

from quickscale_billing import checkout, refunds
from quickscale_billing.models import Customer, Dispute, Fact, InboxItem, Payment, PlanSubscription, Refund
from quickscale_billing.roles import ROLES, make_roles
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits.testing import assert_balance
from tests.billing.damaging import damaged
from tests.billing.webhooks import connect

ADMIN = "/admin/quickscale_billing/"
LISTS = ["payment", "invoice", "refund", "dispute", "purchase", "plansubscription", "fact", "inboxitem", "mail"]
PAYLOAD = "<img src=x onerror=alert(1)>"


@pytest.fixture
def ada(shop: Any) -> Any:
    connect(shop)
    ada = get_user_model().objects.create_user("ada", email="ada@example.com")
    shop.pay(checkout.start(ada, "large"))
    return ada


@pytest.fixture
def staff_of(client: Any, django_user_model: Any) -> Any:
    """`staff_of("Support")` logs a member of that group in, or one of none."""

    def log_in(role: str = "") -> Any:
        make_roles()
        member = django_user_model.objects.create_user(f"member-{role}", is_staff=True)
        member.groups.set(Group.objects.filter(name=role))
        client.force_login(member)
        return client

    return log_in


def investigation() -> str:
    return f"{ADMIN}payment/{Payment.objects.get().pk}/investigate/"


def found(client: Any, query: str, kind: str = "payment") -> int:
    return client.get(f"{ADMIN}{kind}/", {"q": query}).context["cl"].result_count


def test_a_payment_is_found_by_person_by_any_id_and_by_amount(ada: Any, admin_client: Any) -> None:
    payment = Payment.objects.get()
    amount = f"{payment.amount // 100}.{payment.amount % 100:02}"
    known = ["ada", "ada@example.com", payment.stripe_payment_intent_id, payment.stripe_session_id]
    for query in (*known, str(payment.account_id), amount, amount.replace(".", ",")):
        assert found(admin_client, query) == 1, query
    for query in ("bob", "pi_else", "0.01", "nan", "1e400"):
        assert found(admin_client, query) == 0, query


def test_a_payment_is_found_by_what_went_back_of_it_and_by_its_plan(shop: Any, ada: Any, admin_client: Any) -> None:
    shop.pay(checkout.start(ada, "pro"))
    plan = Payment.objects.get(invoice__isnull=False)
    refund = refunds.refund(plan, amount=980, reason="asked", actor=None)
    shop.dispute(plan.stripe_payment_intent_id)
    ids = [refund.stripe_id, Dispute.objects.get().stripe_id, plan.invoice.subscription.stripe_id, plan.invoice.number]
    assert [found(admin_client, query) for query in (*ids, plan.stripe_charge_id)] == [1] * 5
    assert found(admin_client, Customer.objects.get().stripe_id) == 2  # the pack's, too


def test_a_payment_that_is_none_leads_back_to_the_site(admin_client: Any, db: None) -> None:
    assert admin_client.get(f"{ADMIN}payment/nonsense/change/").status_code == 302


@pytest.mark.parametrize(
    ("filters", "number"), [("back=none", 1), ("back=some", 0), ("sold=packs", 1), ("sold=plans", 0)]
)
def test_payments_are_filtered_by_what_went_back_and_what_they_paid(
    ada: Any, admin_client: Any, filters: str, number: int
) -> None:
    assert admin_client.get(f"{ADMIN}payment/?{filters}").context["cl"].result_count == number


def test_the_investigation_tells_the_whole_story(ada: Any, admin_client: Any) -> None:
    page = admin_client.get(investigation()).content.decode()
    fact = Fact.objects.get()
    told = [fact.key, "checkout.session.completed", Payment.objects.get().stripe_payment_intent_id, "Grant"]
    for each in (*told, "None: our row is as Stripe has it.", "latest_charge"):
        assert each in page, each


def test_the_investigation_of_a_plan_has_its_refills_and_what_was_taken_of_them(
    shop: Any, ada: Any, admin_client: Any
) -> None:
    shop.pay(checkout.start(ada, "pro"))
    plan = Payment.objects.get(invoice__isnull=False)
    refunds.refund(plan, amount=plan.amount // 5, reason="asked", actor=None)
    told = admin_client.get(f"{ADMIN}payment/{plan.pk}/investigate/").context
    assert sorted(int(entry.amount) for entry in told["entries"]) == [-2_000, 1_000, 10_000]
    assert sorted(fact.kind for fact in told["facts"]) == ["bonus", "clawback", "period", "refill"]
    assert [fact.clawback.taken for fact in told["facts"] if fact.kind == "refill"] == [2_000]


def test_what_was_paid_back_at_stripe_unheard_is_drift_and_settled_again_with_a_reason(
    shop: Any, ada: Any, admin_client: Any
) -> None:
    shop.webhooks.drop()
    stripe_client().v1.refunds.create({"payment_intent": Payment.objects.get().stripe_payment_intent_id})
    amount = Payment.objects.get().amount
    assert f"refunded: 0 / {amount}" in admin_client.get(investigation()).content.decode()
    assert admin_client.post(investigation(), {"reason": ""}).status_code == 200
    assert_balance(ada, 1_050)
    assert admin_client.post(investigation(), {"reason": "Webhooks were down"}).status_code == 302
    assert_balance(ada, 0)
    assert "Webhooks were down" in LogEntry.objects.get().change_message


@pytest.mark.once
@pytest.mark.parametrize("answers", range(4))
def test_an_investigation_is_of_use_while_stripe_is_away(
    ada: Any, admin_client: Any, outage: Any, answers: int
) -> None:
    with outage(after=answers):
        response = admin_client.get(investigation())
    assert (response.status_code, "Stripe could not answer" in response.content.decode()) == (200, True)
    assert admin_client.get(f"{ADMIN}payment/999999/investigate/").status_code == 404


@pytest.mark.once
def test_what_cannot_be_settled_again_is_said_and_logged(ada: Any, admin_client: Any) -> None:
    stripe_client().v1.refunds.create({"payment_intent": Payment.objects.get().stripe_payment_intent_id, "amount": 100})
    Payment.objects.update(retrieved_at=None)
    with damaged(ada):
        page = admin_client.post(investigation(), {"reason": "Asked"}, follow=True).content.decode()
    assert ("run verify_ledger" in page, "is settled" in page) == (True, False)
    assert "Could not be settled again: Asked" in LogEntry.objects.get().change_message


def test_an_item_of_the_inbox_is_settled_again_with_a_reason(ada: Any, admin_client: Any) -> None:
    item = InboxItem.objects.get(kind="session")
    action = {"action": "settle", "_selected_action": [item.pk]}
    page = admin_client.post(f"{ADMIN}inboxitem/", action, follow=True).content.decode()
    assert ("Give a reason" in page, LogEntry.objects.exists()) == (True, False)


@pytest.mark.django_db(transaction=True)
def test_the_act_and_its_reason_stand_in_the_log(ada: Any, admin_client: Any) -> None:
    item = InboxItem.objects.get(kind="session")
    action = {"action": "settle", "_selected_action": [item.pk], "reason": "Asked by Ada"}
    page = admin_client.post(f"{ADMIN}inboxitem/", action, follow=True).content.decode()
    assert ("is settled" in page, "Asked by Ada" in LogEntry.objects.get().change_message) == (True, True)


def test_the_report_compares_and_its_button_repairs(shop: Any, ada: Any, admin_client: Any) -> None:
    shop.webhooks.drop()
    session = checkout.start(ada, "small")
    shop.pay(session)
    page = admin_client.get(f"{ADMIN}inboxitem/reconcile/").content.decode()
    assert session.stripe_id not in page
    page = admin_client.get(f"{ADMIN}inboxitem/reconcile/", {"days": 7}).content.decode()
    assert (session.stripe_id in page, "Repair" in page) == (True, True)
    page = admin_client.post(f"{ADMIN}inboxitem/reconcile/", {"days": 7, "reason": ""}).content.decode()
    assert ("required" in page, session.stripe_id in page, LogEntry.objects.exists()) == (True, True, False)
    InboxItem.objects.all().delete()
    repair = {"days": 7, "reason": "Webhooks were down"}
    page = admin_client.post(f"{ADMIN}inboxitem/reconcile/", repair).content.decode()
    assert ("1 thing was settled." in page, "Stripe, our rows and the ledger agree." in page) == (True, True)
    logged = LogEntry.objects.get()
    assert logged.change_message == "Repaired: 1 settled, 0 failed: Webhooks were down"
    assert "Compare with Stripe" in admin_client.get("/admin/").content.decode()
    assert admin_client.get(f"{ADMIN}inboxitem/reconcile/", {"days": 0}).status_code == 200


def test_webhook_health_says_when_the_last_came_and_what_waits(shop: Any, ada: Any, admin_client: Any) -> None:
    page = admin_client.get(f"{ADMIN}inboxitem/health/").content.decode()
    assert "Never" not in page
    InboxItem.objects.update(state="waiting")
    page = admin_client.get(f"{ADMIN}inboxitem/health/").content.decode()
    assert "the oldest for" in page


def test_subscriptions_show_their_next_refill(shop: Any, ada: Any, admin_client: Any) -> None:
    shop.pay(checkout.start(ada, "basic", interval="year"))
    (row,) = admin_client.get(f"{ADMIN}plansubscription/").context["cl"].result_list
    due = PlanSubscription.objects.get().segments.get().next_refill_at
    assert row.next_refill_at == due > PlanSubscription.objects.get().created_at + timedelta(days=27)


@pytest.mark.once
@pytest.mark.parametrize("kind", LISTS)
def test_each_list_comes_as_csv_to_who_may_export(ada: Any, admin_client: Any, staff_of: Any, kind: str) -> None:
    lines = b"".join(admin_client.get(f"{ADMIN}{kind}/export/").streaming_content).decode().splitlines()
    assert len(next(csv.reader(lines))) > 5
    assert staff_of("Support").get(f"{ADMIN}{kind}/export/").status_code == 403


def statuses(client: Any) -> dict[str, int]:
    """What somebody gets at each of the tools."""
    payment = Payment.objects.get().pk
    asked = {
        "search": client.get(f"{ADMIN}payment/"),
        "investigate": client.get(investigation()),
        "settle again": client.post(investigation(), {"reason": "why"}),
        "refund": client.post(f"{ADMIN}payment/{payment}/refund/", {}),
        "health": client.get(f"{ADMIN}inboxitem/health/"),
        "compare": client.get(f"{ADMIN}inboxitem/reconcile/", {"days": 1}),
        "repair": client.post(f"{ADMIN}inboxitem/reconcile/", {"days": 1}),
        "export": client.get(f"{ADMIN}payment/export/"),
        "analytics": client.get("/admin/analytics/"),
    }
    return {name: response.status_code for name, response in asked.items()}


ALL = {"search", "investigate", "settle again", "refund", "health", "compare", "repair", "export", "analytics"}


@pytest.mark.once
@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("", set()),
        ("Support", {"search", "investigate", "settle again", "health"}),
        ("Billing", ALL),
        ("Analyst", {"analytics"}),
    ],
)
def test_each_role_may_what_it_is_for_and_nothing_else(ada: Any, staff_of: Any, role: str, may: set[str]) -> None:
    got = statuses(staff_of(role))
    assert {name for name, status in got.items() if status in {200, 302}} == may
    assert {status for name, status in got.items() if name not in may} <= {403}


ACTS = {("inboxitem", "settle"), ("mail", "resend"), ("autotopup", "stop")}


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "acts"), [("", set()), ("Support", ACTS), ("Billing", ACTS), ("Analyst", set())])
def test_each_role_has_its_actions_in_the_lists_and_no_row_to_write(
    staff_of: Any, rf: Any, role: str, acts: set[Any]
) -> None:
    staff_of(role)
    request = rf.get("/")
    request.user = get_user_model().objects.get(username=f"member-{role}")
    admins = {name: each for model, each in site._registry.items() if (name := named(model))}
    offered = {(name, action) for name, each in admins.items() for action in each.get_actions(request)}
    assert {each for each in offered if each[1] != "export_csv"} == acts
    writes = ("has_add_permission", "has_change_permission", "has_delete_permission")
    assert not [(name, write) for name, each in admins.items() for write in writes if getattr(each, write)(request)]


def named(model: Any) -> str:
    return model._meta.model_name if model._meta.app_label == "quickscale_billing" else ""


@pytest.mark.parametrize("role", ["", "Support", "Analyst"])
def test_who_may_not_pay_back_cannot_by_a_form_that_somebody_else_has_opened_or_sent(
    ada: Any, staff_of: Any, role: str
) -> None:
    payment, token = Payment.objects.get(), uuid4()
    address = f"{ADMIN}payment/{payment.pk}/refund/"
    sent = {"amount": "49", "reason": "asked", "token": str(token)}
    client = staff_of(role)
    assert client.post(address, sent).status_code == 403
    assert not Refund.objects.exists()
    refunds.requested(payment, amount=4900, reason="asked", actor=None, token=token)  # and not sent yet
    assert client.post(address, sent).status_code == 403
    assert (Refund.objects.get().status, list(stripe_client().v1.refunds.list().data)) == ("requested", [])


@pytest.mark.django_db
def test_roles_are_made_once_and_keep_what_a_host_adds(django_user_model: Any) -> None:
    from django.contrib.auth.models import Permission

    call_command("make_roles", verbosity=0)
    added = Permission.objects.get(codename="add_user")
    Group.objects.get(name="Support").permissions.add(added)
    call_command("make_roles", verbosity=0)
    counted = {group.name: group.permissions.count() for group in Group.objects.all()}
    assert counted == {name: len(permissions) + (name == "Support") for name, permissions in ROLES.items()}


@pytest.mark.once
def test_what_people_and_stripe_write_is_escaped(shop: Any, ada: Any, admin_client: Any) -> None:
    payment = Payment.objects.get()
    stripe_client().v1.payment_intents.update(
        payment.stripe_payment_intent_id, {"metadata": {"note": PAYLOAD}, "description": PAYLOAD}
    )
    get_user_model().objects.filter(pk=ada.pk).update(username=PAYLOAD)
    Fact.objects.update(note=PAYLOAD)
    for page in (investigation(), f"{ADMIN}payment/?q={PAYLOAD}", f"{ADMIN}fact/"):
        shown = admin_client.get(page).content.decode()
        assert (PAYLOAD in shown, "onerror=alert(1)&gt;" in shown) == (False, True), page
