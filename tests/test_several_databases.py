"""Hosts that read from a replica which never catches up: verbs and runs decide by what was written."""

import re
import shutil

import pytest

from tests.parts import ROOT
from tests.quickstart import run, write

pytestmark = pytest.mark.once

SETTINGS = """# mysite/settings.py
INSTALLED_APPS += ["quickscale_credits", "quickscale_services", "shop"]
WRITERS = {"transaction_mode": "IMMEDIATE"}
DATABASES["default"]["OPTIONS"] = WRITERS
DATABASES["replica"] = DATABASES["default"] | {"NAME": BASE_DIR / "replica.sqlite3"}
DATABASE_ROUTERS = ["mysite.replicas.Replicated"]
"""
LATE_EVERYWHERE = """# mysite/replicas.py
class Replicated:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True
"""
PAGE = (ROOT / "docs" / "how-to" / "several-databases.md").read_text()
AS_THE_PAGE_SAYS = re.search(r"```python\n(# mysite/replicas.py\n.*?)```", PAGE, re.DOTALL)[1]
SERVICE = """# shop/services.py
from quickscale_services import BaseService, register_service


@register_service
class Count(BaseService):
    name, title, cost = "count", "Count", 2

    def execute(self, data, context):
        return {"counted": True}
"""
SPEND = """
from django.contrib.auth.models import User
from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits

ada = User.objects.create_user("user-NUMBER")
given = ledger.grant(ada, 10, idempotency_key="gift")
assert ledger.grant(ada, 10, idempotency_key="gift") == given
with ledger.spending(ada, 3, reason="report"):
    pass
with ledger.spending(ada, 3, reason="report") as hold:
    ledger.capture(hold, 1)
try:
    ledger.spend(ada, 7, reason="report")
except InsufficientCredits as error:
    print(error.available)
"""
RUN = """
from quickscale_credits.models import CreditAccount
from quickscale_services import registry

ada = CreditAccount.objects.last().owner
results = [registry["count"].run(ada, idempotency_key="order-7") for _ in range(2)]
assert results[0].run == results[1].run
ledger.reverse(results[0].run.entry, reason="sorry")
assert ledger.verify().ok
print(ledger.balance(ada).available)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """With a replica that has every table and no row. Each test writes its router, and has a user of its own."""
    folder = tmp_path_factory.mktemp("host")
    run(folder, "python -m django startproject mysite .")
    run(folder, "python manage.py startapp shop")
    for text in (SETTINGS, LATE_EVERYWHERE, SERVICE):
        write(folder, text)
    run(folder, "python manage.py migrate")
    shutil.copy(folder / "db.sqlite3", folder / "replica.sqlite3")
    return folder


def test_a_router_that_reads_late_changes_no_balance_and_is_warned_of(host):
    write(host, LATE_EVERYWHERE)
    assert run(host, "python manage.py shell -v 0 -c", SPEND.replace("NUMBER", "1")).split() == ["6"]
    with pytest.raises(AssertionError, match="W006"):
        run(host, "python manage.py check --fail-level WARNING")


def test_the_router_of_the_docs_reads_what_is_decided_where_it_was_written(host):
    write(host, AS_THE_PAGE_SAYS)
    run(host, "python manage.py check --fail-level WARNING")
    assert run(host, "python manage.py shell -v 0 -c", SPEND.replace("NUMBER", "2") + RUN).split() == ["6", "6"]
