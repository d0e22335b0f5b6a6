"""The demo in which credits belong to organizations: `manage.py demo --teams`."""

from inkwell.demo.settings import *  # noqa: F403
from inkwell.demo.settings import INSTALLED_APPS, MIDDLEWARE
from inkwell.team_settings import (  # noqa: F401
    DJSTRIPE_SUBSCRIBER_MODEL,
    FIRST_OWNER,
    QUICKSCALE_BILLING,
    QUICKSCALE_CREDITS,
    QUICKSCALE_OWNER_MODEL,
)

INSTALLED_APPS = [*INSTALLED_APPS, "inkwell.teams"]
MIDDLEWARE = [*MIDDLEWARE, "inkwell.teams.guarding.OnlyAdministratorsPay"]
