from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "inkwell.accounts"
    label = "accounts"
    verbose_name = _("People")

    def ready(self):
        from inkwell.accounts import welcome  # noqa: F401
