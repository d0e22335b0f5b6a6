"""`sync_catalog [FILE]`: rows and Stripe agree with the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from quickscale_billing import catalog
from quickscale_billing.conf import conf
from quickscale_billing.exceptions import BillingError
from quickscale_billing.stripe.client import secret_key


class Command(BaseCommand):
    help = "Make our plans and packs, and Stripe's products and prices, agree with a catalog file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE", help='the catalog; else QUICKSCALE_BILLING["CATALOG"]')
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"] or conf.CATALOG
        if path is None:
            raise CommandError('Name a file, or set QUICKSCALE_BILLING["CATALOG"] to its path.')
        act = catalog.compare if options["dry_run"] else catalog.sync
        try:
            wanted = catalog.read(path)
            secret_key()  # without one, rows of ours would say what Stripe does not hear of
            lines = list(self._told(act(wanted), verbosity=options["verbosity"]))
        except (BillingError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] and not lines:
            self.stdout.write("Nothing to do.")
        elif options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")

    def _told(self, lines: Iterator[str], *, verbosity: int) -> Iterator[str]:
        """Each as it is done: what an outage cuts short has been told so far."""
        for line in lines:
            if verbosity:
                self.stdout.write(line)
            yield line
