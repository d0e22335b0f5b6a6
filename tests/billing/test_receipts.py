"""Receipts, read back from their PDF."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import translation
from pypdf import PdfReader

from quickscale_billing import billing, checkout, facts, history, refunds
from quickscale_billing.conf import conf
from quickscale_billing.history import receipts
from quickscale_billing.history.receipt_pdf import printable
from quickscale_billing.models import CreditPack, Payment, Receipt
from quickscale_credits.ledger.accounts import open_account

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.once]

SELLER = {
    "name": "Inkwell Ltd",
    "address": ["1 Quay Street", "Dublin"],
    "tax_id": "IE1234567X",
    "email": "billing@inkwell.example",
    "note": "Thank you.",
}
NAMES = [
    "José Müller-Łukasiewicz",
    "山田太郎",
    "محمد العربي",
    "Ελένη Παπαδοπούλου",
    "Владимир",
    "🦊 fox & <b>co</b>",
    "a\x00b\u202egnp.exe",
    "x" * 400,
    " ",
    "नमस्ते दुनिया",
]
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def payment(shop: Any, buyer: Any) -> Payment:
    return buy(shop, buyer, "large")


def buy(shop: Any, buyer: Any, item: str) -> Payment:
    session = checkout.start(buyer, item)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    return history.payments(buyer)[0]


def paid(amount: int, currency: str = "usd", **columns: Any) -> Payment:
    owner = get_user_model().objects.create_user("grace", email="grace@example.com")
    return Payment.objects.create(account=open_account(owner), amount=amount, currency=currency, **columns)


def text_of(payment: Payment) -> str:
    reader = PdfReader(BytesIO(history.receipt(payment)))
    return "\n".join(page.extract_text() for page in reader.pages)


def test_a_receipt_names_seller_buyer_item_and_total(payment, settings):
    settings.QUICKSCALE_BILLING = {"SELLER": SELLER}
    text = text_of(payment)
    for words in (
        "Inkwell Ltd",
        "1 Quay Street",
        "Tax ID: IE1234567X",
        "Ada Lovelace",
        "ada@example.com",
        "1000 credits",
        "49.00 USD",
        "Thank you.",
        payment.stripe_payment_intent_id,
    ):
        assert words in text


def test_its_number_is_drawn_once_and_kept(payment):
    number = receipts.assigned(payment).number
    assert re.fullmatch(r"RCP-20260115-[2-9A-HJ-NP-Z]{6}", number)
    assert number in text_of(payment)
    assert number in text_of(payment)
    assert Receipt.objects.count() == 1


def test_a_number_that_is_taken_is_drawn_again(payment, monkeypatch):
    taken = paid(100)
    drawn = iter(["AAAAAA", "AAAAAA", "BBBBBB"])
    monkeypatch.setattr(receipts, "get_random_string", lambda *_: next(drawn))
    Payment.objects.update(paid_at=payment.paid_at)
    numbers = [receipts.assigned(Payment.objects.get(pk=each.pk)).number[-6:] for each in (taken, payment)]
    assert numbers == ["AAAAAA", "BBBBBB"]


def test_no_two_payments_have_one_number(payment):
    first = receipts.assigned(payment)
    with pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.create(payment=paid(100), number=first.number)


def test_its_parties_stay_as_they_were(payment, buyer, settings):
    settings.QUICKSCALE_BILLING = {"SELLER": SELLER}
    history.receipt(payment)
    settings.QUICKSCALE_BILLING = {"SELLER": {"name": "Bigger Corp"}}
    get_user_model().objects.update(last_name="King")
    text = text_of(payment)
    assert "Inkwell Ltd" in text
    assert "Ada Lovelace" in text


def test_the_host_says_who_bought(payment, settings):
    settings.QUICKSCALE_BILLING = {"BUYER_DETAILS": f"{__name__}.company_of"}
    assert "Analytical Engines, VAT GB999" in text_of(payment)


def company_of(owner: Any) -> list[str]:
    return ["Analytical Engines, VAT GB999", str(owner)]


def test_tax_and_discount_add_up(db):
    text = text_of(paid(1071, tax=171, discount=100))
    for words in ("10.00 USD", "-1.00 USD", "9.00 USD", "1.71 USD", "10.71 USD"):
        assert words in text


def test_tax_that_stripe_computed_is_told(shop, buyer, settings):
    shop.tax_percent = 19
    settings.QUICKSCALE_BILLING = {
        "CHECKOUT": {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    }
    payment = buy(shop, buyer, "large")
    assert payment.tax == 931
    assert "9.31 USD" in text_of(payment)
    assert "58.31 USD" in text_of(payment)


def test_a_subscriptions_receipt_names_its_time_and_invoice(shop, buyer):
    payment = buy(shop, buyer, "basic")
    text = text_of(payment)
    assert "Basic, Jan. 15, 2026 - Feb. 15, 2026" in text
    assert payment.invoice.number in text


def test_refunds_are_told_below_the_total(payment, buyer):
    refunds.refund(payment, amount=1470, reason="too many", actor=buyer)
    text = text_of(Payment.objects.get())
    assert "Refunded on Jan. 15, 2026" in text
    assert "-14.70 USD" in text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"), [(4900, "jpy", "4900 JPY"), (4900, "kwd", "4.900 KWD"), (1, "usd", "0.01 USD")]
)
def test_each_currency_has_its_own_digits(db, amount, currency, shown):
    assert shown in text_of(paid(amount, currency)).replace(",", "")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_too_strange(payment, name, settings):
    settings.QUICKSCALE_BILLING = {"SELLER": {"name": name}}
    CreditPack.objects.update(name=name[:100])
    get_user_model().objects.update(first_name=name[:100].replace("\x00", ""))
    assert "49.00 USD" in text_of(Payment.objects.get())


@pytest.mark.skipif(not DEJAVU.exists(), reason="no DejaVu font here (apt-get install fonts-dejavu-core)")
@pytest.mark.parametrize("name", ["Ελένη", "Владимир", "Łukasz"])
def test_a_font_of_ones_own_prints_more_scripts(payment, name, settings):
    settings.QUICKSCALE_BILLING = {"RECEIPT_FONT": DEJAVU, "SELLER": {"name": name}}
    assert name in text_of(payment)


@pytest.mark.skipif(not DEJAVU.exists(), reason="no DejaVu font here (apt-get install fonts-dejavu-core)")
@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_too_strange_for_a_font_of_ones_own(payment, name, settings):
    settings.QUICKSCALE_BILLING = {"RECEIPT_FONT": DEJAVU, "SELLER": {"name": name}}
    assert "49.00 USD" in text_of(payment)


def test_letters_that_are_not_there_lose_their_accents_first():
    assert printable("Dvořák Őry €5 Žižek 山\u202e\n.", standard=True) == "Dvorák Ory €5 Žižek ? \n."


def test_it_speaks_the_language_that_is_active(payment):
    with translation.override("de"):
        assert "49,00 USD" in text_of(payment)


def test_a_long_receipt_goes_on_to_another_page(payment, settings):
    settings.QUICKSCALE_BILLING = {"SELLER": SELLER | {"note": "All that has to be said.\n" * 120}}
    assert len(PdfReader(BytesIO(history.receipt(payment))).pages) > 1


def test_the_owner_downloads_it(payment, buyer):
    browser = Client()
    browser.force_login(buyer)
    answer = browser.get(f"/billing/receipts/{payment.pk}.pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert f"{Receipt.objects.get().number}.pdf" in answer.headers["Content-Disposition"]


def test_a_closed_account_is_forgotten_on_it(payment, buyer):
    history.receipt(payment)
    billing.close(buyer)
    assert Receipt.objects.get().buyer == []
    assert "Lovelace" not in text_of(payment)


def test_the_day_in_the_number_is_that_of_the_site(db, settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    payment = paid(100, paid_at=datetime(2026, 1, 15, 12, tzinfo=UTC) + timedelta(hours=1))
    assert receipts.assigned(payment).number.startswith("RCP-20260116-")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SELLER", "Inkwell"),
        ("SELLER", {"nmae": "Inkwell"}),
        ("SELLER", {"name": 7}),
        ("SELLER", {"address": [1]}),
        ("BUYER_DETAILS", "nowhere.at_all"),
        ("RECEIPT_FONT", "/nowhere.ttf"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, key, value):
    settings.QUICKSCALE_BILLING = {key: value}
    with pytest.raises(Exception, match=key):
        getattr(conf, key)
