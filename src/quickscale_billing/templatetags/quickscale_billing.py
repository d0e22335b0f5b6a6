from __future__ import annotations

from typing import Any

from django import template

from quickscale_billing import subscriptions
from quickscale_billing.models.catalog import Priced
from quickscale_billing.money import formatted
from quickscale_billing.views import onward

register = template.Library()
register.simple_tag(onward.with_next)


@register.filter
def price(priced: Priced) -> str:
    """What a pack or an interval of a plan costs: “49.00 USD”."""
    return formatted(priced.amount, priced.currency)


@register.filter
def money(amount: int, currency: str) -> str:
    """Minor units of a currency: “4.90 USD”."""
    return formatted(amount, currency)


@register.filter
def is_subscribed(owner: Any, plan: str = "") -> bool:
    """Whether they have a subscription for which nothing is owed, to this plan if one is named. A visitor has none."""
    return getattr(owner, "pk", None) is not None and subscriptions.is_active(owner, plan or None)
