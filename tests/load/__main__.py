"""`python -m tests.load --minutes 2`: a day at once, while processes are killed; then the books are looked at.

Two web processes and two workers on PostgreSQL, programs, browsers, buyers with webhooks, sweeps, rollups and
verification. Prints percentiles of answers relative to a run in which nobody else is there, and a process's memory.
"""

import argparse
import os
import sys

from tests import databases

IDLE_SECONDS = 10


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--pause", type=float, default=7, help="seconds between kills; more than the run lasts: no kills"
    )
    options = parser.parse_args(arguments)
    # Before Django is set up: settings, and dj-stripe, read their surroundings once.
    from quickscale_billing.testing.simulator import StripeSimulator

    with databases.embedded_postgresql() as url, StripeSimulator(seed="load") as shop:
        os.environ |= {
            "DATABASE_URL": url.rpartition("/")[0] + "/postgres",
            "DJANGO_SETTINGS_MODULE": "tests.load.settings",
            "LOAD_STRIPE": shop.address,
        }
        import django

        django.setup()
        from tests.load.day import Day

        day = Day(shop, seed=options.seed, pause=options.pause)
        try:
            idle = day.measure(IDLE_SECONDS, alone=True)
            busy = day.measure(options.minutes * 60, alone=False)
        finally:
            day.end()
        print(day.report(idle, busy))
        problems = day.problems(busy)
    print("\n".join(problems) or "Nothing was lost, nothing was doubled, and the ledger is sound.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
