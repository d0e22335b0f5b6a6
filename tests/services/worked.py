"""Services that workers execute in tests; as a program, a worker of `db_worker` that offers them."""

import sys
import time

import django
from pydantic import BaseModel

from quickscale_services import BaseService


class Slow(BaseService):
    """Half is done at once, the rest after so many seconds; it can be canceled meanwhile."""

    name = "slow"
    cost = 2
    timeout = 1_200  # longer than the quarter of an hour after which a task counts as lost

    class Input(BaseModel):
        seconds: float

    def execute(self, data, context):
        context.progress(0.5, "half")
        until = time.monotonic() + data.seconds
        while time.monotonic() < until:
            time.sleep(0.01)
            context.check()
        return "done"


class Flaky(BaseService):
    """Its first attempt fails."""

    name = "flaky"
    cost = 2
    retries = 1
    retry_delay = 0.01

    def execute(self, data, context):
        if context.run.attempts == 1:
            raise OSError("The first attempt fails.")
        return "done"


class Asked(BaseService):
    """Says who asked, and whether that is a user or a text."""

    name = "asked"

    def execute(self, data, context):
        return [type(context.actor).__name__, str(context.actor)]


def offer():
    from quickscale_services import registry
    from tests.services.samples import CountWords

    for service in (Slow, Flaky, Asked, CountWords):
        registry.register(service)


if __name__ == "__main__":
    django.setup()
    from django.core.management import call_command

    offer()
    call_command("db_worker", *sys.argv[1:])
