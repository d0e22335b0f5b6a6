"""The panels about credits."""

from quickscale_credits.analytics.panels import accounts, movement, outstanding

__all__ = ["accounts", "movement", "outstanding"]
