from django.apps import AppConfig
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "quickscale_billing"
    verbose_name = _("Billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from quickscale_billing import billing, checks, migrating, receivers  # noqa: F401
        from quickscale_billing.history import telling as of_billing
        from quickscale_billing.stripe import webhooks
        from quickscale_credits import telling

        webhooks.connect()
        receivers.connect()
        telling.register(of_billing.words_for)
        pre_migrate.connect(migrating.say_why_it_takes_long, sender=self)
