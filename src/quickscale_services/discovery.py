"""Imports every app's `services` module at start-up, so that its services register themselves."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from quickscale_services.causes import cause_of
from quickscale_services.conf import conf
from quickscale_services.registry import registry

logger = logging.getLogger("quickscale_services")


@dataclass(frozen=True, kw_only=True)
class FailedImport:
    module: str
    error: Exception


failed_imports: list[FailedImport] = []


def discover() -> None:
    """A module that cannot be imported registers nothing and becomes a system-check error: E001."""
    failed_imports.clear()
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, conf.AUTODISCOVER_MODULE):
            _import(f"{app.name}.{conf.AUTODISCOVER_MODULE}")


def _import(module: str) -> None:
    before = registry.snapshot()
    try:
        import_module(module)
    except Exception as error:  # whatever an app's module raises must not keep the site from starting
        registry.restore(before)
        failed_imports.append(FailedImport(module=module, error=error))
        logger.error("The services in %s are not offered: it cannot be imported. %s", module, cause_of(error))
