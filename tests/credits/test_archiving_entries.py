"""Old entries go to a file; balances, limits, reports and verification stay as exact as they were."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest

from quickscale_credits import ledger
from quickscale_credits.analytics import rollups
from quickscale_credits.archives import as_line, columns_of
from quickscale_credits.exceptions import IdempotencyConflict, SpendingLimitExceeded
from quickscale_credits.models import (
    Allocation,
    ArchivedEntries,
    CreditAccount,
    Hold,
    LedgerEntry,
    SpendingLimit,
)
from quickscale_credits.testing import fund
from quickscale_services.models import ServiceRun
from tests.credits.archives import (
    SOUND,
    archive,
    before,
    goes,
    later,
    lines,
    midnight,
    reports,
    spent,
    standing,
)
from tests.credits.business import Business
from tests.credits.commands import run
from tests.services.samples import CountWords

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb, pytest.mark.usefixtures("small_pages")]


def test_old_entries_go_to_the_file_and_all_else_stays_as_it_was(months, tmp_path):
    rows = {entry.pk: entry for entry in LedgerEntry.objects.all()}
    was = standing()
    said = archive(tmp_path / "entries.jsonl")
    left = set(LedgerEntry.objects.values_list("pk", flat=True))
    filed = lines(tmp_path / "entries.jsonl")
    assert {line["id"] for line in filed} == rows.keys() - left
    assert len(filed) > 30
    assert max(line["created_at"] for line in filed) < str(before())
    assert LedgerEntry.objects.filter(kind="spend", idempotency_key=None, created_at__gte=midnight(before())).exists()
    assert {line["kind"] for line in filed} == {"spend", "expiry"}
    assert said.startswith(f"{len(filed)} entries archived")
    assert sha256((tmp_path / "entries.jsonl").read_bytes()).hexdigest() in said
    assert ArchivedEntries.objects.number() == len(filed)
    assert standing() == was
    assert run("verify_ledger") == SOUND


def test_rollups_can_be_counted_anew_after_entries_were_archived(months, tmp_path, monkeypatch):
    was = standing()
    archive(tmp_path / "entries.jsonl")
    monkeypatch.setattr(rollups, "PAGE", 11)
    run("rollup_usage", "--rebuild")
    assert standing() == was
    assert run("verify_ledger") == SOUND


def test_reports_are_right_while_rollups_are_counted_anew(months, tmp_path, monkeypatch):
    was = reports()
    archive(tmp_path / "entries.jsonl")
    monkeypatch.setattr(rollups, "PAGE", 11)
    for number, _ in enumerate(rollups.rebuild()):
        if number % 5 == 0:
            assert reports() == was


def test_a_second_archive_takes_up_where_the_first_ended(months, tmp_path, clock):
    archive(tmp_path / "first.jsonl")
    Business(clock, [account.owner for account in CreditAccount.objects.all()], seed=8).run(60)
    later(clock, days=40)
    was = standing()
    archive(tmp_path / "second.jsonl")
    assert lines(tmp_path / "second.jsonl")
    assert standing() == was
    assert run("verify_ledger") == SOUND


@pytest.mark.once
def test_the_lines_are_the_rows_with_all_that_goes_with_them(user, clock, tmp_path):
    fund(user, 10)
    fund(user, 10)
    hold = ledger.hold(user, 15, reason="work", metadata={"pages": [1, 2]})
    entry = ledger.capture(hold, 14)
    ledger.spend(user, "0.000001", reason="last")
    hold.refresh_from_db()
    expected = columns_of(entry) | {
        "allocations": {part.grant_id: part.amount for part in entry.allocations.all()},
        "hold": columns_of(hold) | {"allocations": {part.grant_id: part.amount for part in hold.allocations.all()}},
    }
    later(clock)
    archive(tmp_path / "entries.jsonl")
    assert (tmp_path / "entries.jsonl").read_text() == as_line(expected)
    assert len(expected["allocations"]) == len(expected["hold"]["allocations"]) == 2
    assert not Hold.objects.exists()
    assert not Allocation.objects.exists()


def test_each_row_that_stays_bears_the_digest_of_its_lines(months, tmp_path):
    archive(tmp_path / "entries.jsonl")
    written = (tmp_path / "entries.jsonl").read_text().splitlines(keepends=True)
    text = {(json.loads(line)["account_id"], json.loads(line)["sequence"]): line for line in written}
    for row in ArchivedEntries.objects.all():
        numbers = range(row.first_sequence, row.last_sequence + 1)
        whole = "".join(text[row.account_id, number] for number in numbers)
        assert row.digest == sha256(whole.encode()).hexdigest()


def test_a_plain_spend_goes(user, clock, tmp_path):
    assert goes(spent(user, clock), tmp_path)


def test_a_spend_with_a_key_stays_and_is_replayed(user, clock, tmp_path):
    entry = spent(user, clock, idempotency_key="order-7")
    assert not goes(entry, tmp_path)
    assert ledger.spend(user, 4, reason="report", idempotency_key="order-7") == entry
    with pytest.raises(IdempotencyConflict):
        ledger.spend(user, 5, reason="report", idempotency_key="order-7")


def test_a_reversed_spend_stays_and_the_rest_of_it_can_be_reversed(user, clock, tmp_path):
    entry = spent(user, clock)
    ledger.reverse(entry, 1, reason="complaint")
    assert not goes(entry, tmp_path)
    ledger.reverse(entry, reason="complaint")
    assert ledger.balance(user).total == 9


def test_the_last_entry_of_an_account_stays(user, clock, tmp_path):
    fund(user, 10)
    entry = ledger.spend(user, 10, reason="report")
    later(clock)
    assert not goes(entry, tmp_path)


def test_a_captured_hold_with_a_key_keeps_its_entry(user, clock, tmp_path):
    fund(user, 10)
    hold = ledger.hold(user, 4, reason="work", idempotency_key="work-7")
    entry = ledger.capture(hold)
    ledger.spend(user, 1, reason="last")
    later(clock)
    assert not goes(entry, tmp_path)
    assert ledger.hold(user, 4, reason="work", idempotency_key="work-7") == hold


@pytest.mark.parametrize("hold", [{}, {"hold": None}], ids=["with its hold", "alone"])
def test_what_a_row_of_another_app_names_stays_until_that_is_gone(user, clock, tmp_path, hold):
    entry = spent_on_a_run(user)
    if hold:
        ServiceRun.objects.update(**hold)
    later(clock)
    assert not goes(entry, tmp_path)
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert goes(entry, tmp_path)
    assert not Hold.objects.exists()


def spent_on_a_run(user):
    fund(user, 10)
    entry = CountWords().run(user, text="one").run.entry
    ledger.spend(user, 1, reason="last")
    return entry


def test_what_is_not_added_up_stays(user, clock, tmp_path):
    run("rollup_usage")
    fund(user, 10)
    entry = ledger.spend(user, 4, reason="report")
    ledger.spend(user, 1, reason="last")
    clock.shift(timedelta(days=60))
    assert not goes(entry, tmp_path)
    run("rollup_usage")
    assert goes(entry, tmp_path)


@pytest.mark.parametrize("of_member", [False, True])
def test_a_limit_on_everything_ever_counts_what_was_archived(user, grace, clock, tmp_path, of_member):
    assert goes(spent(user, clock, actor=grace), tmp_path)
    SpendingLimit.objects.create(
        account=user.credit_account, amount=6, period="total", member=grace if of_member else None
    )
    with pytest.raises(SpendingLimitExceeded) as refusal:
        ledger.spend(user, 3, reason="report", actor=grace)
    assert refusal.value.spent == (4 if of_member else 5)
    ledger.spend(user, 1, reason="report", actor=grace)


def test_a_limit_of_a_month_or_of_another_member_does_not_count_it(user, grace, clock, tmp_path):
    assert goes(spent(user, clock, actor=grace), tmp_path)
    account = user.credit_account
    SpendingLimit.objects.create(account=account, amount=3, period="total", member=user)
    SpendingLimit.objects.create(account=account, amount=3, period="month")
    ledger.spend(user, 3, reason="report", actor=user)
