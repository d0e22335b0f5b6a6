"""The panels about services, in the order in which they stand on the dashboard."""

from quickscale_services.analytics.panels.failures import Failures
from quickscale_services.analytics.panels.margin import Margin
from quickscale_services.analytics.panels.runs import Customers, Runs

PANELS = (Runs, Customers, Failures, Margin)
