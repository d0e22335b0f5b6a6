import logging

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

# Those that may come to see a request with a key in it.
LOGGERS = ("quickscale_services", "django.request", "django.server", "django.security.csrf")


class ServicesConfig(AppConfig):
    name = "quickscale_services"
    verbose_name = _("Services")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from quickscale_credits.signals import account_closed
        from quickscale_services import checks, closing, discovery, plain_keys, switches  # noqa: F401

        account_closed.connect(closing.revoke_keys, dispatch_uid="quickscale_services.revoke_keys")
        post_migrate.connect(switches.make_after_migrate, sender=self)
        for name in LOGGERS:
            logging.getLogger(name).addFilter(plain_keys.RedactKeys())
        discovery.discover()
