"""What an owner was billed, paid, got back and spent: lists, one timeline, and the pages of them."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from quickscale_billing import checkout, facts, history, refunds
from quickscale_billing.history import HistoryRow
from quickscale_billing.history.lists import whole_statement
from quickscale_billing.history.merging import page_of
from quickscale_billing.models import CreditPack, Invoice, Payment, Purchase
from quickscale_credits import ledger
from quickscale_credits.testing import fund
from quickscale_services import registry
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.usefixtures("clock")

PAGE, TIMELINE = "/billing/history/", "/billing/timeline/"
PAYLOADS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}", "javascript:alert(1)"]


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    connect(shop)
    return Calendar(clock, shop)


@pytest.fixture
def buyer(calendar: Calendar, db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def browser(buyer: Any) -> Client:
    browser = Client()
    browser.force_login(buyer)
    return browser


@pytest.fixture
def stranger(db: None) -> Client:
    browser = Client()
    browser.force_login(get_user_model().objects.create_user("grace"))
    return browser


def buy(calendar: Calendar, buyer: Any, item: str) -> Payment:
    session = checkout.start(buyer, item)
    calendar.simulator.pay(session)
    facts.settle_session(str(session.stripe_id))
    return history.payments(buyer)[0]


def told(rows: Any) -> list[tuple[str, str, str]]:
    return [(row.kind.value, row.title, row.money or f"{row.credits:+}") for row in rows]


def text_of(response: Any) -> str:
    return response.content.decode()


def csv_of(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_whoever_has_bought_nothing_has_no_history(buyer):
    assert (list(history.invoices(buyer)), list(history.payments(buyer)), list(history.timeline(buyer))) == ([], [], [])


def test_a_pack_is_a_payment_with_the_credits_it_gave(calendar, buyer):
    payment = buy(calendar, buyer, "large")
    assert (payment.amount, payment.currency) == (4900, "usd")
    row = history.statement(buyer).rows[0]
    assert (row.title, row.money, row.status, row.credits) == ("1000 credits", "49.00 USD", "Paid", 1050)


def test_a_subscription_is_an_invoice_and_a_payment(calendar, buyer):
    buy(calendar, buyer, "basic")
    invoice = history.invoices(buyer).get()
    assert (invoice.status, invoice.total) == (Invoice.Status.PAID, 900)
    rows = {row.kind: row for row in history.statement(buyer)}
    assert (rows["payment"].title, rows["payment"].credits) == ("Basic", 500)
    assert rows["invoice"].url == invoice.hosted_url
    assert invoice.hosted_url.startswith(calendar.simulator.address)


def test_what_was_refunded_is_told_with_what_is_left_of_the_credits(calendar, buyer):
    payment = buy(calendar, buyer, "large")
    calendar.shift(timedelta(hours=1))
    refunds.refund(payment, amount=2450, reason="half", actor=buyer)
    refund, paid = history.statement(buyer).rows
    assert (refund.title, refund.money, refund.status) == ("Refund of 1000 credits", "-24.50 USD", "Succeeded")
    assert (paid.status, paid.credits) == ("Partly refunded", 525)


def test_a_disputed_payment_is_told_as_such(calendar, buyer):
    payment = buy(calendar, buyer, "small")
    calendar.shift(timedelta(hours=1))
    calendar.simulator.dispute(payment.stripe_payment_intent_id)
    assert told(history.statement(buyer))[0] == ("dispute", "Dispute of 100 credits", "-7.00 USD")


def test_the_timeline_has_usage_credits_and_payments_in_one(calendar, buyer):
    buy(calendar, buyer, "large")
    for step in (1, 2):
        calendar.shift(timedelta(hours=1))
        ledger.spend(buyer, 7, reason="text-summary", reference=f"run {step}")
    fund(buyer, 3)
    rows = told(history.timeline(buyer))
    assert rows[0] == ("credits", "Grant: test", "+3")
    assert rows[1:3] == [("usage", "text-summary", "-7")] * 2
    assert {row[0] for row in rows[3:]} == {"credits", "payment"}


def test_the_pages_of_a_timeline_hold_every_row_once(calendar, buyer):
    payment = buy(calendar, buyer, "large")
    refunds.refund(payment, amount=100, reason="one", actor=buyer)  # at the very moment of the payment
    for number in range(11):
        ledger.spend(buyer, 1, reason=f"work-{number}")
        calendar.clock.shift(timedelta(minutes=number % 2))
    whole = history.timeline(buyer, limit=100).rows
    seen, cursor = [], ""
    for _page in range(20):
        page = history.timeline(buyer, before=cursor, limit=4)
        seen += page.rows
        if not (cursor := page.older):
            break
    assert seen == whole
    assert len(seen) == len(set(seen)) == 15
    assert [row.at for row in seen] == sorted((row.at for row in seen), reverse=True)


def test_rows_that_come_while_pages_are_turned_move_nothing(calendar, buyer):
    buy(calendar, buyer, "large")
    for number in range(5):
        ledger.spend(buyer, 1, reason=f"work-{number}")
    first = history.timeline(buyer, limit=2)
    ledger.spend(buyer, 1, reason="meanwhile")
    second = history.timeline(buyer, before=first.older, limit=2)
    assert [row.title for row in [*first, *second]] == ["work-4", "work-3", "work-2", "work-1"]


@pytest.mark.once
@pytest.mark.parametrize(
    "cursor", ["x1", "e", "e1.2", "p1", "e99999999999999999999", "p999999999999999999.1", "~~", "e1~", "\x00", "é1"]
)
def test_what_is_no_cursor_does_no_harm(calendar, buyer, browser, cursor):
    ledger.grant(buyer, 1, reason="gift")
    assert browser.get(TIMELINE, {"before": cursor}).status_code == 200


def test_a_timeline_is_narrowed_by_kind_and_by_dates(calendar, buyer):
    buy(calendar, buyer, "large")
    calendar.shift(timedelta(days=1))
    ledger.spend(buyer, 1, reason="work")
    now = calendar.simulator.clock.now
    assert [row.title for row in history.timeline(buyer, kind="usage")] == ["work"]
    assert [row.kind for row in history.timeline(buyer, kind="payment")] == ["payment"]
    assert {row.kind for row in history.timeline(buyer, kind="credits")} == {"credits"}
    assert [row.title for row in history.timeline(buyer, since=now - timedelta(hours=1))] == ["work"]
    assert "usage" not in {row.kind for row in history.timeline(buyer, until=now - timedelta(hours=1))}


@pytest.mark.once
def test_more_rows_take_no_more_queries(calendar, buyer):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            list(history.timeline(buyer))
            list(history.statement(buyer))
        return len(found)

    payment = buy(calendar, buyer, "small")
    refunds.refund(payment, amount=100, reason="one", actor=buyer)
    buy(calendar, buyer, "basic")
    few = queries()
    for _ in range(2):
        refunds.refund(buy(calendar, buyer, "large"), amount=100, reason="one", actor=buyer)
    calendar.shift(timedelta(days=32))
    assert queries() <= few


def test_the_history_of_somebody_else_is_not_shown(calendar, buyer, stranger):
    payment = buy(calendar, buyer, "large")
    for path in (PAGE, TIMELINE):
        assert "1000 credits" not in text_of(stranger.get(path))
    assert len(csv_of(stranger.get("/billing/history.csv"))) == 1
    assert stranger.get(f"/billing/receipts/{payment.pk}.pdf").status_code == 404


@pytest.mark.once
@pytest.mark.parametrize("path", ["history/", "history.csv", "timeline/", "receipts/1.pdf"])
def test_a_visitor_is_led_to_log_in(db, path):
    assert Client().get(f"/billing/{path}").status_code == 302


def test_the_page_lists_what_was_paid_with_its_receipt_and_invoice(calendar, buyer, browser):
    payment = buy(calendar, buyer, "basic")
    page = text_of(browser.get(PAGE))
    assert "9.00 USD" in page
    assert "500 credits" in page
    assert f"/billing/receipts/{payment.pk}.pdf" in page
    assert f'href="{payment.invoice.hosted_url}"' in page


def test_the_page_is_filtered_and_turned(calendar, buyer, browser, monkeypatch):
    buy(calendar, buyer, "small")
    refunds.refund(history.payments(buyer)[0], amount=100, reason="one", actor=buyer)
    assert "Refund of 100 credits" not in text_of(browser.get(PAGE, {"kind": "payment"}))
    assert "Nothing fits." in text_of(browser.get(PAGE, {"until": "2025-01-01"}))
    assert "Refund of 100 credits" in text_of(browser.get(PAGE, {"kind": "nonsense", "since": "nonsense"}))
    monkeypatch.setattr(page_of, "__kwdefaults__", page_of.__kwdefaults__ | {"limit": 1})
    first = browser.get(PAGE, {"kind": ""})
    older = browser.get(PAGE, {"before": first.context["page"].older})
    assert "Older" in text_of(first)
    assert "Newest" in text_of(older)
    assert [row.kind for row in older.context["page"]] == ["payment"]


def test_csv_has_numbers_and_no_formula(calendar, buyer, browser):
    CreditPack.objects.filter(slug="small").update(name="=cmd|' /C calc'!A0")
    payment = buy(calendar, buyer, "small")
    refunds.refund(payment, amount=100, reason="one", actor=buyer)
    header, *rows = csv_of(browser.get("/billing/history.csv"))
    assert header == ["at", "kind", "title", "detail", "status", "amount", "currency", "credits"]
    amounts = {row[1]: (row[2], row[5], row[6]) for row in rows}
    assert amounts["payment"] == ("'=cmd|' /C calc'!A0", "7.00", "usd")
    assert amounts["refund"][1] == "-1.00"
    assert len(csv_of(browser.get("/billing/history.csv", {"kind": "refund"}))) == 2


@pytest.mark.once
@pytest.mark.parametrize(("currency", "shown"), [("jpy", "4,900 JPY"), ("kwd", "4.900 KWD"), ("usd", "49.00 USD")])
def test_each_currency_has_its_own_digits(calendar, buyer, browser, currency, shown):
    buy(calendar, buyer, "large")
    Payment.objects.update(currency=currency)
    row = next(row for row in history.statement(buyer) if row.kind == "payment")
    assert row.money.replace(",", "") == shown.replace(",", "")
    assert shown.replace(",", "") in text_of(browser.get(PAGE)).replace(",", "")
    number = csv_of(browser.get("/billing/history.csv"))[1][5]
    assert number == shown.split()[0].replace(",", "")


@pytest.mark.once
@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_and_references_stay_text(calendar, buyer, browser, payload):
    CreditPack.objects.filter(slug="large").update(name=payload)
    buy(calendar, buyer, "large")
    ledger.spend(buyer, 1, reason="work", reference=payload)
    admin = Client()
    admin.force_login(get_user_model().objects.create_superuser("boss"))
    account = Purchase.objects.get().account
    for answer in (
        browser.get(PAGE),
        browser.get(TIMELINE),
        admin.get(f"/admin/quickscale_credits/creditaccount/{account.pk}/change/"),
    ):
        page = text_of(answer)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript:' not in page
        assert "{{ 7|add:7 }}" in page or "7|add" not in payload


def test_the_admin_sees_the_same_timeline_on_an_accounts_page(calendar, buyer):
    buy(calendar, buyer, "large")
    ledger.spend(buyer, 12, reason="text-summary")
    admin = Client()
    admin.force_login(get_user_model().objects.create_superuser("boss"))
    page = text_of(admin.get(f"/admin/quickscale_credits/creditaccount/{buyer.credit_account.pk}/change/"))
    for words in ("Timeline", "1000 credits", "49.00 USD", "text-summary"):
        assert words in page


def test_who_may_see_accounts_alone_sees_neither_their_payments_nor_their_runs(calendar, buyer, django_user_model):
    buy(calendar, buyer, "large")
    registry["text-summary"].run(buyer, text="One. Two. Three.")
    clerk, browser = django_user_model.objects.create_user("clerk", is_staff=True), Client()
    browser.force_login(clerk)
    address = f"/admin/quickscale_credits/creditaccount/{buyer.credit_account.pk}/change/"
    both = {"Timeline", "Service runs"}
    for codename, shown in [("view_creditaccount", set()), ("view_payment", {"Timeline"}), ("view_servicerun", both)]:
        clerk.user_permissions.add(Permission.objects.get(codename=codename))
        assert {str(each.title) for each in browser.get(address).context["sections"]} == shown


@pytest.mark.parametrize("path", ["/credits/", "/credits/history.csv", TIMELINE])
def test_owners_read_what_they_bought_and_its_receipt_where_the_ledger_has_an_id_of_stripes(
    calendar, buyer, browser, path
):
    payment = buy(calendar, buyer, "large")
    history.receipt(payment)
    payment.refresh_from_db()
    calendar.shift(timedelta(hours=1))
    buy(calendar, buyer, "basic")
    calendar.simulator.dispute(history.payments(buyer).last().stripe_payment_intent_id)
    answer = browser.get(path)
    page = b"".join(answer).decode()
    assert f"1000 credits · {payment.receipt.number}" in page
    assert "Basic" in page
    assert re.findall(r"\b(?:cs|in|pi|sub|dp|du)_\w+", page) == []


@pytest.mark.once
def test_a_long_statement_is_read_a_piece_at_a_time(calendar, buyer):
    payment = buy(calendar, buyer, "small")
    for number in range(1, 4):
        payment.pk, payment.stripe_payment_intent_id, payment.stripe_session_id = None, f"pi_{number}", None
        payment.save()
    assert len(list(whole_statement(buyer))) == 4


def test_a_row_tells_money_or_credits():
    blank = HistoryRow(at=None, kind=history.RowKind.USAGE, title="work", credits=Decimal(-1))
    assert (blank.money, blank.label) == ("", "Usage")
