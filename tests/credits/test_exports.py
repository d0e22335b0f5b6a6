"""The ledger leaves as CSV and JSON lines: every entry, exactly, harmless in a spreadsheet, and whole or not at all."""

import csv
import json
import signal
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError

from quickscale_credits import ledger
from quickscale_credits.testing import fund
from tests.credits.commands import PAUSING, run
from tests.credits.crowds import owners

committed = pytest.mark.django_db(transaction=True)


def as_csv(*arguments):
    return list(csv.DictReader(StringIO(run("export_ledger", *arguments), newline="")))


def as_jsonl(*arguments):
    return [json.loads(line) for line in run("export_ledger", "--format", "jsonl", *arguments).splitlines()]


def references(rows):
    return [row["reference"] for row in rows]


@pytest.mark.mariadb
def test_every_entry_is_a_row_in_the_order_of_booking(user):
    fund(user, 10)
    fund(user, "0.000001")
    ledger.spend(user, "2.5", reason="page", reference="p1", idempotency_key="k1", metadata={"n": 1}, actor=user)
    [_, _, spend] = as_csv()
    assert [row["sequence"] for row in as_csv()] == ["1", "2", "3"]
    assert (spend["kind"], spend["amount"], spend["balance_after"]) == ("spend", "-2.5", "7.500001")
    assert (spend["reason"], spend["reference"], spend["idempotency_key"]) == ("page", "p1", "k1")
    assert (spend["actor"], json.loads(spend["metadata"])) == (str(user.pk), {"n": 1})
    assert datetime.fromisoformat(spend["created_at"]) == user.credit_account.entries.last().created_at


@pytest.mark.mariadb
def test_json_lines_keep_amounts_as_text_so_that_no_reader_rounds_them(user):
    fund(user, "1000000000000")
    ledger.spend(user, "0.000001", reason="page", metadata={"name": "Zoë"})
    [grant, spend] = as_jsonl()
    assert (grant["amount"], spend["amount"]) == ("1000000000000", "-0.000001")
    assert spend["metadata"] == {"name": "Zoë"}
    assert (grant["idempotency_key"], spend["allocations"]) == (None, {})


def test_an_entry_that_several_grants_paid_says_which_paid_what(user):
    first, second = fund(user, 3).grant, fund(user, 10).grant
    ledger.spend(user, 5, reason="page")
    assert as_jsonl()[-1]["allocations"] == {str(first.pk): "3", str(second.pk): "2"}
    assert json.loads(as_csv()[-1]["allocations"]) == {str(first.pk): "3", str(second.pk): "2"}


def test_pages_follow_each_other_without_a_gap_or_a_repeat(db, monkeypatch):
    monkeypatch.setattr("quickscale_credits.exporting.PAGE", 2)
    people = owners(2)
    for number in range(7):
        fund(people[number % 2], 1, reference=f"r{number}")
    assert references(as_csv()) == [f"r{number}" for number in range(7)]
    assert references(as_csv("--owner", people[0].pk)) == ["r0", "r2", "r4", "r6"]


def test_what_a_spreadsheet_would_run_is_only_text(user):
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "plain"):
        fund(user, 1, reference=text)
    ledger.spend(user, 7, reason="page")
    rows = as_csv()
    assert references(rows)[:7] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'\rx", "plain"]
    assert rows[-1]["amount"] == "-7"


def test_since_and_until_choose_days_and_moments(user, clock):
    for hours in (0, 12, 24):
        fund(user, 1, reference=f"after {hours}")
        clock.shift(timedelta(hours=12))
    assert references(as_csv("--since", "2026-01-16")) == ["after 12", "after 24"]
    assert references(as_csv("--until", "2026-01-16")) == ["after 0"]
    assert references(as_csv("--since", "2026-01-16T00:00Z", "--until", "2026-01-16T13:00+01:00")) == ["after 12"]


def test_an_export_adds_up_to_the_balances(db):
    people = owners(3)
    for owner in people:
        fund(owner, "10.5")
        ledger.spend(owner, "0.25", reason="page")
    assert sum(Decimal(row["amount"]) for row in as_csv()) == sum(ledger.balance(owner).total for owner in people)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--owner", "ada"], "'ada' is no primary key of auth.User"),
        (["--owner", "999999"], "There is no auth.User with the primary key 999999"),
        (["--owner", "9" * 30], "There is no auth.User with the primary key 999"),
        (["--since", "yesterday"], "--since takes a day or a moment such as 2026-01-31"),
        (["--until", "2026-02-30"], "--until takes a day or a moment such as 2026-01-31"),
        (["--since", "9999-99-99T99:99"], "--since takes a day or a moment"),
    ],
)
def test_what_cannot_be_chosen_is_told(user, arguments, remedy):
    with pytest.raises(CommandError, match=remedy):
        run("export_ledger", *arguments)


def test_an_owner_without_an_account_is_told(user):
    with pytest.raises(CommandError, match=f"auth.User {user.pk} has no credit account"):
        run("export_ledger", "--owner", user.pk)


def test_a_file_holds_what_standard_output_would(user, tmp_path):
    fund(user, 10, reference='with, "quotes"\nand lines')
    target = tmp_path / "ledger.csv"
    run("export_ledger", "--output", target)
    assert target.read_bytes().decode() == run("export_ledger")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("place", ["missing/ledger.csv", "file/ledger.csv", "folder"])
def test_a_place_that_cannot_be_written_is_told(user, tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandError, match=f"{place} cannot be written: .* Give --output a file in a folder"):
        run("export_ledger", "--output", tmp_path / place)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


@committed
def test_a_file_that_outgrows_the_disk_leaves_the_one_before_as_it_was(user, spawn, tmp_path):
    for _ in range(20):
        fund(user, 1, metadata={"text": "x" * 1000})
    target = tmp_path / "ledger.csv"
    target.write_text("the export of yesterday")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n{EXPORT}"
    process = spawn(limited, "--output", target)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (1, False), errors
    assert "cannot be written: " in errors
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the export of yesterday"]


@committed
def test_a_file_whose_export_was_stopped_is_as_it_was(user, spawn, tmp_path):
    for _ in range(7):
        fund(user, 1)
    target = tmp_path / "ledger.csv"
    target.write_text("the export of yesterday")
    process = spawn(PAUSING, "SELECT", "quickscale_credits_allocation", 2, "export_ledger", "--output", target)
    assert process.stdout.readline() == "paused\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the export of yesterday"]


@committed
def test_a_reader_who_has_enough_is_no_error(user, spawn):
    for _ in range(100):
        fund(user, 1, metadata={"text": "x" * 2000})
    process = spawn(EXPORT)
    assert process.stdout.readline().startswith("account_id,sequence,")
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (0, "")


EXPORT = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["", "export_ledger", *sys.argv[1:]])
"""
