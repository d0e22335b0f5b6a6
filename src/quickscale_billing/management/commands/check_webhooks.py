from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from quickscale_billing.exceptions import BillingError
from quickscale_billing.stripe import endpoints


class Command(BaseCommand):
    help = "Say what keeps Stripe's events from reaching this site, and the remedy; exits 1 if anything does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--create", metavar="BASE_URL", help="first make an endpoint at Stripe, such as https://shop.example"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["create"]:
                self.stdout.write(f"Made {endpoints.create(options['create']).url}")
            problems = list(endpoints.problems())
        except (BillingError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("Stripe's webhook endpoint is set up as it should be.")
