from typing import Any

from quickscale_billing import mail
from quickscale_billing.models import Mail
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = "Send the letters that wait. Run it every minute; two at once do no harm."

    def run(self, **options: Any) -> None:
        sent = sum(self.counted(mail.send_each(), "letters"))
        failed = Mail.objects.filter(state=Mail.State.FAILED).count()
        self.stdout.write(f"{sent} sent." + (f" {failed} have failed: see the mail in the admin." if failed else ""))
