"""Objects as an answer shows them: private members left out, sublists put in, ids expanded where asked.

https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from quickscale_billing.testing.errors import StripeError, invalid

if TYPE_CHECKING:
    from quickscale_billing.testing.sandbox import Sandbox
    from quickscale_billing.testing.store import Object

MAX_EXPAND_DEPTH = 4
SHOWN_IN_SUBLIST = 10

# Members that are whole objects in every answer.
EMBEDDED = {"subscription_item": ("price",), "item": ("price",)}
# Sublists: the kind of their objects, the member by which these name their owner, and the address.
SUBLISTS = {
    "subscription": {"items": ("subscription_item", "subscription", "/v1/subscription_items?subscription={id}")},
    "invoice": {"lines": ("line_item", "invoice", "/v1/invoices/{id}/lines")},
}
# Sublists and members that are answered only when they are expanded.
INCLUDABLE = {
    "checkout.session": {"line_items": ("item", "_session", "/v1/checkout/sessions/{id}/line_items")},
    "charge": {"refunds": ("refund", "charge", "/v1/charges/{id}/refunds")},
    "customer": {
        "sources": ("source", "customer", "/v1/customers/{id}/sources"),  # of old; dj-stripe expands it
        "subscriptions": ("subscription", "customer", "/v1/customers/{id}/subscriptions"),
    },
    "invoice": {"payments": ("invoice_payment", "invoice", "/v1/invoice_payments?invoice={id}")},
}
# Of amounts: dj-stripe expands these of each session that it retrieves. Discounts are not broken down.
BREAKDOWN = "total_details.breakdown"
BREAKDOWNS: dict[str, Callable[[Sandbox, Object], Any]] = {
    BREAKDOWN: lambda sandbox, session: {"discounts": [], "taxes": taxes_of(sandbox, session)},
    "line_items.data.discounts": lambda sandbox, line: [],
    "line_items.data.taxes": lambda sandbox, line: taxes_of(sandbox, line),
}

# Kinds that do not tell when they were made, or in which mode.
HIDDEN = {
    "account": ("livemode",),
    "balance_transaction": ("livemode",),
    "discount": ("created", "livemode"),
    "invoiceitem": ("created",),
    "item": ("created", "livemode"),
    "line_item": ("created",),
    "refund": ("livemode",),
    "subscription_item": ("livemode",),
}


def render(sandbox: Sandbox, shown: Object, expand: Iterable[str] = ()) -> Object:
    if shown.get("deleted"):
        return {"id": shown["id"], "object": shown["object"], "deleted": True}
    answer = public(shown)
    for name in EMBEDDED.get(shown["object"], ()):
        if isinstance(answer.get(name), str):
            answer[name] = render(sandbox, sandbox.by_id[answer[name]])
    for name, sublist in SUBLISTS.get(shown["object"], {}).items():
        answer[name] = render_sublist(sandbox, shown, *sublist)
    for path in expand:
        if path == BREAKDOWN and answer.get("total_details"):
            answer["total_details"]["breakdown"] = BREAKDOWNS[path](sandbox, shown)
        expand_path(sandbox, answer, path.split("."), path)
    return answer


def public(shown: Object) -> Object:
    """A copy without the members that are the simulator's own, or that Stripe does not have on this kind."""
    hidden = HIDDEN.get(shown["object"], ())
    return {name: copy(value) for name, value in shown.items() if not name.startswith("_") and name not in hidden}


def copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: copy(member) for name, member in value.items()}
    return [copy(member) for member in value] if isinstance(value, list) else value


def render_sublist(sandbox: Sandbox, owner: Object, noun: str, member: str, address: str) -> Object:
    found = sandbox.all(noun, **{member: owner["id"]})
    if noun in {"refund", "subscription"}:
        found.reverse()
    shown = [render(sandbox, each) for each in found[:SHOWN_IN_SUBLIST]]
    url, has_more = address.format(id=owner["id"]), len(found) > SHOWN_IN_SUBLIST
    return {"object": "list", "data": shown, "has_more": has_more, "url": url}


def expand_path(sandbox: Sandbox, answer: Any, keys: list[str], path: str) -> None:
    if len(path.split(".")) - path.split(".").count("data") > MAX_EXPAND_DEPTH:
        raise invalid(f"You cannot expand more than {MAX_EXPAND_DEPTH} levels of a property ({path})", param="expand")
    if isinstance(answer, list):
        for member in answer:
            expand_path(sandbox, member, keys, path)
    elif isinstance(answer, dict) and keys:
        expand_member(sandbox, answer, keys[0], path)
        expand_path(sandbox, answer[keys[0]], keys[1:], path)


def expand_member(sandbox: Sandbox, answer: Object, name: str, path: str) -> None:
    sublist = INCLUDABLE.get(answer.get("object", ""), {}).get(name)
    if name not in answer and sublist and answer["id"] in sandbox.by_id:
        answer[name] = render_sublist(sandbox, answer, *sublist)
    elif name not in answer and path in BREAKDOWNS:
        answer[name] = BREAKDOWNS[path](sandbox, sandbox.by_id[answer["id"]])
    elif name not in answer:
        raise cannot_expand(path)
    elif isinstance(answer[name], str):
        answer[name] = render(sandbox, expandable(sandbox, answer[name], path))
    elif isinstance(answer[name], list):
        answer[name] = [expand_id(sandbox, member, path) for member in answer[name]]


def taxes_of(sandbox: Sandbox, taxed: Object) -> list[Object]:
    """Of a session or a line of one, with the rates as whole objects."""
    return [tax | {"rate": render(sandbox, sandbox.by_id[tax["rate"]])} for tax in taxed["_taxes"]]


def expand_id(sandbox: Sandbox, value: Any, path: str) -> Any:
    return render(sandbox, expandable(sandbox, value, path)) if isinstance(value, str) else value


def expandable(sandbox: Sandbox, identifier: str, path: str) -> Object:
    found = sandbox.by_id.get(identifier)
    if found is None:
        raise cannot_expand(path)
    return found


def cannot_expand(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
