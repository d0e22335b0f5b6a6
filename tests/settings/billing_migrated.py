"""The host of `tests.settings.billing` on tables that dj-stripe's own migrations have made, all of them."""

from tests.settings.billing import *  # noqa: F403

MIGRATION_MODULES = {}
