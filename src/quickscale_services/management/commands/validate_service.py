from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits.management.ledger_command import LedgerCommand
from quickscale_services import discovery
from quickscale_services.base import BaseService
from quickscale_services.causes import cause_of
from quickscale_services.pricing.words import in_credits
from quickscale_services.registry import registry
from quickscale_services.validating import validate


class Command(LedgerCommand):
    help = (
        "Try services as a customer would: what they say of themselves, their price, and a run on an example of "
        "their input. The run is charged to nobody and rolled back; what a service does outside the database is done."
    )
    when_stopped = "Nothing was written."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", nargs="?", help="one service; all of them if not given")
        parser.add_argument("--no-run", action="store_true", help="do not execute it")

    def run(self, *, name: str | None = None, no_run: bool = False, **options: Any) -> None:
        problems = [f"{failed.module}: {_failed_import(failed)}" for failed in discovery.failed_imports]
        for line in problems:
            self.stdout.write(line)
        count = len(problems) + sum(self._validate(service, with_run=not no_run) for service in _chosen(name))
        if count:
            raise CommandError(f"{count} problem{'' if count == 1 else 's'}: each line above says what to do.")

    def _validate(self, service: BaseService, *, with_run: bool) -> int:
        found = validate(service, with_run=with_run)
        for problem in found.problems:
            self.stdout.write(f"{service.name}: {problem}")
        if not found.problems and found.price is not None:
            self.stdout.write(f"{service.name}: sound; the example costs {in_credits(found.price)}.")
        return len(found.problems)


def _chosen(name: str | None) -> list[BaseService]:
    if name is None:
        return list(registry.values())
    if name not in registry:
        known = ", ".join(registry) or "none; generate_service writes one"
        raise CommandError(f"There is no service named {name!r}. There are: {known}.")
    return [registry[name]]


def _failed_import(failed: discovery.FailedImport) -> str:
    return f"It cannot be imported, so its services are not offered. {cause_of(failed.error)} Mend it."
