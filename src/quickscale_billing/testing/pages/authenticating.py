"""The bank's page on which the customer passes, or fails, the 3-D Secure challenge."""

from __future__ import annotations

from quickscale_billing.testing import authentication
from quickscale_billing.testing.pages import invoice, paying
from quickscale_billing.testing.pages.markup import Reply, button, form, not_found, page, paragraph, redirect
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def show(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    intent = sandbox.by_id.get(identifier)
    if intent is None or intent["status"] != "requires_action":
        return not_found("Nothing waits for an authentication here.")
    buttons = (
        button("Complete authentication", name="step", value="complete"),
        button("Fail", name="step", value="fail"),
    )
    return page(
        "3D Secure 2 test page", paragraph("Your bank asks: is it you?"), form(f"/authenticate/{identifier}", *buttons)
    )


def submit(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    intent = sandbox.by_id.get(identifier)
    if intent is None or intent["status"] != "requires_action":
        return not_found("Nothing waits for an authentication here.")
    authentication.finish(sandbox, intent, passed=values.get("step") == "complete")
    return back(sandbox, intent)


def back(sandbox: Sandbox, intent: Object) -> Reply:
    session = sandbox.by_id.get(intent.get("_session") or "")
    if session:
        return paying.after_paying(sandbox, session)
    if billed := sandbox.by_id.get(intent.get("_invoice") or ""):
        return invoice.after_paying(sandbox, billed)
    if intent.get("_return_url"):
        return redirect(intent["_return_url"])
    done = intent["status"] == "succeeded"
    return page("Done", paragraph("You can close this page." if done else "Authentication failed."))
