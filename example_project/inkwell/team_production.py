"""The example for teams in earnest: `DJANGO_SETTINGS_MODULE=inkwell.team_production`, with a database of its own."""

from inkwell.production import *  # noqa: F403
from inkwell.production import INSTALLED_APPS, MIDDLEWARE, QUICKSCALE_BILLING
from inkwell.team_settings import (  # noqa: F401
    DJSTRIPE_SUBSCRIBER_MODEL,
    FIRST_OWNER,
    QUICKSCALE_CREDITS,
    QUICKSCALE_OWNER_MODEL,
)

INSTALLED_APPS = [*INSTALLED_APPS, "inkwell.teams"]
MIDDLEWARE = [*MIDDLEWARE, "inkwell.teams.guarding.OnlyAdministratorsPay"]
QUICKSCALE_BILLING = QUICKSCALE_BILLING | {"MAIL_READER": "inkwell.teams.owners.reader_of"}
