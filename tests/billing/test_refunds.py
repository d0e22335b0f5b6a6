"""Money that goes back takes its credits along: in proportion, once, whoever paid it back."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from quickscale_billing import checkout, facts, refunds
from quickscale_billing.exceptions import RefundTooLarge, StripeRefused, StripeUnavailable
from quickscale_billing.models import Clawback, Invoice, Payment, Purchase, Refill, Refund
from quickscale_billing.stripe import refunding
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.damaging import damaged
from tests.billing.time import Calendar
from tests.billing.webhooks import connect
from tests.stories.threads import at_once

pytestmark = pytest.mark.usefixtures("clock")

DAY, MONTH = timedelta(days=1), timedelta(days=31, hours=2)


@pytest.fixture
def buyer(clock: Any, shop: Any, db: None) -> Any:
    connect(shop)
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    return Calendar(clock, shop)


def buy(shop: Any, buyer: Any, item: str, **options: Any) -> None:
    session = checkout.start(buyer, item, **options)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))


@pytest.fixture
def pack(shop: Any, buyer: Any) -> Purchase:
    """1,000 credits and 50 more, for 49.00."""
    buy(shop, buyer, "large")
    return Purchase.objects.get()


@pytest.fixture
def staff(db: None) -> Any:
    return get_user_model().objects.create_user("boss")


def total(owner: Any) -> Decimal:
    return ledger.balance(owner).total


def at_stripe(shop: Any, payment: Payment, amount: int | None = None) -> Any:
    """As in Stripe's dashboard."""
    asked = {"payment_intent": payment.stripe_payment_intent_id} | ({"amount": amount} if amount else {})
    made = stripe_client().v1.refunds.create(asked)
    shop.webhooks.deliver()
    return made


def test_a_payment_row_tells_what_arrived_and_what_went_back(shop, buyer, pack, staff):
    payment = pack.payment
    assert (payment.amount, payment.refunded, payment.kept) == (4900, 0, 1)
    assert payment.stripe_charge_id.startswith("ch_")
    refund = refunds.refund(pack, amount=1470, reason="too many", actor=staff)
    payment.refresh_from_db()
    assert (payment.refunded, payment.refundable) == (1470, 3430)
    assert (refund.status, refund.reason, refund.actor) == ("succeeded", "too many", str(staff.pk))
    assert refund.stripe_id.startswith("re_")


def test_a_full_refund_takes_exactly_all(buyer, pack, staff):
    refunds.refund(pack, amount=1, reason="a cent", actor=staff)
    assert total(buyer) == Decimal("1049.785714")
    refunds.refund(pack, reason="all", actor=staff)
    assert total(buyer) == 0


def test_what_was_spent_becomes_debt(buyer, pack, staff):
    ledger.spend(buyer, 900, reason="work")
    refunds.refund(pack, reason="all", actor=staff)
    assert total(buyer) == -900


def test_without_debt_what_was_spent_is_left_alone(buyer, pack, staff, settings):
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    ledger.spend(buyer, 900, reason="work")
    refunds.refund(pack, reason="all", actor=staff)
    assert total(buyer) == 0
    assert Clawback.objects.outstanding().count() == 1


def test_without_debt_an_older_debt_that_the_credits_paid_is_there_again(shop, buyer, pack, staff, settings):
    ledger.spend(buyer, 900, reason="work")
    refunds.refund(pack, reason="all", actor=staff)
    assert total(buyer) == -900
    buy(shop, buyer, "large")
    ledger.spend(buyer, 100, reason="more")
    second = Purchase.objects.latest("pk")
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    for amount, left in ((490, -55), (2450, -580), (None, -900)):
        refunds.refund(second, amount=amount, reason="in parts", actor=staff)
        assert total(buyer) == left
    assert Clawback.objects.outstanding().get().wanted - Clawback.objects.outstanding().get().taken == 100
    assert_ledger_sound()


def test_without_debt_an_older_debt_of_other_credits_stays_as_it_is(shop, buyer, pack, staff, settings):
    buy(shop, buyer, "large")
    first, second = Purchase.objects.order_by("pk")
    ledger.spend(buyer, 2100, reason="work")
    refunds.refund(first, reason="all", actor=staff)
    assert total(buyer) == -1050
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    refunds.refund(second, reason="all", actor=staff)
    assert total(buyer) == -1050


def test_without_debt_a_refund_that_fails_pays_the_older_debt_again(shop, buyer, pack, staff, settings):
    ledger.spend(buyer, 900, reason="work")
    refunds.refund(pack, reason="all", actor=staff)
    buy(shop, buyer, "large")
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    for _ in range(2):
        refund = refunds.refund(Purchase.objects.latest("pk"), reason="all", actor=staff)
        assert total(buyer) == -900
        shop.fail_refund(refund.stripe_id)
        assert total(buyer) == 150
    assert_ledger_sound()


def test_without_debt_what_is_held_is_taken_when_it_comes_back(
    buyer, pack, staff, settings, django_capture_on_commit_callbacks
):
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    hold = ledger.hold(buyer, 1000, reason="work")
    refunds.refund(pack, reason="all", actor=staff)
    assert total(buyer) == 1000
    with django_capture_on_commit_callbacks(execute=True):
        ledger.capture(hold, 300)
    assert total(buyer) == 0
    assert Clawback.objects.get().taken == 750


def test_more_than_is_left_is_refused_and_nothing_is_sent(shop, buyer, pack, staff):
    refunds.refund(pack, amount=4000, reason="most", actor=staff)
    with pytest.raises(RefundTooLarge):
        refunds.refund(pack, amount=1000, reason="more", actor=staff)
    assert [refund.amount for refund in Refund.objects.all()] == [4000]


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, "1"])
@pytest.mark.once
def test_an_amount_is_whole_minor_units(db, amount):
    with pytest.raises(ValueError, match="minor units"):
        refunds.refund(Purchase(), amount=amount, reason="odd", actor=None)


@pytest.mark.once
def test_a_refund_needs_a_reason(db):
    with pytest.raises(ValueError, match="reason"):
        refunds.refund(Purchase(), reason=" ", actor=None)


def test_a_refund_that_comes_before_its_grant_leaves_only_the_rest(shop, buyer):
    shop.webhooks.hold()
    session = checkout.start(buyer, "large")
    shop.pay(session)
    payment_id = stripe_client().v1.checkout.sessions.list().data[0].payment_intent
    stripe_client().v1.refunds.create({"payment_intent": payment_id, "amount": 2450})
    facts.settle_payment(payment_id)
    assert total(buyer) == 525
    shop.webhooks.deliver()
    assert total(buyer) == 525


def test_what_a_pack_lacked_is_given_as_bought_when_a_refund_that_came_before_it_fails(shop, buyer):
    shop.webhooks.hold()
    session = checkout.start(buyer, "large")
    shop.pay(session)
    payment_id = stripe_client().v1.checkout.sessions.list().data[0].payment_intent
    refund = stripe_client().v1.refunds.create({"payment_intent": payment_id, "amount": 2450})
    facts.settle_payment(payment_id)
    shop.webhooks.deliver()
    shop.fail_refund(refund.id)
    assert ledger.balance(buyer).by_type["pay_as_you_go"] == 1050


def test_a_refund_of_what_is_not_ours_gives_and_takes_nothing(shop, buyer):
    client = stripe_client()
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    asked = {"amount": 500, "currency": "usd", "confirm": True, "payment_method_types": ["card"]}
    intent = client.v1.payment_intents.create(asked | {"payment_method": method.id})
    facts.settle_payment(intent.id)
    assert not Payment.objects.exists()


def test_an_outage_after_the_request_pays_back_once(shop, buyer, pack, staff, outage):
    with outage(after=0), pytest.raises(StripeUnavailable):
        refunds.refund(pack, amount=4900, reason="all", actor=staff)
    assert Refund.objects.get().status == Refund.Status.REQUESTED
    Refund.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    call_command("settle_facts", verbosity=0)
    assert Refund.objects.get().status == Refund.Status.SUCCEEDED
    assert total(buyer) == 0


@pytest.mark.parametrize("hours", [1, 30])
def test_a_process_that_died_after_stripes_answer_pays_back_once(shop, buyer, pack, staff, calendar, hours):
    row, _ = refunds.requested(pack, amount=1470, reason="too many", actor=staff, token=uuid4())
    refunding.create(pack.payment.stripe_payment_intent_id, 1470, row.token)
    calendar.shift(timedelta(hours=hours))
    call_command("settle_facts", verbosity=0)
    assert len(stripe_client().v1.refunds.list().data) == 1
    row.refresh_from_db()
    assert row.status == Refund.Status.SUCCEEDED
    assert total(buyer) == 735


def test_a_row_that_never_reached_stripe_is_finished_after_days(shop, buyer, pack, staff, calendar):
    refunds.requested(pack, amount=1470, reason="too many", actor=staff, token=uuid4())
    calendar.shift(3 * DAY)
    call_command("settle_facts", verbosity=0)
    assert [refund.amount for refund in stripe_client().v1.refunds.list().data] == [1470]
    assert total(buyer) == 735


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_many_times_at_once_pays_back_once(shop, buyer, pack, staff):
    token = uuid4()

    def press() -> None:
        with suppress(StripeUnavailable):  # the same request is under way
            refunds.sent(refunds.requested(pack, amount=2450, reason="asked", actor=staff, token=token)[0])

    at_once(4, press)
    assert [each.amount for each in stripe_client().v1.refunds.list().data] == [2450]
    assert (Refund.objects.get().status, total(buyer)) == ("succeeded", 525)


def test_a_token_is_of_one_payment(shop, buyer, pack, staff):
    buy(shop, buyer, "small")
    small, token = Purchase.objects.latest("pk"), uuid4()
    refunds.requested(pack, amount=100, reason="asked", actor=staff, token=token)
    with pytest.raises(ValueError, match="another token"):
        refunds.requested(small, amount=100, reason="asked", actor=staff, token=token)
    assert Refund.objects.count() == 1


def test_a_damaged_account_keeps_no_other_refund_from_its_end(shop, buyer, pack, staff, clock):
    other = get_user_model().objects.create_user("eve", email="eve@example.com")
    buy(shop, other, "large")
    for each in Purchase.objects.order_by("pk"):
        refunds.requested(each, amount=4900, reason="all", actor=staff, token=uuid4())
    clock.shift(timedelta(minutes=10))
    with damaged(buyer):
        call_command("settle_facts", verbosity=0)
        assert total(other) == 0
        kept = Refund.objects.get(payment=pack.payment)
        assert (kept.status, "run verify_ledger" in kept.problem) == ("requested", True)
    call_command("settle_facts", verbosity=0)
    kept.refresh_from_db()
    assert (kept.status, kept.problem, total(buyer)) == ("succeeded", "", 0)
    assert len(stripe_client().v1.refunds.list().data) == 2


def test_a_refund_that_fails_gives_back_what_it_took(shop, buyer, pack):
    refund = at_stripe(shop, pack.payment, 2450)
    assert total(buyer) == 525
    shop.fail_refund(refund.id)
    assert total(buyer) == 1050
    assert Refund.objects.get().status == "failed"
    assert pack.payment.__class__.objects.get().refunded == 0


def test_a_refund_of_the_first_period_takes_the_bonus_only_when_it_is_whole(shop, buyer, staff):
    buy(shop, buyer, "pro")
    assert total(buyer) == 11_000
    invoice = Invoice.objects.get()
    refunds.refund(invoice, amount=2450, reason="half", actor=staff)
    assert total(buyer) == 6_000
    refunds.refund(invoice, reason="the rest", actor=staff)
    assert total(buyer) == 0


def paid_in_parts(shop: Any, buyer: Any, *amounts: int) -> Invoice:
    """The first period of Pro, 49.00, paid by several payments at Stripe, the first of them the oldest."""
    shop.webhooks.hold()
    session, client = checkout.start(buyer, "pro"), stripe_client().v1
    shop.pay(session)
    [whole] = shop.sandbox.all("invoice_payment")
    asked = {"currency": "usd", "confirm": True, "payment_method_types": ["card"]}
    for number, amount in enumerate(amounts):
        method = client.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
        intent = client.payment_intents.create(asked | {"amount": amount, "payment_method": method.id})
        part = {"amount_paid": amount, "payment": {"type": "payment_intent", "payment_intent": intent.id}}
        if number:
            copied = {name: value for name, value in whole.items() if name not in {"id", "object", "created"}}
            shop.sandbox.create("invoice_payment", "inpay", **copied | part | {"is_default": False})
        else:
            whole.update(part)
    facts.settle_session(str(session.stripe_id))
    for row, amount in zip(Payment.objects.order_by("pk"), amounts, strict=True):
        at = Payment.objects.latest("pk").paid_at - timedelta(hours=1) * (4900 - amount)
        Payment.objects.filter(pk=row.pk).update(paid_at=at)
    return Invoice.objects.get()


def test_an_invoice_with_several_payments_is_paid_back_of_the_newest_first(shop, buyer, staff):
    invoice = paid_in_parts(shop, buyer, 1900, 3000)
    for amount, left, rows in ((2000, [1000, 1900], 1), (1500, [0, 1400], 3), (None, [0, 0], 4)):
        refund = refunds.refund(invoice, amount=amount, reason="asked", actor=staff)
        assert refund.status == "succeeded"
        payments = Payment.objects.order_by("-paid_at")
        assert ([each.refundable for each in payments], Refund.objects.count()) == (left, rows)
    assert [each.amount for each in Refund.objects.filter(part_of=None).order_by("pk")] == [2000, 1000, 1400]
    assert [(each.amount, each.part_of.amount) for each in Refund.objects.exclude(part_of=None)] == [(500, 1000)]
    assert total(buyer) == 0


def test_several_payments_together_give_back_no_more_than_they_took(shop, buyer, staff):
    invoice = paid_in_parts(shop, buyer, 1900, 3000)
    with pytest.raises(RefundTooLarge):
        refunds.refund(invoice, amount=4901, reason="more", actor=staff)
    refund = refunds.refund(invoice, reason="all", actor=staff)
    assert [refund.amount, *refund.parts.values_list("amount", flat=True)] == [3000, 1900]
    with pytest.raises(RefundTooLarge):
        refunds.refund(invoice, reason="more", actor=staff)
    assert sorted(each.amount for each in stripe_client().v1.refunds.list().data) == [1900, 3000]


def test_of_several_payments_those_are_paid_back_that_stripe_lets(shop, buyer, staff):
    invoice = paid_in_parts(shop, buyer, 1900, 3000)
    shop.dispute(Payment.objects.get(amount=3000).stripe_charge_id)
    with pytest.raises(StripeRefused, match="1900 minor units were paid back"):
        refunds.refund(invoice, reason="all", actor=staff)
    assert dict(Refund.objects.values_list("amount", "status")) == {3000: "failed", 1900: "succeeded"}


def test_a_death_between_two_payments_of_an_invoice_pays_each_back_once(shop, buyer, staff, clock):
    invoice, token = paid_in_parts(shop, buyer, 1900, 3000), uuid4()
    row, _ = refunds.requested(invoice, amount=4000, reason="asked", actor=staff, token=token)
    refunds._send(row)
    clock.shift(timedelta(minutes=10))
    call_command("settle_facts", verbosity=0)
    again, is_new = refunds.requested(invoice, amount=4000, reason="asked", actor=staff, token=token)
    assert (refunds.sent(again), is_new) == (row, False)
    assert sorted(each.amount for each in stripe_client().v1.refunds.list().data) == [1000, 3000]


def test_the_refills_of_a_year_are_worth_what_was_kept(shop, buyer, staff, calendar):
    buy(shop, buyer, "basic", interval="year")
    refunds.refund(Invoice.objects.get(), amount=4500, reason="half", actor=staff)
    assert total(buyer) == 250
    calendar.shift(MONTH)
    calendar.sweep()
    assert Refill.objects.order_by("starts_at").last().facts.get(kind="refill").entry.amount == 250


def test_a_period_whose_refund_failed_gets_the_refill_that_it_missed(shop, buyer, calendar):
    buy(shop, buyer, "basic", interval="year")
    refund = at_stripe(shop, Payment.objects.get())
    calendar.shift(MONTH)
    calendar.sweep()
    assert total(buyer) == 0
    shop.fail_refund(refund.id)
    assert ledger.balance(buyer).available == 500
    assert ledger.balance(buyer).by_type["subscription"] == 500


def test_invoices_that_could_not_be_collected_are_rows_too(shop, buyer, calendar):
    buy(shop, buyer, "basic")
    shop.decline_next(Payment.objects.get().invoice.subscription.stripe_customer_id)
    calendar.shift(MONTH)
    facts.settle_subscription(buyer.credit_account.subscriptions.get().stripe_id)
    late = Invoice.objects.order_by("created_at").last()
    assert (late.status, late.amount_paid, late.attempts, late.payments.count()) == ("open", 0, 1, 0)
