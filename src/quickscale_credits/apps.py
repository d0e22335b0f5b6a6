from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CreditsConfig(AppConfig):
    name = "quickscale_credits"
    verbose_name = _("Credits")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from quickscale_credits import checks, triggers  # noqa: F401
        from quickscale_credits.analytics import panels, rolling, rollups  # noqa: F401
        from quickscale_credits.models import ArchivedSum

        rolling.register(rollups, archived=ArchivedSum)
        pre_migrate.connect(triggers.lift_before_migrate, sender=self)
        post_migrate.connect(triggers.install_after_migrate, sender=self)
        autodiscover_modules("analytics")
