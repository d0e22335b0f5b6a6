"""The panels about services, and what they read."""

from quickscale_credits.analytics import register, rolling
from quickscale_services.analytics import rollups
from quickscale_services.analytics.panels import PANELS
from quickscale_services.models import ArchivedRuns

for panel in PANELS:
    register(panel)
rolling.register(rollups, archived=ArchivedRuns)
