import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.pages.panel import ADDRESS as PANEL
from quickscale_billing.testing.running import Keeper

PORT = 12111


class Command(BaseCommand):
    help = "Run a Stripe of your own on this machine until Ctrl-C: test cards, webhooks, and a clock that you can move."
    # It neither needs nor asks the database, and helps while billing is still being configured.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=PORT, help=f"{PORT} if you do not say; 0 for any that is free")
        parser.add_argument("--webhook", metavar="URL", help="send the events there; the secret is printed")
        parser.add_argument("--seed", default="", help="the same ids in every run with this seed")
        parser.add_argument("--frozen", action="store_true", help="let time pass only when it is advanced")

    def handle(self, *args: Any, **options: Any) -> None:
        simulator = StripeSimulator(seed=options["seed"], port=options["port"])
        stopped = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        try:
            simulator.start()
        except OSError as error:
            raise CommandError(f"Port {options['port']} cannot be used ({error.strerror}): choose another.") from error
        self.run(simulator, stopped, ticking=not options["frozen"], webhook=options["webhook"])

    def run(self, simulator: StripeSimulator, stopped: threading.Event, *, ticking: bool, webhook: str | None) -> None:
        keeper = Keeper(simulator, ticking=ticking)
        keeper.start()
        try:
            self.introduce(simulator, webhook)
            stopped.wait()
        finally:
            keeper.stop()
            simulator.stop()

    def introduce(self, simulator: StripeSimulator, webhook: str | None) -> None:
        settings = "\n".join(f"    {name} = {value!r}" for name, value in simulator.settings().items())
        self.stdout.write(f"Stripe's simulator is at {simulator.address}, its panel at {simulator.address}{PANEL}")
        self.stdout.write(f"Settings that lead there:\n\n{settings}\n")
        if webhook:
            endpoint = simulator.listen(webhook)
            self.stdout.write(f"Events go to {webhook}, signed with {endpoint['secret']}")
        self.stdout.write("What it knows is gone when it stops: Ctrl-C.")
        self.stdout.flush()
