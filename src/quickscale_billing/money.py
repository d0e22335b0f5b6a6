"""Money: whole minor units and a currency code."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from quickscale_credits.currencies import EXPONENTS, USUAL_EXPONENT, exponent, formatted, major

__all__ = ["EXPONENTS", "USUAL_EXPONENT", "exponent", "formatted", "major", "validate_currency"]


def validate_currency(code: str) -> None:
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.islower()):
        raise ValidationError(
            _("Write a currency as its three-letter ISO code in lower case, such as usd, not %(code)s."),
            params={"code": repr(code)},
        )
