"""An owner with a card who lets a pack be bought by itself."""

from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from django.core.management import call_command

from quickscale_billing import payment_methods, topup
from quickscale_billing.models import AutoTopUp, TopUp
from quickscale_credits import ledger

WORDS = "Charge my card."
CHALLENGED_LATER = "4000002760003184"
DECLINED_LATER = "4000000000000341"


def add_card(simulator: Any, owner: Any, card: str = "4242424242424242") -> None:
    session = payment_methods.add(owner)
    simulator.pay(session, card)
    payment_methods.settle(owner, session.stripe_id)


def agree(
    owner: Any, pack: str = "small", *, threshold: object = 20, monthly_cap: int = 7000, offer: str | None = None
) -> AutoTopUp:
    """The small pack gives 100 credits for 7.00."""
    terms = {"threshold": threshold, "monthly_cap": monthly_cap, "offer": offer}
    return topup.turn_on(owner, pack, wording=WORDS, actor=owner, **terms)


def run_low(owner: Any) -> None:
    """Down to five credits."""
    left = ledger.balance(owner).available
    if left < 6:
        ledger.grant(owner, 10 - left)
        left = ledger.balance(owner).available
    ledger.spend(owner, left - 5, reason="work")


def attempts() -> list[str]:
    return list(TopUp.objects.order_by("created_at", "status").values_list("status", flat=True))


def charges(simulator: Any) -> list[int]:
    """What was really paid at Stripe."""
    return [each["amount"] for each in simulator.sandbox.all("charge") if each["paid"]]


def sweep() -> None:
    call_command("top_up", verbosity=0)


def reason() -> str:
    return AutoTopUp.objects.get().reason


def confirm(shop: Any) -> None:
    """On Stripe's page of the invoice."""
    shop.webhooks.hold()
    body = urlencode({"cardNumber": "4242424242424242"}).encode()
    urlopen(TopUp.objects.pending().get().hosted_url, body).close()
    shop.webhooks.deliver()
