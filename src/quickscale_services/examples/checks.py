"""System checks of the settings of the example services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from quickscale_credits.checks import misspelled_keys
from quickscale_services.examples.conf import conf


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return [*misspelled_keys(conf, "quickscale_examples.W001"), *_unusable_values()]


def _unusable_values() -> Iterator[CheckMessage]:
    for key in conf.keys():  # noqa: SIM118 - no dict
        try:
            getattr(conf, key)
        except ImproperlyConfigured as error:
            yield Error(str(error), id="quickscale_examples.E001")
