"""The example in which credits belong to organizations: `DJANGO_SETTINGS_MODULE=inkwell.team_settings`.

The owner model shapes the migrations, so that this variant needs a database of its own.
"""

import os

from inkwell.settings import *  # noqa: F403
from inkwell.settings import BASE_DIR, DATABASES, INSTALLED_APPS, MIDDLEWARE, QUICKSCALE_BILLING, QUICKSCALE_CREDITS

INSTALLED_APPS = [*INSTALLED_APPS, "inkwell.teams"]
MIDDLEWARE = [*MIDDLEWARE, "inkwell.teams.guarding.OnlyAdministratorsPay"]
DATABASES = {"default": DATABASES["default"] | {"NAME": os.environ.get("SQLITE_PATH", BASE_DIR / "teams.sqlite3")}}
FIRST_OWNER = "inkwell.teams.owners.found_organization"

QUICKSCALE_OWNER_MODEL = "teams.Organization"
QUICKSCALE_CREDITS = QUICKSCALE_CREDITS | {"OWNER_RESOLVER": "inkwell.teams.owners.current_organization"}
DJSTRIPE_SUBSCRIBER_MODEL = QUICKSCALE_OWNER_MODEL
QUICKSCALE_BILLING = QUICKSCALE_BILLING | {"MAIL_READER": "inkwell.teams.owners.reader_of"}
