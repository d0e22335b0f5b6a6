"""Which tests should notice when which module is altered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests import databases
from tests.databases import Database

VERBS = "spending granting holding moving reversing revoking expiring limits idempotency transactions balances requests"
MORE = "owners redeem_page signals hot_path amounts attacks histories"


@dataclass(frozen=True, kw_only=True)
class Part:
    """`modules` are patterns below src; the first part whose pattern fits has a module."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    settings: str = "tests.settings.base"
    database: Callable[[], AbstractContextManager[Database]] = databases.sqlite


PARTS = [
    Part(
        name="ledger: kept statements",
        modules=("quickscale_credits/ledger/preparing.py",),
        tests=("tests/credits/test_kept_statements.py",),
        database=databases.postgresql,
    ),
    Part(
        name="ledger: verification",
        modules=tuple(f"quickscale_credits/ledger/{name}.py" for name in ("audit", "verifying", "sealing", "pictures")),
        tests=(*(f"tests/credits/test_{name}.py" for name in ("tampering", "faults_verification")),),
    ),
    Part(
        name="ledger: verbs",
        modules=("quickscale_credits/ledger/*.py",),
        tests=tuple(f"tests/credits/test_{name}.py" for name in f"{VERBS} {MORE}".split()),
    ),
    Part(
        name="runs",
        modules=("quickscale_services/runner.py",),
        tests=tuple(
            f"tests/services/test_{name}.py"
            for name in ("running", "replays", "streaming", "limits_and_signals", "background", "asynchronous")
        ),
    ),
    Part(
        name="keys",
        modules=("quickscale_services/api/auth.py",),
        tests=tuple(f"tests/services/test_api_{name}.py" for name in ("authorization", "limits", "running")),
    ),
    Part(
        name="facts",
        modules=("quickscale_billing/facts.py", "quickscale_billing/fulfillment.py"),
        tests=tuple(
            f"tests/billing/test_{name}.py"
            for name in ("subscriptions_booked", "refunds", "disputes", "refills", "webhooks", "checkout_pages")
        ),
        settings="tests.settings.billing",
    ),
]
