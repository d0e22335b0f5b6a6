"""System checks of the settings."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, register

from quickscale_billing.conf import conf
from quickscale_credits.checks import misspelled_keys


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return misspelled_keys(conf, "quickscale_billing.W001")
