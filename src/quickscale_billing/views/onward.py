"""Where somebody wanted to go before they were led to the prices: `?next=`, which comes along until they have paid."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

PARAMETER = "next"
# Stripe takes addresses to return to of 5,000 characters, and this is written twice encoded.
LONGEST = 1_000


def wanted(request: HttpRequest) -> str:
    """Empty where nothing was asked for, or a place that is not on this host."""
    asked = request.POST.get(PARAMETER) or request.GET.get(PARAMETER, "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and len(asked) <= LONGEST else ""


def with_next(address: str, onward: str) -> str:
    """The address, with the place to go to afterwards, if there is one."""
    if not onward:
        return address
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode({PARAMETER: onward})}"
