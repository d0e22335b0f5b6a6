from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExamplesConfig(AppConfig):
    name = "quickscale_services.examples"
    label = "quickscale_examples"
    verbose_name = _("Example services")

    def ready(self) -> None:
        from quickscale_services.examples import checks  # noqa: F401
