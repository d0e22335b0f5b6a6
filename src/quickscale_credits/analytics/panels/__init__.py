"""The panels about credits, in the order in which they stand on the dashboard."""

from quickscale_credits.analytics.panels.accounts import Accounts
from quickscale_credits.analytics.panels.movement import Movement
from quickscale_credits.analytics.panels.outstanding import Outstanding
from quickscale_credits.analytics.registry import register

for panel in (Movement, Outstanding, Accounts):
    register(panel)
