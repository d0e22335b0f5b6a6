from typing import Any

from django.core.management.base import BaseCommand

from quickscale_billing.roles import make_roles


class Command(BaseCommand):
    help = "Make the groups Support, Billing and Analyst with their permissions. It may be run again."

    def handle(self, *args: Any, **options: Any) -> None:
        for group in make_roles():
            self.stdout.write(f"{group.name}: {group.permissions.count()} permissions")
