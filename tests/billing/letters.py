"""Letters of billing, as they go out."""

from typing import Any

from django.core import mail as outbox
from django.core.management import call_command
from django.test import TestCase

from quickscale_billing import checkout, facts
from quickscale_billing.models import Mail
from quickscale_credits import ledger

SETTINGS = {"MAIL": "all", "SELLER": {"name": "Inkwell Ltd"}, "SITE_URL": "https://shop.example"}


def buy(shop: Any, buyer: Any, item: str, **options: Any) -> None:
    session = checkout.start(buyer, item, **options)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))


def sent(*kinds: str) -> list[Any]:
    """The letters that go out now; all that wait must be of these kinds."""
    assert sorted(Mail.objects.due().values_list("kind", flat=True)) == sorted(kinds)
    outbox.outbox.clear()
    call_command("send_mail", verbosity=0)
    assert set(Mail.objects.values_list("state", flat=True)) <= {"sent"}
    return list(outbox.outbox)


def html_of(letter: Any) -> str:
    [(content, kind)] = letter.alternatives
    assert kind == "text/html"
    return str(content)


def both_say(letter: Any, *words: str) -> None:
    for each in words:
        assert each in letter.body, (each, letter.body)
        assert each in html_of(letter), each


def spend_below(owner: Any, settings: Any) -> None:
    """From 30 or more to 15."""
    settings.QUICKSCALE_CREDITS = {"LOW_BALANCE_THRESHOLD": 20}
    ledger.grant(owner, 30)
    with TestCase.captureOnCommitCallbacks(execute=True):
        ledger.spend(owner, ledger.balance(owner).total - 15, reason="work")
