"""Random histories in which old entries are archived now and then: the model, which knows of no archive, agrees."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quickscale_credits import archiving
from quickscale_credits.analytics import rollups
from quickscale_credits.archives import ArchiveFile
from quickscale_credits.models import ArchivedEntries, Hold, LedgerEntry
from tests.credits.histories import DAY, VERBS, History, Step
from tests.credits.test_histories import START

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db]

OFTEN = [*VERBS, *["spend"] * 4, *["hold", "capture"] * 2, *["archive"] * 2, *["month"] * 2]
HISTORIES = int(os.environ.get("QUICKSCALE_ARCHIVED_HISTORIES", {"sqlite": 20}.get(connection.vendor, 6)))
steps = st.builds(
    Step, st.sampled_from(OFTEN), st.integers(0, 1), st.integers(0, 30), st.integers(0, 119), st.integers(0, 11)
)
archived = 0


class Archived(History):
    def __init__(self, folder: str) -> None:
        super().__init__(START, "archived")
        self.folder = Path(folder)

    def month(self) -> None:
        self.clock.now += 25 * DAY
        self.traveller.move_to(self.clock.now)
        self.stale |= {account for account in self.accounts if account.play_what_is_due()}

    def archive(self) -> None:
        """Then nobody has the rows any more, so that nothing is asked of them."""
        for _ in rollups.roll_up():
            pass
        with ArchiveFile(self.folder / f"{uuid4()}.jsonl") as file:
            for account in archiving.accounts(archiving.latest()):
                assert sum(archiving.archive(account, archiving.latest(), file))
        kept = {model: set(model.objects.values_list("pk", flat=True)) for model in (LedgerEntry, Hold)}
        self.rows = {key: row for key, row in self.rows.items() if row.pk in kept.get(type(row), {row.pk})}
        self.verify()

    def holds_to_end(self) -> list:
        return [hold for hold in super().holds_to_end() if hold in self.rows]


@settings(max_examples=HISTORIES, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate])
@given(st.lists(steps, min_size=60, max_size=60))
def play(history: list[Step]) -> None:
    global archived
    with transaction.atomic(), TemporaryDirectory() as folder:
        Archived(folder).play([*history, Step("month"), Step("month"), Step("archive")])
        archived += ArchivedEntries.objects.number()
        assert list(rollups.problems()) == []
        for _ in rollups.rebuild():
            pass
        assert list(rollups.problems()) == []
        transaction.set_rollback(True)


def test_the_ledger_answers_as_the_model_does_whatever_was_archived(monkeypatch):
    monkeypatch.setattr(archiving, "PAGE", 5)
    play()
    assert archived > HISTORIES
