"""The panels, in the order in which they are shown."""

from quickscale_billing.analytics.panels.customers import Customers
from quickscale_billing.analytics.panels.failures import FailedPayments
from quickscale_billing.analytics.panels.liability import Liability
from quickscale_billing.analytics.panels.recurring import Recurring
from quickscale_billing.analytics.panels.revenue import Revenue

PANELS = [Revenue, Recurring, Customers, FailedPayments, Liability]
