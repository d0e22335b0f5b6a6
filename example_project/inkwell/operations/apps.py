from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class OperationsConfig(AppConfig):
    name = "inkwell.operations"

    def ready(self):
        # By then the apps before it have their permissions. This one has no models, and so no such signal.
        post_migrate.connect(make_groups_of_staff, sender=apps.get_app_config("accounts"))


def make_groups_of_staff(**kwargs):
    """Support, Billing and Analyst, with every migration."""
    from quickscale_billing.roles import make_roles

    make_roles()
