"""What letters say to their readers, in whose language, and what names in them do."""

from html.parser import HTMLParser
from typing import Any, Self

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone, translation

from quickscale_billing import mail
from quickscale_billing.mail.readers import staff
from quickscale_billing.models import Dispute, Invoice, Mail, Payment, Plan, PlanPrice, PlanSubscription, Refund
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.models import CreditAccount
from tests.billing.letters import SETTINGS, both_say, html_of, sent, spend_below

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.once]

PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'); alert(1); ('",
    "{{ site_url }}",
    "a\r\nBcc: b@x.y",
]


def test_the_owner_reads_it_in_their_language_and_time(ada, settings):
    settings.QUICKSCALE_BILLING = SETTINGS | {"MAIL_READER": f"{__name__}.in_germany"}
    about = {"credits": "1234.5", "expires_at": "2026-02-13T23:30:00+00:00"}
    mail.tell(Mail.Kind.CREDITS_EXPIRING, "1", open_account(ada), about=about)
    [told] = sent("credits_expiring")
    assert told.to == ["ada@example.com", "books@example.com"]
    both_say(told, "1.234,5", "14. Februar 2026")
    assert '<html lang="de">' in html_of(told)
    row = Mail.objects.get()
    assert (row.to, row.language) == ("ada@example.com, books@example.com", "de")
    assert translation.get_language() == "en-us"


def test_who_caused_it_does_not_choose_the_language_of_its_reader(ada):
    mail.tell(Mail.Kind.TOP_UP_STOPPED, "1", open_account(ada), about={"reason": "declined"})
    with translation.override("ar"):
        [told] = sent("top_up_stopped")
    assert '<html lang="en-us">' in html_of(told)


def in_germany(owner: Any) -> mail.Reader:
    return mail.Reader(to=[owner.email, "books@example.com"], language="de", time_zone="Europe/Berlin")


def test_a_reader_has_a_list_of_addresses():
    with pytest.raises(TypeError, match="list of addresses"):
        mail.Reader(to="ada@example.com")


@pytest.mark.parametrize("admins", [["boss@shop.example"], [("Boss", "boss@shop.example")]])
def test_staff_are_the_admins_unless_somebody_else_is_named(settings, admins):
    settings.ADMINS = admins
    settings.QUICKSCALE_BILLING = {}
    assert staff() == ["boss@shop.example"]
    settings.QUICKSCALE_BILLING = {"MAIL_STAFF": []}
    assert staff() == []


def test_a_host_overrides_a_letter_by_its_own_templates(ada, settings, tmp_path):
    folder = tmp_path / "quickscale_billing" / "mail"
    folder.mkdir(parents=True)
    (folder / "credits_low.txt").write_text("Few left\n\n{{ available }} of {{ threshold }}, {{ owner.first_name }}")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path]}]
    spend_below(ada, settings)
    [low] = sent("credits_low")
    assert (low.subject, low.body) == ("Few left", "15 of 20, Ada\n")
    assert "<h1" in html_of(low)


@pytest.mark.parametrize("name", PAYLOADS)
def test_names_have_no_effect_in_a_letter(ada, settings, name):
    """In HTML they are text, in a header they stay one line, and only pages are linked."""
    settings.QUICKSCALE_BILLING = SETTINGS | {"SELLER": {"name": name}, "MAIL_STAFF": ["boss@shop.example"]}
    get_user_model().objects.update(username=name)
    account = open_account(ada)
    for kind, about in everything_called(name, account).items():
        mail.tell(kind, "1", account, about=about)
    for letter in sent(*Mail.Kind):
        found = Elements.of(html_of(letter))
        assert found.tags <= {"html", "head", "meta", "title", "body", "div", "h1", "p", "a", "br"}
        assert found.attributes <= {"lang", "charset", "name", "content", "style", "href"}
        assert all(link.startswith("https://shop.example") for link in found.links)
        assert " ".join(name.split()) in " ".join(found.text.split())
        message = letter.message()
        assert (message["Bcc"], "\n" in letter.subject) == (None, False)


def everything_called(name: str, account: CreditAccount) -> dict[Mail.Kind, dict[str, Any]]:
    """Rows in which whatever can have a name has this one, and what each kind of letter is about."""
    now = timezone.now()
    plan = Plan.objects.create(slug="plan", name=name, credits=1)
    price = PlanPrice.objects.create(plan=plan, interval="month", amount=900, currency="usd")
    subscription = PlanSubscription.objects.create(
        account=account,
        stripe_id="sub_1",
        price=price,
        status="canceled",
        created_at=now,
        retrieved_at=now,
        ended_at=now,
    )
    invoice = Invoice.objects.create(
        account=account,
        subscription=subscription,
        stripe_id="in_1",
        status="open",
        created_at=now,
        currency="usd",
        hosted_url=f"javascript:{name}",
    )
    payment = Payment.objects.create(account=account, invoice=invoice, amount=900, currency="usd")
    refund = Refund.objects.create(payment=payment, amount=900, currency="usd", reason=name)
    dispute = Dispute.objects.create(
        payment=payment,
        stripe_id="dp_1",
        amount=900,
        currency="usd",
        reason=name[:64],
        status="needs_response",
        opened_at=now,
    )
    return {
        Mail.Kind.RECEIPT: {"payment": payment.pk},
        Mail.Kind.PAYMENT_FAILED: {"invoice": invoice.pk},
        Mail.Kind.CARD_EXPIRING: {"card": name, "month": "03/2026", "has_expired": False},
        Mail.Kind.SUBSCRIPTION_CANCELED: {"subscription": subscription.pk},
        Mail.Kind.REFUND_MADE: {"refund": refund.pk},
        Mail.Kind.DISPUTE_OPENED: {"dispute": dispute.pk},
        Mail.Kind.DISPUTE_ALERT: {"dispute": dispute.pk},
        Mail.Kind.CREDITS_LOW: {"available": "1", "threshold": "2"},
        Mail.Kind.CREDITS_EXPIRING: {"credits": "1", "expires_at": now.isoformat()},
        Mail.Kind.TOP_UP_STOPPED: {"reason": "declined"},
        Mail.Kind.WEBHOOKS_REFUSED: {"count": 1, "since": now.isoformat()},
    }


class Elements(HTMLParser):
    """What a reader's program makes of a letter."""

    @classmethod
    def of(cls, html: str) -> Self:
        found = cls()
        found.tags, found.attributes, found.links, found.text = set(), set(), [], ""
        found.feed(html)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data
