"""What servers run with in tests that steer services while they run; they offer them as tools of MCP, too."""

from tests.settings.base import *  # noqa: F403
from tests.settings.base import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.services.served"]
ROOT_URLCONF = "tests.settings.mcp_urls"
