"""Nobody pays back, nor gives credits back, who may not: by whatever page, button, address or name of an action."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from quickscale_billing import checkout
from quickscale_billing.models import Payment, Refund
from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry
from quickscale_services import registry
from quickscale_services.models import ApiKey, ServiceRun
from tests.billing.walking import GIVEN, Walker, allow_all_but
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

PAYMENTS, RUNS = "/admin/quickscale_billing/payment/", "/admin/quickscale_services/servicerun/"


@pytest.fixture
def business(shop: Any) -> Any:
    """A customer and a member of the staff, each with a pack, a plan and a run; what dj-stripe keeps of it, too."""
    connect(shop)
    for name in ("ada", "staff"):
        user = get_user_model().objects.create_user(name, email=f"{name}@example.com", is_staff=name == "staff")
        for item in ("large", "pro"):
            shop.pay(checkout.start(user, item))
        ledger.grant(user, 10)
        registry["text-summary"].run(user, text="One. Two. Three.")
        ApiKey.objects.issue(user, name="one")
    shop.webhooks.deliver()
    return user


@pytest.fixture
def asked(shop: Any) -> list[str]:
    """What Stripe was asked to change."""
    made: list[str] = []
    shop.api.recorders.append(lambda exchange: made.append(exchange.path) if exchange.method == "POST" else None)
    return made


def walk(user: Any) -> dict[str, set[int]]:
    arguments = {
        "slug": ["large", "pro"],
        "name": ["text-summary"],
        "key": ["revenue"],
        "pk": list(Payment.objects.values_list("pk", flat=True)),
        "run_id": list(ServiceRun.objects.values_list("pk", flat=True)),
        "public_id": list(ApiKey.objects.values_list("public_id", flat=True)),
        "uuid": [uuid4()],
        "action_name": ["_resync_instances", "_sync_all_instances", "_cancel", "refund"],
        "model_name": ["refund", "charge", "subscription"],
    }
    walker = Walker(user, arguments)
    walker.walk()
    call_command("settle_facts", verbosity=0)  # which sends what was asked for
    return walker.answers


def test_whoever_may_do_all_but_give_back_gives_back_neither_money_nor_credits(shop, business, asked):
    """What they may, they do: credits were given by a form of the same kind."""
    allow_all_but(business, "refund_payment", "credit_back_run")
    answers = walk(business)
    assert (Refund.objects.count(), shop.sandbox.all("refund")) == (0, [])
    assert [path for path in asked if "refund" in path] == []
    reasons = set(LedgerEntry.objects.values_list("reason", flat=True))
    assert ("credit-back" in reasons, GIVEN["reason"] in reasons) == (False, True)
    pages = [f"{PAYMENTS}{each.pk}/refund/" for each in Payment.objects.order_by("pk")[:2]]
    pages += [f"{RUNS}{each.pk}/credit-back/" for each in ServiceRun.objects.all()]
    assert {page: answers.get(page) for page in pages} == {page: {403} for page in pages}
