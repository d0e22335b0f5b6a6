"""Minor units, as Stripe counts them."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from quickscale_billing.money import formatted, major, validate_currency

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (4900, "usd", "49.00"),
        (500, "jpy", "500"),
        (5000, "kwd", "5.000"),
        (500, "isk", "5.00"),
        (1, "eur", "0.01"),
        (0, "usd", "0.00"),
    ],
)
def test_each_currency_has_its_digits(amount, currency, said):
    assert major(amount, currency) == Decimal(said)
    assert formatted(amount, currency) == f"{said} {currency.upper()}"


def test_money_is_written_in_the_language_of_the_reader():
    with translation.override("de"):
        assert formatted(123_456_700, "eur") == "1.234.567,00 EUR"


@pytest.mark.parametrize("code", ["USD", "us", "usdt", "", "u$d", "ŭsd"])
def test_a_currency_is_three_small_letters(code):
    with pytest.raises(ValidationError, match="three-letter"):
        validate_currency(code)
