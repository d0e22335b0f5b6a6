from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from quickscale_billing import inbox, refunds
from quickscale_billing.mail import alerting
from quickscale_billing.models import InboxItem, PlanSubscription
from quickscale_billing.stripe import webhooks
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Settle what Stripe's events told of and is not settled yet, forget deliveries that are a week old, and tell "
        "staff of those that were refused. "
        "Run it every minute; two at once do no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="also what was put off after it could not be settled")

    def run(self, **options: Any) -> None:
        if options["all"]:
            InboxItem.objects.pending().update(due_at=timezone.now())
        outcomes = list(self.counted(inbox.sweep_each(), "objects"))
        refunds.finish()
        inbox.forget_old()
        webhooks.forget_old()
        alerting.tell_of_refused_webhooks()
        self.stdout.write(f"{sum(outcomes)} settled.")
        for account in PlanSubscription.objects.accounts_with_several():
            self.stdout.write(f"Account {account} has more than one live subscription; both are honored.")
        for item in InboxItem.objects.filter(state=InboxItem.State.WAITING).order_by("arrived_at"):
            self.stderr.write(f"{item} needs attention: {item.problem}")
