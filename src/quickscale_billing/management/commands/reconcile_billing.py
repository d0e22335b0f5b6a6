from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from quickscale_billing import reconciliation
from quickscale_billing.exceptions import BillingError
from quickscale_billing.reconciliation import Drift, Repaired
from quickscale_billing.still_open import ASKED_AT_MOST

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    help = (
        "Compare what Stripe has with our rows and the ledger, and say what differs; exits 1 if anything is left. "
        "Run it every day, and with --repair after webhooks were down."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            default="30d",
            help="what was made at Stripe within this time: 12h, 30d (the default), 8w",
        )
        parser.add_argument(
            "--older",
            type=int,
            default=ASKED_AT_MOST,
            help=f"ask about so many older rows of ours that may still change, oldest first ({ASKED_AT_MOST})",
        )
        parser.add_argument("--repair", action="store_true", help="settle what differs, as its events would have")

    def handle(self, *args: Any, **options: Any) -> None:
        since, older = timezone.now() - _time(options["since"]), max(0, options["older"])
        try:
            found = reconciliation.drift(since, older=older)
            self._tell(found)
            if options["repair"] and found:
                self._tell_repair(reconciliation.repair(found))
                found = reconciliation.drift(since, older=older)
                self._tell(found)
        except (BillingError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if unasked := reconciliation.unasked(since, older=older):
            self.stdout.write(f"Not asked about: {unasked} older rows that may still change. Give a higher --older.")
        if found:
            raise CommandError(f"{len(found)} things differ from Stripe.", returncode=1)
        self.stdout.write("Stripe, our rows and the ledger agree.")

    def _tell(self, found: list[Drift]) -> None:
        for each in found:
            self.stdout.write(f"{each.kind.value:<12} {each.stripe_id}  {_age(each.age):>4}  {each.problem}")

    def _tell_repair(self, repaired: Repaired) -> None:
        for each in repaired.settled:
            self.stdout.write(f"settled      {each.stripe_id}")
        for each, problem in repaired.failed:
            self.stderr.write(f"not settled  {each.stripe_id}: {problem}")
        for refill in repaired.skipped:
            self.stdout.write(
                f"skipped      the refill of {refill.subscription.stripe_id} of {refill.starts_at:%Y-%m-%d}"
            )


def _time(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if found is None:
        raise CommandError(f"--since must read like 12h, 30d or 8w, not {text!r}.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _age(age: timedelta) -> str:
    return f"{age.days}d" if age.days else f"{age.seconds // 3600}h"
