"""Sales added up by day: the rollups have what the rows say, whatever comes late or goes back, and it is verified."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from quickscale_billing import payments, purchasing, topping_up
from quickscale_billing.analytics import adding_up, changing, rollups
from quickscale_billing.models import (
    CountedSale,
    CreditPack,
    Dispute,
    PaidSegment,
    Payment,
    Purchase,
    Refund,
    SalesRollup,
    TopUp,
)
from quickscale_billing.stripe.payment_readers import PaymentState
from quickscale_billing.stripe.readers import SessionLine, SessionState
from quickscale_credits import analytics
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.testing import fund
from tests.billing.books import Books, answers, check_revenue
from tests.billing.selling import Subscriber, invoice, plan
from tests.billing.trade import CURRENCIES, Trade
from tests.stories.threads import at_once

PAID_SESSION = SessionState(
    id="cs_1",
    livemode=False,
    mode="payment",
    status="complete",
    payment_status="paid",
    currency="usd",
    reference="",
    customer_id=None,
    subscription_id=None,
    payment_intent_id="pi_session",
    lines=(),
)
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def subscriber(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    return subscriber


def roll_up(**options):
    call_command("rollup_usage", stdout=StringIO(), **options)


def year():
    return analytics.Period.last_months(12)


def net(**filters):
    rows = SalesRollup.objects.filter(**filters)
    return sum(row.gross - row.refunded - row.disputed for row in rows)


def assert_right():
    used = sorted(set(Payment.objects.values_list("currency", flat=True)))
    check_revenue(Books(), year(), used)


def is_sound():
    try:
        call_command("verify_ledger", stdout=StringIO(), stderr=StringIO())
    except CommandError:
        return False
    return True


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
def test_each_day_of_the_rollups_has_what_plain_python_finds_in_the_rows(db, settings, zone, monkeypatch):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    monkeypatch.setattr(adding_up, "PAGE", 7)
    Trade(10, seed=9).run()
    roll_up()
    books, days = Books(), sorted(set(SalesRollup.objects.values_list("day", flat=True)))
    assert len(days) > 30
    for currency in CURRENCIES:
        for day in days:
            found = Counter()
            for row in SalesRollup.objects.filter(day=day, currency=currency):
                found.update({name: getattr(row, name) for name in ("gross", "refunded", "disputed", "tax")})
            expected = books.revenue(currency, day, day, ZoneInfo(zone))
            del expected["net"]
            assert {key: found[key] for key in expected} == expected, (day, currency)
    assert is_sound()


def test_what_is_counted_is_read_from_the_rollups_alone(db):
    Trade(5, seed=3).run()
    roll_up()
    assert any(answers("revenue", year())[0].values())
    SalesRollup.objects.all().delete()
    figures, _, _ = answers("revenue", year())
    assert {value for (key, _), value in figures.items() if key != "top-ups"} == {0}


def test_a_refund_of_a_counted_payment_is_seen_at_once_and_counted_on_its_day(subscriber, clock):
    roll_up()
    assert net() == 1_000
    clock.shift(timedelta(days=3))
    subscriber.pay_back(40)
    assert_right()
    assert net() == 1_000
    roll_up()
    assert net() == 600
    assert_right()
    assert is_sound()


def test_an_upgrade_settled_later_moves_a_counted_payment_to_the_plan_it_is_for(subscriber, clock):
    roll_up()
    clock.shift(timedelta(days=5))
    subscriber.change_price(plan("large", 3))
    roll_up()
    products = set(SalesRollup.objects.filter(gross__gt=0).values_list("product", flat=True))
    assert len(products) == 2
    assert_right()
    assert is_sound()


def test_a_payment_that_turns_up_late_finds_its_day(subscriber, clock):
    clock.shift(timedelta(days=90))
    roll_up()
    paid = Payment.objects.get()
    paid.pk, paid.stripe_payment_intent_id, paid.is_counted = None, "pi_late", False
    paid.paid_at -= timedelta(days=2)
    paid.save(force_insert=True)
    assert_right()
    roll_up()
    assert net(day=paid.paid_at.date()) == 1_000
    assert is_sound()


def a_pack():
    return CreditPack.objects.create(
        slug="handful", name="handful", credits=1, amount=500, currency="usd", stripe_price_id="price_handful"
    )


def gross_of_products():
    return dict(SalesRollup.objects.filter(gross__gt=0).values_list("product", "gross"))


def test_a_pack_settled_later_takes_the_money_of_a_payment_that_was_counted_as_no_product(user):
    account, pack, nothing_asked = open_account(user), a_pack(), payments.Money(states={}, began=timezone.now())
    line = SessionLine(id="li_1", price_id=pack.stripe_price_id, quantity=1, subtotal=500, total=500, tax=0, discount=0)
    state = replace(PAID_SESSION, lines=(line,))
    payments.of_session(account, state, nothing_asked)
    roll_up()
    assert gross_of_products() == {"": 500}
    purchasing.settle(account, state, None, nothing_asked)
    assert_right()
    roll_up()
    assert gross_of_products() == {f"pack-{pack.pk}": 500}
    assert is_sound()


def test_a_top_up_settled_later_takes_the_money_of_a_payment_that_was_counted_as_no_product(user):
    account, pack, now = open_account(user), a_pack(), timezone.now()
    row = TopUp.objects.create(
        account=account, pack=pack, credits=1, amount=500, currency="usd", stripe_price_id=pack.stripe_price_id
    )
    paid = PaymentState(
        id="pi_1", livemode=False, customer_id=None, amount=500, currency="usd", charge_id="ch_1", paid_at=now
    )
    state = replace(invoice("", []), total=500, payment_ids=(paid.id,), top_up_token=str(row.pk))
    payments.note_invoice(account, state, payments.Money(states={paid.id: paid}, began=now))
    roll_up()
    assert gross_of_products() == {"": 500}
    topping_up.settle(state, payments.Money(states={}, began=now))
    assert_right()
    roll_up()
    assert gross_of_products() == {f"pack-{pack.pk}": 500}
    assert is_sound()


def test_a_run_that_is_repeated_adds_nothing(subscriber):
    roll_up()
    before = list(SalesRollup.objects.order_by("pk").values())
    assert sum(adding_up.roll_up_page("sales", 0) or ()) == 0
    roll_up()
    assert list(SalesRollup.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda: SalesRollup.objects.update(gross=1),
        lambda: SalesRollup.objects.all().delete(),
        lambda: CountedSale.objects.update(tax=5),
        lambda: CountedSale.objects.all().delete(),
        lambda: Payment.objects.update(amount=7),
        lambda: PaidSegment.objects.update(stripe_invoice_id="in_other"),
        lambda: Refund.objects.create(payment=Payment.objects.get(), amount=5, currency="usd", status="succeeded"),
    ],
)
def test_rollups_that_are_not_what_the_rows_say_fail_the_verification_until_they_are_rebuilt(subscriber, damage):
    roll_up()
    assert is_sound()
    damage()
    assert not is_sound()
    roll_up(rebuild=True)
    assert is_sound()
    check = answers("revenue", year())[0]["gross", "usd"]
    assert check == sum(row.amount for row in Payment.objects.all())


def test_rebuilding_forgets_a_page_at_a_time_and_every_report_between_two_pages_is_right(db, monkeypatch):
    monkeypatch.setattr(adding_up, "PAGE", 10)
    monkeypatch.setattr(changing, "PAGE", 2)
    Trade(6, seed=8).run()
    roll_up()
    before = answers("mrr", year())
    pages = rollups.rebuild()
    assert next(pages) == 0
    assert Payment.objects.filter(is_counted=False).count() == 10
    for _ in pages:
        assert_right()
        assert answers("mrr", year()) == before
    assert not Payment.objects.filter(is_counted=False).exists()
    assert is_sound()


def test_rebuilding_into_another_time_zone_is_right_between_two_pages(db, settings, monkeypatch):
    monkeypatch.setattr(adding_up, "PAGE", 20)
    Trade(6, seed=8).run()
    roll_up()
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Pacific/Auckland"}
    for _ in rollups.rebuild():
        assert_right()
    assert is_sound()


def test_rollups_in_the_days_of_another_time_zone_are_not_read_and_must_be_rebuilt(subscriber, settings):
    roll_up()
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Pacific/Auckland"}
    assert_right()
    with pytest.raises(CommandError, match="rebuild"):
        roll_up()
    roll_up(rebuild=True)
    assert_right()
    assert is_sound()


def test_a_payment_for_several_packs_counts_with_each_and_once_in_all(user):
    payment = Payment.objects.create(account=open_account(user), amount=1_000, tax=100, currency="usd")
    for slug, amount in [("handful", 300), ("handful", 300), ("sack", 390)]:
        pack, _ = CreditPack.objects.get_or_create(slug=slug, name=slug, credits=1, amount=1, currency="usd")
        entry = fund(user, 1)
        Purchase.objects.create(
            account=payment.account,
            pack=pack,
            credits=1,
            amount=amount,
            tax=30,
            currency="usd",
            stripe_line_id=f"li_{entry.pk}",
            payment=payment,
            entry=entry,
        )
    for _ in range(2):
        figures, _, tables = answers("revenue", year())
        assert figures["payments", ""] == 1
        rows = {name: (number, gross, tax) for name, number, gross, *_, tax in tables["products-usd"]}
        assert rows == {"handful": (1, 540, 60), "sack": (1, 360, 30), "Other": (0, 0, 10)}
        roll_up()


@committed
def test_two_runs_at_once_count_every_payment_once(db, monkeypatch):
    monkeypatch.setattr(adding_up, "PAGE", 3)
    Trade(4, seed=4).run()
    counts = at_once(3, lambda: sum(rollups.roll_up()))
    assert all(isinstance(each, int) for each in counts), counts
    assert Dispute.objects.count() + Refund.objects.count() > 0
    assert_right()
    assert is_sound()


@committed
def test_rebuilding_while_others_roll_up_counts_every_payment_once(db, monkeypatch):
    monkeypatch.setattr(adding_up, "PAGE", 3)
    Trade(4, seed=4).run()
    turns = iter([rollups.roll_up, rollups.rebuild, rollups.roll_up, rollups.rebuild])
    counts = at_once(4, lambda: sum(next(turns)()))
    assert all(isinstance(each, int) for each in counts), counts
    assert_right()
    assert is_sound()
