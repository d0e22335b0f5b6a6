"""Which tests should notice when which module is altered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests import databases
from tests.databases import Database

VERBS = "spending granting holding moving reversing revoking expiring limits idempotency transactions balances requests"
VERIFIED = (
    "tampering sealing verifying commands faults_verification append_only redeeming revoking reversing moving exports"
)
MORE = "borders owners redeem_page signals hot_path amounts attacks histories"
SOLD = "subscriptions_booked subscriptions trials subscription_signals checkout checkout_pages top_ups refills windows"
MORE_FACTS = "refunds disputes webhooks bound mail payment_methods reconciling"
RUN = "running replays streaming limits_and_signals background asynchronous"
MORE_RUNS = "ends_cut_off background_ends concurrent_runs disconnects pricing_usage sweeping"


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
        tests=("tests/credits/test_kept_statements.py", "tests/credits/test_hot_path.py"),
        database=databases.postgresql,
    ),
    Part(
        name="ledger: verification",
        modules=tuple(f"quickscale_credits/ledger/{name}.py" for name in ("audit", "verifying", "sealing", "pictures")),
        tests=tuple(f"tests/credits/test_{name}.py" for name in VERIFIED.split()),
    ),
    Part(
        name="ledger: verbs",
        modules=("quickscale_credits/ledger/*.py",),
        tests=tuple(f"tests/credits/test_{name}.py" for name in f"{VERBS} {MORE}".split()),
    ),
    Part(
        name="runs",
        modules=tuple(f"quickscale_services/{name}.py" for name in ("runner", "admitting", "ending")),
        tests=tuple(f"tests/services/test_{name}.py" for name in f"{RUN} {MORE_RUNS}".split()),
    ),
    Part(
        name="keys",
        modules=("quickscale_services/api/auth.py",),
        tests=tuple(
            f"tests/services/test_{name}.py" for name in ("api_authorization", "api_limits", "api_running", "mcp")
        ),
    ),
    Part(
        name="facts",
        modules=("quickscale_billing/facts.py", "quickscale_billing/fulfillment.py"),
        tests=tuple(f"tests/billing/test_{name}.py" for name in f"{SOLD} {MORE_FACTS}".split()),
        settings="tests.settings.billing",
    ),
]
