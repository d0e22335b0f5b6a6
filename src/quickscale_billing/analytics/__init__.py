"""The panels about sales, and what they read."""

from quickscale_billing.analytics.panels import PANELS
from quickscale_credits.analytics import register

for panel in PANELS:
    register(panel)
