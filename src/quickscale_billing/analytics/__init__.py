"""The panels about sales, and what they read."""

from quickscale_billing.analytics import rollups
from quickscale_billing.analytics.panels import PANELS
from quickscale_credits.analytics import register, rolling

for panel in PANELS:
    register(panel)
rolling.register(rollups)
