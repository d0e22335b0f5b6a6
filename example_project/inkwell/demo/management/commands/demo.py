"""`python manage.py demo`: a throwaway database with a history, a simulated Stripe, and a server on them."""

import logging
import shutil
import signal
import sys

from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connections

from inkwell.demo.history import load_history
from inkwell.demo.people import ADMIN, CUSTOMER, MEMBER, NEARLY_OUT, PASSWORD, STAFF
from inkwell.demo.server import server_on
from inkwell.demo.stripe import open_shop, simulated_stripe
from inkwell.demo.worker import working


class Command(BaseCommand):
    help = "Serves the example with a believable history, from a folder that is removed at the end."
    # Django 6.1 checks the database too, for which there is no folder yet.
    requires_system_checks = ()

    has_teams = apps.is_installed("inkwell.teams")

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, help="instead of the first free one from 8000 on")
        parser.add_argument("--teams", action="store_true", help="with credits that belong to organizations")
        parser.add_argument("--no-serve", action="store_true", help="only make the database, and keep it")

    def handle(self, *, port, no_serve, **options):
        make_folder(settings.DEMO_FOLDER)
        if no_serve:
            self.prepare()
            self.stdout.write(f"The database is {settings.DATABASES['default']['NAME']}")
            return
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        try:
            self.serve(port)
        except KeyboardInterrupt:
            self.stdout.write("\nThe demo has ended; its database is gone.")
        finally:
            connections.close_all()
            shutil.rmtree(settings.DEMO_FOLDER, ignore_errors=True)

    def prepare(self):
        self.stdout.write("Making the database …")
        call_command("migrate", run_syncdb=True, verbosity=0)
        self.stdout.write("Loading half a year of history …")
        # Some of its runs fail, as in life; a newcomer need not read their tracebacks.
        logging.disable(logging.ERROR)
        load_history()
        logging.disable(logging.NOTSET)

    def serve(self, port):
        try:
            server = server_on(port)
        except OSError as problem:
            raise CommandError(f"Port {port} cannot be used ({problem}). Name another with --port.") from problem
        with server:
            self.prepare()
            with simulated_stripe():
                open_shop(f"http://localhost:{server.server_port}/")
                connections.close_all()
                self.stdout.write(self.welcome(server.server_port))
                self.stdout.flush()
                with working():
                    server.serve_forever()

    def welcome(self, port):
        address = f"http://localhost:{port}/"
        return "\n".join(
            [
                "",
                f"  Open      {address}",
                f"  Mailbox   {address}mailbox/   (sign up with any address: its mail arrives here)",
                f"  Prices    {address}billing/   (a simulated Stripe: pay with card 4242 4242 4242 4242)",
                f"  Time      {address}time-machine/   (goes to the next month, for renewals, refills and expiry)",
                f"  Admin     {address}admin/",
                "",
                f"  Logins    {CUSTOMER}, a customer of half a year",
                f"            {NEARLY_OUT}, who has three credits left",
                *([f"            {MEMBER}, who spends what the first one's team has"] if self.has_teams else []),
                f"            {ADMIN}, who may see all of the admin",
                f"            {', '.join(STAFF)}, who may see their parts of it",
                f"  Password  {PASSWORD}",
                "",
                "  Ctrl-C ends the demo and removes its database.",
            ]
        )


def make_folder(folder):
    """A new one, because it is removed at the end with all that it holds."""
    try:
        folder.mkdir(mode=0o700)
    except OSError as problem:
        raise CommandError(f"{folder} cannot be made ({problem}). Name another in INKWELL_DEMO_FOLDER.") from problem
