"""The default host, with its services as tools of MCP."""

from tests.settings.base import *  # noqa: F403

ROOT_URLCONF = "tests.settings.mcp_urls"
