"""Disputes. https://docs.stripe.com/api/disputes"""

from __future__ import annotations

from quickscale_billing.testing import disputing
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    boolean,
    merge_metadata,
    metadata,
    nested,
    text,
)
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

# https://docs.stripe.com/testing#evidence: this text as evidence decides the dispute.
DECIDING = {"winning_evidence": "won", "losing_evidence": "lost"}


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("dispute", identifier)


@accepts(evidence=nested(dict.fromkeys(disputing.EVIDENCE, text)), metadata=metadata, submit=boolean)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    dispute = sandbox.get("dispute", identifier)
    if dispute["status"] not in disputing.OPEN:
        raise invalid(f"This dispute is already closed: {dispute['status']}.")
    dispute["evidence"] |= params.get("evidence", {})
    dispute["metadata"] = merge_metadata(dispute["metadata"], params["metadata"]) if "metadata" in params else {}
    if not params.get("submit", True):
        return dispute
    disputing.submit(sandbox, dispute)
    if outcome := DECIDING.get(dispute["evidence"]["uncategorized_text"] or ""):
        disputing.close(sandbox, dispute, status=outcome)
    return dispute


@accepts()
def close(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """https://docs.stripe.com/api/disputes/close: giving up, so it is lost."""
    return disputing.close(sandbox, sandbox.get("dispute", identifier), status="lost")


@accepts(DATED, charge=text, payment_intent=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "dispute", params, url="/v1/disputes", filters=("charge", "payment_intent"))
