"""Figures for those who run the site: `@analytics.register` a panel in an app's `analytics.py`."""

from quickscale_credits.analytics.memory import remembered
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.periods import Granularity, Period
from quickscale_credits.analytics.registry import AlreadyRegistered, UnknownPanel, register, registry
from quickscale_credits.analytics.shapes import Column, Figure, Series, Table, Unit, percent

__all__ = [
    "AlreadyRegistered",
    "Column",
    "Figure",
    "Granularity",
    "Panel",
    "Period",
    "Series",
    "Table",
    "Unit",
    "UnknownPanel",
    "percent",
    "register",
    "registry",
    "remembered",
]
