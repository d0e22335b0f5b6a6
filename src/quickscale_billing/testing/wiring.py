"""What follows from what, and what the clock brings: the two tables that join the families."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from quickscale_billing.testing import changing, checkout, disputing, invoicing, lifecycle, payments, scheduling
from quickscale_billing.testing.sandbox import Due, Reaction, Sandbox

# Event → what the simulator itself does after it.
REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "charge.succeeded": (disputing.on_charge,),
    "customer.deleted": (lifecycle.on_customer_deleted,),
    "customer.subscription.deleted": (scheduling.on_subscription_ended,),
    "invoice.paid": (changing.on_invoice_paid, lifecycle.on_invoice_paid),
    "invoice.payment_failed": (lifecycle.on_invoice_failed,),
    "payment_intent.payment_failed": (invoicing.on_failure, checkout.on_failure),
    "payment_intent.processing": (checkout.on_debit,),
    "payment_intent.requires_action": (invoicing.on_challenge,),
    "payment_intent.succeeded": (invoicing.on_payment, checkout.on_payment),
    "setup_intent.succeeded": (checkout.on_payment,),
}

# Families that know what falls due next, and when; at the same moment, the first named comes first.
AGENDA: tuple[Callable[[Sandbox], Iterable[Due]], ...] = (
    checkout.agenda,
    payments.agenda,
    changing.agenda,
    scheduling.agenda,
    invoicing.agenda,
    lifecycle.agenda,
)
