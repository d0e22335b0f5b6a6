"""The account itself. https://docs.stripe.com/api/accounts"""

from __future__ import annotations

from quickscale_billing.testing.errors import missing
from quickscale_billing.testing.listing import DATED, Page, page
from quickscale_billing.testing.parameters import Params
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def open_account(sandbox: Sandbox) -> Object:
    return sandbox.create(
        "account",
        "acct",
        id_length=16,
        business_profile={"mcc": None, "name": "Simulated", "product_description": None, "support_address": None},
        business_type="company",
        capabilities={"card_payments": "active", "transfers": "active"},
        charges_enabled=True,
        country="US",
        default_currency="usd",
        details_submitted=True,
        email="account@example.com",
        metadata={},
        payouts_enabled=True,
        settings=settings(),
        type="standard",
    )


def settings() -> Object:
    return {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": "Simulated", "timezone": "Etc/UTC"},
        "payments": {
            "statement_descriptor": "SIMULATED",
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
    }


def own(sandbox: Sandbox) -> Object:
    return next(iter(sandbox.kinds["account"].values()))


@accepts()
def retrieve_own(sandbox: Sandbox, params: Params) -> Object:
    return own(sandbox)


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    if identifier != own(sandbox)["id"]:
        raise missing("account", identifier)
    return own(sandbox)


@accepts(DATED)
def list_connected(sandbox: Sandbox, params: Params) -> Page:
    """Accounts connected to this one: the simulator has none."""
    return page([], params, url="/v1/accounts")
