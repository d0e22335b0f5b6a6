from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    name = "inkwell.teams"
    label = "teams"
    verbose_name = _("Teams")

    def ready(self):
        from inkwell.teams import receivers  # noqa: F401
