from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.utils.formats import number_format

from quickscale_credits import ledger

register = template.Library()


@register.filter
def credits(amount: Decimal) -> str:  # noqa: A001
    """The amount in the language of the reader, thousands grouped: 1,234.5."""
    return number_format(amount, use_l10n=True, force_grouping=True)


@register.filter
def plurality(amount: Decimal) -> int:
    """For `blocktranslate count`, which wants a whole number: only 1 itself is one, 1.5 are several."""
    return 1 if amount == 1 else 2


@register.simple_tag
def credit_balance(owner: Any) -> str:
    """The credits that the owner can spend now; nothing for a visitor who is not logged in."""
    if owner is None or getattr(owner, "is_anonymous", False):
        return ""
    return credits(ledger.balance(owner).available)
