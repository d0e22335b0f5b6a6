"""Stripe's customer portal: cancel, resume, and go back. https://docs.stripe.com/customer-management"""

from __future__ import annotations

from html import escape

from quickscale_billing.testing.errors import StripeError
from quickscale_billing.testing.pages.markup import (
    Reply,
    button,
    error,
    form,
    hidden,
    link,
    not_found,
    page,
    redirect,
    table,
)
from quickscale_billing.testing.resources import subscriptions
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import BILLED


def show(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    session = sandbox.kinds.get("billing_portal.session", {}).get(identifier)
    return render(sandbox, session) if session else not_found("This portal session has ended.")


def render(sandbox: Sandbox, session: Object, problem: str | None = None) -> Reply:
    mine = sandbox.all("subscription", customer=session["customer"])
    rows = [row(session, each) for each in mine if each["status"] in BILLED]
    back = f"<p>{link(session['return_url'], 'Back')}</p>" if session["return_url"] else ""
    return page("Your subscriptions", error(problem), table(["Subscription", "Status", ""], rows), back)


def row(session: Object, subscription: Object) -> list[str]:
    words, step = ("Resume", "resume") if subscription["cancel_at_period_end"] else ("Cancel", "cancel")
    fields = hidden("subscription", subscription["id"]), button(words, name="step", value=step)
    action = form(f"/p/session/{session['id']}", *fields, inline=True)
    return [escape(subscription["id"]), escape(subscription["status"]), action]


def submit(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    session = sandbox.kinds.get("billing_portal.session", {}).get(identifier)
    chosen = sandbox.by_id.get(values.get("subscription", ""))
    if session is None or chosen is None or chosen.get("customer") != session["customer"]:
        return not_found("This portal session has ended.")
    try:
        with sandbox.on_clock_of(session["customer"]):
            subscriptions.update(sandbox, {"cancel_at_period_end": values.get("step") == "cancel"}, chosen["id"])
    except StripeError as refused:
        return render(sandbox, session, refused.message)
    return redirect(f"/p/session/{identifier}")
