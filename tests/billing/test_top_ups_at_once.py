"""Top-ups when many spend at once, when a process is killed, when Stripe's answers are lost: one charge, no more."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from quickscale_billing import charging, reconciliation
from quickscale_billing.exceptions import PackChanged, StripeUnavailable
from quickscale_billing.models import AutoTopUp, CreditPack, Fact, Purchase, TopUp
from quickscale_billing.testing.api import Answer
from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance
from tests.billing.topping import add_card, agree, attempts, charges, run_low
from tests.billing.webhooks import connect
from tests.stories.threads import at_once

SPENDERS = 16
POSTS = {"draft": 1, "line": 2, "finalize": 3, "pay": 4}
BROKEN = {"error": {"type": "api_error", "message": "Try again later."}}


@pytest.fixture(autouse=True)
def offered(shop: Any, settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {"AUTO_TOP_UP": True, "QUEUE": "quickscale_billing.queueing.work"}


@pytest.fixture
def ada(shop: Any) -> Any:
    return owner(shop, "ada")


def owner(shop: Any, name: str) -> Any:
    made = get_user_model().objects.create_user(name, email=f"{name}@example.com")
    add_card(shop, made)
    return made


def later() -> None:
    """The sweep goes on with what was begun a while ago."""
    TopUp.objects.update(created_at=F("created_at") - timedelta(minutes=10))
    call_command("top_up", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_sixteen_who_cross_the_threshold_at_once_have_one_pack_bought(shop, ada):
    """Each spend hands over a job, which is done at once, in the thread of the spend."""
    ledger.grant(ada, 16 * 3 + 10)
    agree(ada)
    answers = at_once(SPENDERS, lambda: ledger.spend(ada, 3, reason="work").amount)
    assert answers == [-3] * SPENDERS
    charging.look_at(ada.credit_account.pk)
    assert (charges(shop), attempts()) == ([700], ["paid"])
    assert_balance(ada, 110)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changed", [{"amount": 600}, {"is_active": False}])
def test_a_pack_that_changes_while_stripe_is_asked_is_not_agreed_to(shop, ada, changed):
    def change(_exchange: Any) -> None:
        CreditPack.objects.filter(slug="small").update(**changed)
        connection.close()

    shop.api.recorders.append(change)
    with pytest.raises(PackChanged):
        agree(ada)
    assert not AutoTopUp.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sixteen_sweeps_at_once_never_pass_the_cap(shop, ada):
    agree(ada, threshold=100, monthly_cap=2000)
    run_low(ada)
    for _ in range(3):
        at_once(SPENDERS // 2, lambda: charging.charge(ada.credit_account))
        ledger.spend(ada, 50, reason="work")
    assert charges(shop) == [700, 700]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("repaired_by", "points"), [("event", ["pay"]), ("reconciliation", ["pay"]), ("sweep", list(POSTS))]
)
def test_a_process_killed_between_stripes_answer_and_our_commit(shop, spawn, repaired_by, points):
    connect(shop)
    shop.webhooks.hold()
    owners = [owner(shop, point) for point in points]
    for each in owners:
        agree(each)
        ledger.grant(each, 5)
    accounts = [f"{each.credit_account.pk}:{POSTS[point]}" for each, point in zip(owners, points, strict=True)]
    killed = spawn(CHARGE_AND_DIE, shop.address, shop.api_key, *accounts)
    output = killed.communicate(timeout=60)
    assert output[0].split() == ["9"] * len(points), output
    assert (Fact.objects.count(), attempts()) == (0, ["requested"] * len(points))
    if repaired_by == "event":
        shop.webhooks.deliver()
    elif repaired_by == "reconciliation":
        found = reconciliation.drift(TopUp.objects.get().created_at - timedelta(days=1))
        assert [each.kind for each in found] == ["topup"]
        assert not reconciliation.repair(found).failed
    else:
        later()
    assert (charges(shop), attempts()) == ([700] * len(points), ["paid"] * len(points))
    later()
    shop.webhooks.deliver()
    assert charges(shop) == [700] * len(points)
    for each in owners:
        assert_balance(each, 105)


# A child for each account: it dies when Stripe has answered that many requests that change something there.
CHARGE_AND_DIE = """
    import os, signal, sys
    from django.conf import settings
    from django.db import connections
    from stripe import RequestsClient
    from quickscale_billing import charging

    settings.STRIPE_API_HOST, settings.STRIPE_TEST_SECRET_KEY, *accounts = sys.argv[1:]
    settings.QUICKSCALE_BILLING = {"AUTO_TOP_UP": True}
    ask = RequestsClient.request
    left = 0

    def ask_and_die(client, method, *rest, **options):
        global left
        answer = ask(client, method, *rest, **options)
        left -= method == "post"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    RequestsClient.request = ask_and_die
    for account, left in (map(int, each.split(":")) for each in accounts):
        connections.close_all()
        child = os.fork()
        if not child:
            charging.look_at(account)
            os._exit(1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1, flush=True)
"""


@pytest.mark.once
@pytest.mark.parametrize("is_lost", [False, True], ids=["never asked", "answer lost"])
def test_wherever_stripe_stops_answering_the_sweep_goes_on(shop, ada, is_lost, monkeypatch):
    """Before the first request is answered, before the second, and so on, until one attempt is answered to its end."""
    agree(ada, monthly_cap=70_000)
    answer, number, allowed = shop.api.answer, 0, 0

    def stopping(*request: Any) -> Answer:
        nonlocal number
        number += 1
        if number <= allowed:
            return answer(*request)
        if is_lost:
            answer(*request)
        return Answer(503, BROKEN, {})

    for allowed in range(30):
        run_low(ada)
        number = 0
        with monkeypatch.context() as patch:
            patch.setattr(shop.api, "answer", stopping)
            try:
                charging.charge(ada.credit_account)
            except StripeUnavailable:
                pass
            else:
                break
        later()
        assert len(charges(shop)) == Fact.objects.filter(kind="topup").count() == allowed + 1
    assert 8 < allowed < 29
    assert Purchase.objects.count() == allowed + 1


@pytest.mark.once
@pytest.mark.parametrize(("answers", "expected"), [(2, ["canceled", "paid"]), (3, ["paid"]), (7, ["paid"])])
def test_after_a_day_it_is_looked_for_by_its_metadata(shop, ada, answers, expected, outage, clock):
    """Cut off before it was drafted, after that, and before it was known to be paid."""
    agree(ada)
    run_low(ada)
    with outage(after=answers), pytest.raises(StripeUnavailable):
        charging.charge(ada.credit_account)
    TopUp.objects.update(stripe_invoice_id=None)  # as if we had died before we wrote it down
    clock.shift(timedelta(hours=30))
    shop.clock.advance(timedelta(hours=30))
    call_command("top_up", verbosity=0)
    assert attempts() == expected
    call_command("top_up", verbosity=0)
    assert charges(shop) == [700]
