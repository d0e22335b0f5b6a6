"""Whatever stands in a name, a description or metadata, of people or at Stripe, is text on every page and no more."""

from itertools import count
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.test import Client

from quickscale_billing import checkout, refunds
from quickscale_billing.models import (
    AutoTopUp,
    Customer,
    Dispute,
    Fact,
    InboxItem,
    Mail,
    Payment,
    Plan,
    PlanSubscription,
    Refund,
    TopUp,
    TopUpConsent,
)
from quickscale_billing.models import CreditPack as Pack
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_services.models import ApiKey
from tests.billing.webhooks import connect
from tests.browser.conftest import launched, watch

# An element that came of one of these has the attribute; what it does opens a dialog.
PAYLOADS = [
    "<img src=/x data-owned onerror=alert(1)>",
    '"><svg data-owned onload=alert(1)>',
    "</script><script data-owned>alert(1)</script>",
    "'-alert(1)-'\"-alert(1)-\"",
    '" autofocus data-owned onfocus="alert(1)',
    "' autofocus data-owned onfocus='alert(1)",
    '</textarea></title></option><b data-owned onclick="alert(1)">',
    '<iframe data-owned srcdoc="<script>alert(1)</script>"></iframe>',
    "<a data-owned href=javascript:alert(1)>x</a>",
    "<!--<x data-owned>--><details open data-owned ontoggle=alert(1)>",
    "{{ 6|add:36 }}{% now 'Y' %}${alert(1)}",
    "&lt;script data-owned&gt;alert(1)&lt;/script&gt;\u2028</pre>",
]
ADMIN = "/admin/quickscale_billing/"
LISTS = ["fact", "purchase", "plansubscription", "invoice", "refund", "dispute", "inboxitem", "payment"]
TOPPING_UP = ["mail", "autotopup", "topup", "topupconsent"]
CREDITS = ["creditaccount", "ledgerentry", "creditgrant"]

numbers = count()


def payload(longest=120):
    """As many as fit, beginning with another one each time."""
    first, text = next(numbers) % len(PAYLOADS), ""
    for each in PAYLOADS[first:] + PAYLOADS[:first]:
        text += each if len(text) + len(each) <= longest else ""
    return text


@pytest.fixture
def business(transactional_db, stripe_simulator, monkeypatch):
    """Everything that can have a name has a payload, and every event of it has come by webhook."""
    monkeypatch.setattr(f"{__name__}.numbers", count())  # the same payloads, whatever ran before
    call_command("sync_catalog", verbosity=0)
    connect(stripe_simulator)
    buyer = get_user_model().objects.create_user("buyer@example.com", name=payload(100))
    for item in [*Plan.objects.all(), *Pack.objects.all()]:
        type(item).objects.filter(pk=item.pk).update(name=payload(), description=payload(600))
    Plan.objects.update(features=[payload(), payload()])
    Payer(stripe_simulator, buyer).buy()
    write_down(buyer)
    top_up(CreditAccount.objects.get())
    call_command("send_mail", verbosity=0)
    Mail.objects.update(problem=payload(300))
    return buyer


class Payer:
    def __init__(self, simulator, buyer):
        self.simulator, self.buyer, self.client = simulator, buyer, stripe_client()

    def buy(self):
        for item in ("pack-1000", "basic"):
            session = checkout.start(self.buyer, item)
            self.simulator.pay(session, name=payload(), email="buyer@example.com")
        self.rename_at_stripe()
        pack, plan = Payment.objects.order_by("pk")
        refunds.refund(plan, amount=100, reason=payload(200), actor=self.buyer)
        self.simulator.dispute(pack.stripe_payment_intent_id, reason="fraudulent")
        self.simulator.webhooks.deliver()

    def rename_at_stripe(self):
        said = {"description": payload(300), "metadata": {payload(40): payload(400)}}
        customer = Customer.objects.get().stripe_id
        self.client.v1.customers.update(customer, {**said, "name": payload(200), "phone": payload(20)})
        for item in [*Plan.objects.all(), *Pack.objects.all()]:
            self.client.v1.products.update(item.stripe_product_id, {**said, "name": payload(200)})
        for payment in Payment.objects.all():
            self.client.v1.payment_intents.update(payment.stripe_payment_intent_id, said)
            if payment.invoice:
                self.client.v1.invoices.update(payment.invoice.stripe_id, {"metadata": said["metadata"]})


def write_down(buyer):
    """What our own verbs are told, and what Stripe might say some day where it says a word now."""
    ledger.grant(buyer, 10, reason="note", reference=payload(150), metadata={payload(40): payload(200)})
    ledger.spend(buyer, 1, reason="note", reference=payload(150))
    ApiKey.objects.issue(buyer, name=payload(60))
    Fact.objects.update(note=payload())
    Refund.objects.update(problem=payload())
    Dispute.objects.update(reason=payload(60))
    Customer.objects.update(email=f'"{PAYLOADS[0]}"@example.com')
    InboxItem.objects.update(problem=payload(300), last_event_type=payload(60))


def top_up(account):
    """What was agreed to, in whose words, and an attempt that failed."""
    pack = Pack.objects.first()
    terms = {"account": account, "pack": pack, "credits": 10, "amount": 500, "currency": "usd"}
    agreed = {"threshold": 5, "monthly_cap": 900, "consented_by": payload(200), "consent_wording": payload(300)}
    AutoTopUp.objects.create(**terms, **agreed)
    TopUpConsent.objects.create(**terms, **agreed)
    ended = {"is_pending": None, "status": TopUp.Status.DECLINED, "problem": payload(300)}
    TopUp.objects.create(**terms, **ended, stripe_price_id="price_1", stripe_customer_id="cus_1")


def of_the_buyer():
    """Pages, and those of them on which a payload must be seen."""
    payment = Payment.objects.order_by("pk").first()
    session = payment.stripe_session_id
    return [
        *("/dashboard/", "/accounts/profile/", "/services/keys/", "/services/runs/", "/notices/"),
        *("/billing/packs/", "/billing/packs/pack-1000/", "/billing/plans/basic/", "/billing/payment-methods/"),
        *("/billing/top-up/", "/billing/", "/billing/subscription/"),
        *("/billing/subscription/change/?plan=pro", "/credits/"),
        *("/billing/history/", "/billing/timeline/", f"/billing/checkout/success/?session_id={session}"),
        *(
            f"{page}?{urlencode(asked())}"
            for page in ("/billing/history/", "/credits/", "/billing/", "/credits/redeem/")
        ),
    ]


def of_the_staff():
    account, payments = (
        CreditAccount.objects.get().pk,
        list(Payment.objects.order_by("pk").values_list("pk", flat=True)),
    )
    subscription = PlanSubscription.objects.get().pk
    return [
        *(f"{ADMIN}{name}/" for name in [*LISTS, *TOPPING_UP]),
        *(f"{ADMIN}payment/{pk}/investigate/" for pk in payments),
        *(f"{ADMIN}payment/{payments[1]}/{page}/" for page in ("change", "refund")),
        f"{ADMIN}payment/?{urlencode({'q': payload()})}",
        f"{ADMIN}plansubscription/{subscription}/change/",
        f"{ADMIN}plan/{Plan.objects.first().pk}/change/",
        f"{ADMIN}creditpack/{Pack.objects.first().pk}/change/",
        f"{ADMIN}inboxitem/health/",
        f"{ADMIN}inboxitem/reconcile/?days=7",
        *(f"/admin/quickscale_credits/{name}/" for name in CREDITS),
        f"/admin/quickscale_credits/creditaccount/{account}/change/",
        f"/admin/quickscale_credits/creditaccount/{account}/give/",
        *("/admin/", "/admin/quickscale_services/apikey/", "/admin/analytics/", "/admin/analytics/revenue/"),
    ]


def asked():
    return {name: payload() for name in ("kind", "since", "until", "before", "next", "code", "q")}


# Asked for all the same: they show ids and numbers, or what somebody has named only in the frame around them.
WITHOUT_NAMES = (
    *("/dashboard/", "/services/runs/", "/notices/", "/billing/payment-methods/", "/admin/", "/admin/analytics/"),
    *("/invoice/", "/dispute/", "/payment/", "/refund/", "/health/", "/reconcile/?days=7"),
    *("/creditaccount/", "/creditgrant/", "/give/"),
)


def logged_in(browser, address, cookie):
    context = browser.new_context(base_url=address)
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
    return context


def visit(page, path):
    """Payloads are seen on it, as text: none of them has become an element."""
    answer = page.goto(path)
    assert answer.status == 200, path
    assert "content-security-policy" in answer.headers, path
    assert page.locator("[data-owned]").count() == 0, path
    assert "data-owned" in page.locator("main").inner_html() or path.endswith(WITHOUT_NAMES), path


def test_payloads_are_text_on_every_page(chromium, business, live_server, django_user_model):
    staff = django_user_model.objects.create_superuser("staff@example.com", name=payload(100))
    walks = [(cookie_of(business), of_the_buyer()), (cookie_of(staff), of_the_staff())]
    receipt = Payment.objects.last().pk
    errors = []
    with launched(chromium) as browser:
        for cookie, paths in walks:
            context = logged_in(browser, live_server.url, cookie)
            watch(context, errors)
            page = context.new_page()
            page.on("dialog", lambda dialog: (errors.append(f"dialog on {dialog.page.url}"), dialog.dismiss()))
            for path in paths:
                visit(page, path)
            if cookie == walks[0][0]:
                pdf = page.request.get(f"/billing/receipts/{receipt}.pdf")
                assert (pdf.headers["content-type"], pdf.body()[:5]) == ("application/pdf", b"%PDF-")
            context.close()
        read_mail(browser, errors)
    assert errors == []


def read_mail(browser, errors):
    """As in a reader that has no policy."""
    told = [html for message in mail.outbox for html, kind in message.alternatives if kind == "text/html"]
    assert any("data-owned" in html for html in told)
    context = browser.new_context()
    watch(context, errors)
    page = context.new_page()
    page.on("dialog", lambda dialog: (errors.append("dialog of a mail"), dialog.dismiss()))
    for html in told:
        page.set_content(html)
        assert page.locator("[data-owned]").count() == 0, html
    context.close()


def cookie_of(user):
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"]
