"""`python manage.py run_schedule`: in place of cron, where there is none, as in a container."""

import signal
import threading

from django.core.management import BaseCommand
from django.db import close_old_connections

from inkwell.operations.schedule import jobs, run_due


class Command(BaseCommand):
    help = "Runs the sweeps again and again, until it is asked to end. One is enough; two do no harm."

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="run everything once, and end")

    def handle(self, *, once, **options):
        schedule, ending = jobs(), threading.Event()
        signal.signal(signal.SIGTERM, lambda number, frame: ending.set())
        seconds = run_due(schedule)
        while not once and not ending.wait(seconds):
            close_old_connections()
            seconds = run_due(schedule)
