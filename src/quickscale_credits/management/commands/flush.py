from typing import Any

from django.core.management.commands import flush

from quickscale_credits import triggers


class Command(flush.Command):
    """Django's own, with the append-only triggers of the ledger lifted meanwhile; test cases call it by name."""

    def handle(self, **options: Any) -> None:
        with triggers.lifted(options["database"]):
            super().handle(**options)
