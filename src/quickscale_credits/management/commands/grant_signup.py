from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db.models import Exists, OuterRef, QuerySet

from quickscale_credits import ledger
from quickscale_credits.conf import conf, owner_model
from quickscale_credits.ledger.granting import SIGNUP_KEY
from quickscale_credits.management.ledger_command import LedgerCommand, named_owner
from quickscale_credits.models import LedgerEntry

PAGE = 1000


class Command(LedgerCommand):
    help = "Give owners the signup grant who have not had it: those named by primary key, or --all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("owners", nargs="*", metavar="PK")
        parser.add_argument("--all", action="store_true", help="every owner")

    def run(self, *, owners: list[str], all: bool, **options: Any) -> None:  # noqa: A002 - the option's name
        if conf.SIGNUP_GRANT is None:
            raise CommandError('Set QUICKSCALE_CREDITS["SIGNUP_GRANT"] to say what is granted.')
        if bool(owners) == all:
            raise CommandError("Name owners by primary key, or say --all.")
        chosen = self._without_grant()
        if owners:
            chosen = chosen.filter(pk__in=[named_owner(key).pk for key in owners])
        count = 0
        for owner in self.counted(_paged(chosen.order_by("pk")), "owners"):
            ledger.grant_signup(owner)
            count += 1
        self.stdout.write(f"{count} owners got the signup grant.")

    def _without_grant(self) -> QuerySet[Any]:
        had = LedgerEntry.objects.filter(account__owner=OuterRef("pk"), idempotency_key=SIGNUP_KEY)
        owners: QuerySet[Any] = apps.get_model(owner_model())._default_manager.exclude(Exists(had))
        return owners


def _paged(owners: QuerySet[Any]) -> Iterator[Any]:
    """No query is open meanwhile: on SQLite a reader cannot begin to write after somebody else has written."""
    page = list(owners[:PAGE])
    while page:
        yield from page
        page = list(owners.filter(pk__gt=page[-1].pk)[:PAGE])
