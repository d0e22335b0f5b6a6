from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from quickscale_credits.management.ledger_command import LedgerCommand
from quickscale_services.base import BaseService
from quickscale_services.models import Service
from quickscale_services.pricing.labels import price_label
from quickscale_services.registry import registry

COLUMNS = ("name", "title", "price", "active", "module")


class Command(LedgerCommand):
    help = "List the services that are registered, with what an administrator has set."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as a JSON array")

    def run(self, *, json: bool = False, **options: Any) -> None:
        switches = {switch.name: switch for switch in Service.objects.all()}
        rows = [_row(service, switches.get(name, Service(name=name))) for name, service in registry.items()]
        if json:
            self.stdout.write(_as_json(rows))
        elif rows:
            self._write_table([COLUMNS, *(tuple(map(_shown, row.values())) for row in rows)])
        else:
            self.stdout.write("No service is registered. python manage.py generate_service NAME --app APP writes one.")

    def _write_table(self, lines: list[tuple[str, ...]]) -> None:
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            self.stdout.write("  ".join(map(str.ljust, line, widths)).rstrip())


def _row(service: BaseService, switch: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "title": str(service),
        "price": price_label(service, switch),
        "active": switch.is_active,
        "module": type(service).__module__,
    }


def _as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2)


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
