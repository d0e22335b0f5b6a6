"""A host whose credits belong to a team: the member who spends is only the actor."""

from tests.settings.base import *  # noqa: F403
from tests.settings.base import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.projects.teams"]
QUICKSCALE_OWNER_MODEL = "teams.Team"
QUICKSCALE_CREDITS = {"OWNER_RESOLVER": "tests.projects.teams.owners.team_of"}
