from typing import Any

from django.core.management.base import CommandError

from quickscale_billing.exceptions import BillingError
from quickscale_billing.mail import erasing, reminding
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Write the letters about credits and cards that expire soon, each once; `send_mail` sends them. "
        "Stripe is asked for the cards of each owner with a subscription or an auto top-up. "
        "Addresses of owners who were deleted are forgotten. Run it every day."
    )

    def run(self, **options: Any) -> None:
        erasing.forget_the_erased()
        expiring = sum(self.counted(reminding.expiring_credits(), "accounts"))
        self.stdout.write(f"{expiring} about credits that expire soon.")
        try:
            cards = sum(self.counted(reminding.expiring_cards(), "cards"))
        except BillingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{cards} about cards that expire soon.")
