from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "inkwell.notices"
    label = "notices"

    def ready(self):
        from inkwell.notices import receivers  # noqa: F401
