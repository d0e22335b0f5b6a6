"""Selling a pack or a plan on Stripe's hosted page."""

from __future__ import annotations

import logging

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from quickscale_billing import catalog, facts
from quickscale_billing.catalog import Item
from quickscale_billing.customers import SURELY_REMEMBERED, customer_of, replaced
from quickscale_billing.exceptions import AlreadySubscribed, StripeRefused, StripeUnavailable, Unsettled
from quickscale_billing.models import CheckoutSession, CreditPack, Customer, PlanPrice
from quickscale_billing.return_addresses import ReturnAddresses
from quickscale_billing.session_options import request_key, request_of
from quickscale_billing.stripe import sessions
from quickscale_billing.stripe.readers import SessionState
from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.ledger.joining import checked_key, open_account, refuse_open_transaction
from quickscale_credits.models import CreditAccount

logger = logging.getLogger(__name__)


def start(
    owner: models.Model | CreditAccount,
    item: Item | str,
    *,
    interval: str = "month",
    currency: str | None = None,
    success_url: str | None = None,
    cancel_url: str | None = None,
    idempotency_key: str | None = None,
) -> CheckoutSession:
    """A session at whose `url` the owner pays; what they receive is frozen now for a pack, when paid for a plan.

    The same key and request give the same session; another request with it raises `IdempotencyConflict`. Raises
    `UnknownItem`, `ValueError` for a host to return to that is not allowed, `StripeUnavailable` (try again with the
    same key), and `RuntimeError` inside a transaction. While a subscription lives, a plan raises `AlreadySubscribed`,
    and what else the owner could pay at Stripe by then is closed.
    """
    addresses = ReturnAddresses.named(success=success_url, cancel=cancel_url)
    return begin(owner, item, addresses, interval=interval, currency=currency, idempotency_key=idempotency_key)


def begin(
    owner: models.Model | CreditAccount,
    item: Item | str,
    addresses: ReturnAddresses,
    *,
    interval: str = "month",
    currency: str | None = None,
    idempotency_key: str | None = None,
) -> CheckoutSession:
    """`start`, with addresses that were looked at before."""
    refuse_open_transaction("checkout.start")
    account = open_account(owner)
    wanted = _wanted(item, interval, currency)
    wanted.account, wanted.idempotency_key = account, checked_key(idempotency_key)
    wanted.success_url, wanted.cancel_url = addresses.success, addresses.cancel
    if first := _first_with_key(wanted):
        return first if first.stripe_id else _sent(first, customer_of(owner))
    if wanted.plan_price is not None:
        _refuse_second_subscription(account, wanted.idempotency_key)
    customer = customer_of(owner)
    return _sent(_written(wanted), customer)


def close_open_plans(account: CreditAccount, *, but_of_key: str | None = None) -> None:
    """No page of Stripe on which this owner could subscribe stays open; one that was paid meanwhile is settled.

    That of a key stays: another process has made it for this very press of a button.
    """
    sessions_of_plans = account.checkouts.open().filter(plan_price__isnull=False, stripe_id__isnull=False)
    for session in sessions_of_plans:
        if but_of_key is None or session.idempotency_key != but_of_key:
            _close(session)


def close_open(account: CreditAccount) -> None:
    """Nor any page on which they could buy a pack."""
    for session in account.checkouts.open().filter(stripe_id__isnull=False):
        _close(session)


def _close(session: CheckoutSession) -> None:
    try:
        sessions.expire(str(session.stripe_id))
        facts.settle_session(str(session.stripe_id))
    except StripeRefused:
        # Nobody can pay on a page that Stripe does not know: the key of another account was used for it.
        CheckoutSession.objects.filter(pk=session.pk).update(status=CheckoutSession.Status.EXPIRED)
    except Unsettled:
        logger.exception("The checkout %s was paid, and cannot be booked by itself.", session.stripe_id)


def settle(owner: models.Model | CreditAccount, session_id: str) -> SessionState:
    """For a page that Stripe leads to with `?session_id={CHECKOUT_SESSION_ID}`: give what was paid, and say how it is.

    It may be called again at will. Raises `CheckoutSession.DoesNotExist` for a session that is not this owner's,
    `StripeUnavailable`, and `Unsettled` if money came that cannot be booked by itself.
    """
    return facts.settle_session(str(own_session(owner, session_id).stripe_id))


def own_session(owner: models.Model | CreditAccount, session_id: str) -> CheckoutSession:
    """Raises `CheckoutSession.DoesNotExist` for one that is not this owner's, or nobody's."""
    if "\x00" in session_id:
        raise CheckoutSession.DoesNotExist("No id has NUL characters.")
    return CheckoutSession.objects.get(account__in=CreditAccount.objects.for_owner(owner), stripe_id=session_id)


def _wanted(item: Item | str, interval: str, currency: str | None) -> CheckoutSession:
    """A row that is not saved yet, with the terms as they are now."""
    found = catalog.find(item)
    price: CreditPack | PlanPrice
    price = found if isinstance(found, CreditPack) else catalog.price_of(found, interval, currency)
    if isinstance(found, CreditPack):
        catalog.refuse_other_currency(found, currency)
    catalog.ensure_pushed(found, price)
    session = CheckoutSession(stripe_price_id=price.stripe_price_id, amount=price.amount, currency=price.currency)
    if isinstance(price, CreditPack):
        session.pack, session.credits, session.bonus_credits = price, price.credits, price.bonus_credits
    else:
        session.plan_price, session.interval = price, price.interval
    return session


def _first_with_key(wanted: CheckoutSession) -> CheckoutSession | None:
    if wanted.idempotency_key is None:
        return None
    first = wanted.account.checkouts.filter(idempotency_key=wanted.idempotency_key).first()
    if first is not None and first.request != wanted.request:
        raise IdempotencyConflict(
            f"The idempotency key {wanted.idempotency_key!r} was used before, to buy {first.item} "
            f"({first.created_at:%Y-%m-%d %H:%M}): take another for another purchase."
        )
    return first


def _refuse_second_subscription(account: CreditAccount, key: str | None) -> None:
    lives = account.subscriptions.live()
    try:
        close_open_plans(account, but_of_key=key)
    except StripeUnavailable:
        # What stays open ends by itself within a day, and the next call closes it.
        if not lives.exists():
            raise
    if subscribed := lives.first():
        raise AlreadySubscribed(f"{account} has a subscription ({subscribed}): change its plan instead.")


def _written(wanted: CheckoutSession) -> CheckoutSession:
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        first = _first_with_key(wanted)
        if first is None:
            raise
        return first
    return wanted


def _sent(session: CheckoutSession, customer: Customer) -> CheckoutSession:
    try:
        _link(session, customer)
    except StripeRefused as refusal:
        if (refusal.code, refusal.param) != ("resource_missing", "customer"):
            raise
        _link(session, replaced(customer))
    session.refresh_from_db()
    return session


def _link(session: CheckoutSession, customer: Customer) -> None:
    request = request_of(session, customer)
    made = _made_before(session, customer) or sessions.create(request, idempotency_key=request_key(session, request))
    CheckoutSession.objects.filter(pk=session.pk, stripe_id=None).update(stripe_id=made["id"], url=made["url"] or "")


def _made_before(session: CheckoutSession, customer: Customer) -> dict[str, object] | None:
    """Stripe forgets idempotency keys after a day: an old row is looked for before it is sent again."""
    if timezone.now() - session.created_at < SURELY_REMEMBERED:
        return None
    return sessions.find(customer=str(customer.stripe_id), reference=str(session.pk))
