"""The `Service` rows: what an administrator may change about a service while the site runs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import router

from quickscale_services.lookups import Lookup
from quickscale_services.registry import registry

if TYPE_CHECKING:
    from quickscale_services.models import Service


def switch_of(name: str) -> Service:
    """The row of this service as it is now; a service that was registered after `migrate` has the defaults."""
    from quickscale_services.models import Service

    found: Service | None = _by_name().find(name, using=Service.objects.db)
    return found or Service(name=name)


@cache
def _by_name() -> Lookup:
    from quickscale_services.models import Service

    return Lookup(Service, "name")


def make_after_migrate(using: str, apps: Apps = installed_apps, **kwargs: Any) -> None:
    """A receiver of `post_migrate`, which `flush` sends too."""
    try:
        model = apps.get_model("quickscale_services", "Service")
    except LookupError:  # migrated back to nothing
        return
    if router.allow_migrate_model(using, model):
        rows = model._default_manager.using(using)
        known = set(rows.values_list("name", flat=True))
        rows.bulk_create([model(name=name) for name in registry if name not in known], ignore_conflicts=True)
