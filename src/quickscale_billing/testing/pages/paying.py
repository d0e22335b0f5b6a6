"""The checkout page: pay with a test card, be declined, or be asked to authenticate."""

from __future__ import annotations

from html import escape

from quickscale_billing.testing import checkout, discounts
from quickscale_billing.testing.checkout import Payer
from quickscale_billing.testing.errors import StripeError
from quickscale_billing.testing.money import money
from quickscale_billing.testing.pages.markup import (
    Reply,
    button,
    entry,
    error,
    form,
    link,
    not_found,
    page,
    paragraph,
    redirect,
    table,
)
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

NUMBERS = {"card": "Card number", "sepa_debit": "IBAN"}
NUMBERS = {"card": "Card number", "sepa_debit": "IBAN"}
TITLES = {"payment": "Pay", "setup": "Save a card", "subscription": "Subscribe"}


def show(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    session = sandbox.kinds.get("checkout.session", {}).get(identifier)
    if session is None:
        return not_found("There is no such checkout session.")
    if session["status"] != "open":
        return closed(session)
    return render(sandbox, session)


def closed(session: Object) -> Reply:
    words = "You are all done here." if session["status"] == "complete" else "This checkout session has expired."
    back = session["cancel_url"] or session["success_url"]
    return page(words, link(back, "Back"))


def render(sandbox: Sandbox, session: Object, problem: str | None = None) -> Reply:
    parts = [error(problem), summary(sandbox, session), promotion(session), payment_form(sandbox, session)]
    if session["cancel_url"]:
        parts.append(f"<p>{link(session['cancel_url'], 'Back without paying')}</p>")
    return page(TITLES[session["mode"]], *parts)


def summary(sandbox: Sandbox, session: Object) -> str:
    if session["mode"] == "setup":
        return paragraph("Nothing is charged now.")
    currency = session["currency"]
    lines = sandbox.all("item", _session=session["id"])
    rows = [[escape(line["description"]), money(line["amount_subtotal"], currency)] for line in lines]
    if session["total_details"]["amount_discount"]:
        rows.append(["Discount", money(-session["total_details"]["amount_discount"], currency)])
    if session["total_details"]["amount_tax"]:
        rows.append(["Tax", money(session["total_details"]["amount_tax"], currency)])
    return table(["What", "Amount"], [*rows, ["Due today", money(session["amount_total"], currency)]])


def promotion(session: Object) -> str:
    if not session["allow_promotion_codes"] or session["discounts"]:
        return ""
    field = entry("promotionCode", "Promotion code", required=False)
    return form(f"/c/pay/{session['id']}", field, button("Apply", name="step", value="promotion"))


def payment_form(sandbox: Sandbox, session: Object) -> str:
    fields = [entry("email", "Email", kind="email")] if session["customer"] is None else []
    if needs_card(session):
        fields += [
            entry("cardNumber", " or ".join(NUMBERS[kind] for kind in session["payment_method_types"])),
            entry("cardExpiry", "Expiry", value="12 / 34"),
            entry("cardCvc", "CVC", value="123"),
            entry("billingName", "Name on card", required=False),
        ]
    return form(f"/c/pay/{session['id']}", *fields, button(TITLES[session["mode"]], name="step", value="pay"))


def needs_card(session: Object) -> bool:
    return bool(session["amount_total"] or session["payment_method_collection"] != "if_required")


def submit(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    session = sandbox.kinds.get("checkout.session", {}).get(identifier)
    if session is None or session["status"] != "open":
        return show(sandbox, values, identifier)
    if values.get("step") == "promotion":
        return apply_promotion(sandbox, session, values.get("promotionCode", ""))
    return pay(sandbox, session, values)


def apply_promotion(sandbox: Sandbox, session: Object, typed: str) -> Reply:
    found = [each for each in sandbox.all("promotion_code") if each["code"].lower() == typed.strip().lower()]
    try:
        given = [{"promotion_code": found[0]["id"]}] if found else []
        session["discounts"] = discounts.resolve(sandbox, given, customer=session["customer"]) or None
        checkout.compute(sandbox, session)
    except StripeError:
        found = []
    return render(sandbox, session, None if found else "This code is invalid.")


def pay(sandbox: Sandbox, session: Object, values: dict[str, str]) -> Reply:
    payer = Payer(values.get("email"), values.get("billingName"))
    method = checkout.method_for(sandbox, values["cardNumber"], payer) if values.get("cardNumber") else None
    if method is None and needs_card(session):
        return render(sandbox, session, "Your card number is invalid: use one of Stripe's test cards.")
    with sandbox.on_clock_of(session["customer"]):
        try:
            checkout.pay(sandbox, session, method, payer)
        except StripeError as declined:
            return render(sandbox, session, declined.message)
    return after_paying(sandbox, session)


def after_paying(sandbox: Sandbox, session: Object) -> Reply:
    if session["status"] == "complete":
        return redirect(success_address(session))
    intent = checkout.pending_intent(sandbox, session)
    if intent["status"] == "requires_action":
        return redirect(f"/authenticate/{intent['id']}")
    return render(sandbox, session, checkout.problem_of(intent))


def success_address(session: Object) -> str:
    """https://docs.stripe.com/payments/checkout/custom-success-page"""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
