"""What `billing.close` forgets: every column that could name a person, found in the models themselves."""

from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.models import CharField, Field, JSONField, Model, TextField
from django.utils import timezone

from quickscale_billing import billing, checkout, facts, history, reconciliation
from quickscale_billing.fields import CurrencyField, StripeIdField
from quickscale_billing.models import (
    AutoTopUp,
    CreditPack,
    Dispute,
    Invoice,
    Mail,
    Payment,
    PlanSubscription,
    Refund,
    TopUp,
    TopUpConsent,
)
from quickscale_billing.payment_methods import SOON
from quickscale_credits.models import CreditAccount
from quickscale_services import registry
from quickscale_services.models import ApiKey
from tests.billing.webhooks import connect

ADA = "Ada Lovelace"
IMMUTABLE = "the ledger's entries cannot be changed, and are the host's to keep free of names, as the docs say"
HOSTS_KEY = "the host's own key, without which a request that is sent again would be another"
COUNTED = "counted for everybody together"
OURS = "what the site says of itself, and not of an owner"
CONFIGURED = "set by staff for all owners"
OUR_WORDS = "words of ours and of Stripe's about its objects"
BY_STAFF = "the primary key of a member of staff"

MAY_STAY = {
    "quickscale_credits.LedgerEntry": dict.fromkeys(
        ["reason", "reference", "idempotency_key", "actor", "metadata"], IMMUTABLE
    ),
    "quickscale_credits.Hold": dict.fromkeys(
        ["reason", "reference", "idempotency_key", "actor", "metadata"], IMMUTABLE
    ),
    "quickscale_credits.ArchivedEntries": {"digest": "a hash of what is in a file"},
    "quickscale_credits.ArchivedSum": dict.fromkeys(["reason", "actor"], IMMUTABLE),
    "quickscale_credits.UsageRollup": {"reason": COUNTED},
    "quickscale_credits.RollupWatermark": {"name": OURS, "time_zone": OURS},
    "quickscale_credits.RedeemCode": {"code": CONFIGURED},
    "quickscale_services.Service": {"name": OURS, "rate_limit": CONFIGURED},
    "quickscale_services.ServiceRun": {
        "service": OURS,
        "actor": "the primary key of a user",
        "units": "figures by name",
        "price": OURS,
        "error_code": OUR_WORDS,
        "idempotency_key": HOSTS_KEY,
        "fingerprint": "a hash, which tells whether the same was sent again",
    },
    "quickscale_services.RunInput": {"data": "gone with the end of the run"},
    "quickscale_services.ServiceRollup": {"service": OURS, "error_code": OUR_WORDS},
    "quickscale_services.ServiceAccountRollup": {"service": OURS},
    "quickscale_services.ArchivedRuns": {"service": OURS, "error_code": OUR_WORDS},
    "quickscale_services.ApiKey": {
        "public_id": "drawn at random",
        "digest": "a hash of what was drawn at random",
        "scopes": CONFIGURED,
        "rate_limit": CONFIGURED,
    },
    "quickscale_services.RateCard": {"model": CONFIGURED, "note": CONFIGURED},
    "quickscale_billing.Plan": dict.fromkeys(["slug", "name", "description", "features"], CONFIGURED),
    "quickscale_billing.PlanPrice": {"stripe_terms": CONFIGURED},
    "quickscale_billing.CreditPack": dict.fromkeys(["slug", "name", "description", "stripe_terms"], CONFIGURED),
    "quickscale_billing.CheckoutSession": {"idempotency_key": HOSTS_KEY},
    "quickscale_billing.Fact": {"key": OUR_WORDS, "note": OUR_WORDS},
    "quickscale_billing.InboxItem": {"problem": OUR_WORDS, "last_event_type": OUR_WORDS},
    "quickscale_billing.Invoice": {"number": OUR_WORDS, "reason": OUR_WORDS},
    "quickscale_billing.SalesRollup": {"product": OURS},
    "quickscale_billing.CountedSale": {"product": OURS},
    "quickscale_billing.PaymentTax": {"name": "what staff call a rate of tax at Stripe"},
    "quickscale_billing.Clawback": {"reason": OUR_WORDS},
    "quickscale_billing.Dispute": {"reason": "one of Stripe's slugs"},
    "quickscale_billing.Refund": {"actor": BY_STAFF},
    "quickscale_billing.Receipt": {"number": OUR_WORDS, "seller": OURS},
    "quickscale_billing.Mail": {
        "key": OUR_WORDS,
        "about": "numbers of rows and figures; but for a card's, which is blanked",
        "language": "one of a few codes",
    },
}


def texts() -> list[tuple[type[Model], Field[Any, Any]]]:
    """Each column of text, but for choices and what Stripe's ids and currencies stand in."""
    labels = ("quickscale_billing", "quickscale_credits", "quickscale_services")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return [(model, field) for model in models for field in model._meta.concrete_fields if is_free_text(field)]


def is_free_text(field: Any) -> bool:
    is_text = isinstance(field, CharField | TextField | JSONField)
    return is_text and not field.choices and not isinstance(field, StripeIdField | CurrencyField)


def may_stay(model: type[Model], field: Field[Any, Any]) -> bool:
    return field.name in MAY_STAY.get(model._meta.label, {})


def test_each_reason_to_keep_is_about_a_column_that_there_is() -> None:
    known = {(model._meta.label, field.name) for model, field in texts()}
    assert {(label, name) for label, names in MAY_STAY.items() for name in names} - known == set()


@pytest.fixture
def ada(shop: Any) -> Any:
    """Somebody of whom there is a row of each kind that can name them."""
    owner = get_user_model().objects.create_user("ada", email="ada.lovelace@example.org")
    connect(shop)
    shop.pay(checkout.start(owner, "pro"), email=owner.email, name=ADA)
    checkout.start(owner, "large")
    account, payment = CreditAccount.objects.get(), Payment.objects.get()
    history.receipts.assigned(payment)
    pack = CreditPack.objects.get(slug="small")
    terms = {"pack": pack, "credits": 100, "amount": pack.amount, "currency": "usd"}
    agreed = terms | {"account": account, "threshold": 10, "monthly_cap": 10 * pack.amount}
    AutoTopUp.objects.create(**agreed, state="off", reason="owner")
    TopUpConsent.objects.create(**agreed)
    TopUp.objects.create(**terms, account=account, status="declined", is_pending=None)
    Refund.objects.create(payment=payment, token=uuid4(), amount=1, currency="usd", status="failed")
    Dispute.objects.create(
        payment=payment, stripe_id="du_1", amount=1, currency="usd", status="won", opened_at=timezone.now()
    )
    Mail.objects.all().delete()
    Mail.objects.create(kind=Mail.Kind.CARD_EXPIRING, key="card", account=account, about={"card": ADA}, state="sent")
    ApiKey.objects.issue(owner, name=ADA)
    registry["text-summary"].run(owner, text="One. Two.", idempotency_key="once")
    return owner


def test_no_column_keeps_a_person_that_has_no_reason_to(shop: Any, ada: Any) -> None:
    planted = [(model, field) for model, field in texts() if not may_stay(model, field)]
    for model, field in planted:
        value = [ADA] if isinstance(field, JSONField) else ADA
        assert model._base_manager.update(**{field.name: value}), f"{model._meta.label} needs a row here."
    billing.close(ada)
    left = [
        f"{model._meta.label}.{field.name}"
        for model, field in texts()
        for value in model._base_manager.values_list(field.name, flat=True)
        if ADA in str(value)
    ]
    assert left == []


def test_what_stripe_says_later_does_not_bring_the_addresses_back(shop: Any, ada: Any) -> None:
    assert Invoice.objects.exclude(hosted_url="").exists()
    billing.close(ada)
    shop.webhooks.deliver()
    call_command("settle_facts", verbosity=0)
    facts.settle_whole_subscription(PlanSubscription.objects.get().stripe_id)
    assert Invoice.objects.filter(hosted_url="", pdf_url="").count() == Invoice.objects.count() == 1
    assert not [each for each in reconciliation.drift(timezone.now() - SOON) if each.kind == "invoice"]
