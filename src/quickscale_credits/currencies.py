"""The one table of how many digits a currency has."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

# https://docs.stripe.com/currencies: what Stripe's integers count. ISK and UGX have no digits in use, but Stripe
# counts them in hundredths, as it does all that is not named here.
EXPONENTS = dict.fromkeys(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"], 0
) | dict.fromkeys(["bhd", "jod", "kwd", "omr", "tnd"], 3)
USUAL_EXPONENT = 2


def exponent(currency: str) -> int:
    return EXPONENTS.get(currency.lower(), USUAL_EXPONENT)


def major(amount: int, currency: str) -> Decimal:
    """4900 of usd → Decimal("49.00"); 500 of jpy → Decimal("500")."""
    return Decimal(amount).scaleb(-exponent(currency))


def formatted(amount: int, currency: str) -> str:
    """As it stands on a page, in the language that is active: “49.00 USD”."""
    digits = exponent(currency)
    number = number_format(major(amount, currency), decimal_pos=digits, use_l10n=True, force_grouping=True)
    return f"{number} {currency.upper()}"
