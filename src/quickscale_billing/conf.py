"""The settings of this app, read live and typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.module_loading import import_string

from quickscale_billing.mail_conf import MailSettings

SELLER_KEYS = frozenset({"name", "address", "tax_id", "email", "phone", "website", "note"})
SITE = re.compile(r"https?://[^/\s]+")
CURRENCY = re.compile(r"[a-z]{3}")


class BillingSettings(MailSettings):
    setting: ClassVar[str] = "QUICKSCALE_BILLING"

    @property
    def CATALOG(self) -> Path | None:  # noqa: N802
        """Path of the TOML file that says what is sold; None: the admin says it."""
        value = self.get("CATALOG", None)
        if value is not None and not isinstance(value, str | Path):
            raise ImproperlyConfigured(f'{self.setting}["CATALOG"] must be the path of a TOML file, not {value!r}.')
        return None if value is None else Path(value)

    @property
    def CHECKOUT(self) -> dict[str, Any]:  # noqa: N802
        """Options passed on to each Checkout session, such as `{"allow_promotion_codes": True}`."""
        value = self.get("CHECKOUT", {})
        if not isinstance(value, Mapping):
            raise ImproperlyConfigured(
                f'{self.setting}["CHECKOUT"] must be a dict of options of a Checkout session, not {value!r}.'
            )
        return dict(value)

    @property
    def PLAN_CHANGE_CREDITS(self) -> str:  # noqa: N802
        """What an upgrade gives of the refill at hand: the `"difference"` for the time left, or the `"full"` one."""
        value: str = self.get("PLAN_CHANGE_CREDITS", "difference")
        if value not in ("difference", "full"):
            raise ImproperlyConfigured(
                f'{self.setting}["PLAN_CHANGE_CREDITS"] must be "difference" or "full", not {value!r}.'
            )
        return value

    @property
    def REFUND_DEBT(self) -> bool:  # noqa: N802
        """Whether credits that were spent become a debt when their money goes back; else they are left alone."""
        value = self.get("REFUND_DEBT", True)
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f'{self.setting}["REFUND_DEBT"] must be True or False, not {value!r}.')
        return value

    @property
    def REFILL_GRACE(self) -> timedelta:  # noqa: N802
        """How long a refill outlasts its time, at most as long again: Stripe collects an hour after a period began."""
        return self.timedelta("REFILL_GRACE", timedelta(hours=24))

    @property
    def PORTAL(self) -> bool:  # noqa: N802
        """Whether the page of payment methods leads to Stripe's customer portal, too."""
        value = self.get("PORTAL", False)
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f'{self.setting}["PORTAL"] must be True or False, not {value!r}.')
        return value

    @property
    def AUTO_TOP_UP(self) -> bool:  # noqa: N802
        """Whether owners may have a pack bought by itself when their credits run low."""
        value = self.get("AUTO_TOP_UP", False)
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f'{self.setting}["AUTO_TOP_UP"] must be True or False, not {value!r}.')
        return value

    @property
    def SELLER(self) -> dict[str, Any]:  # noqa: N802
        """Who sells, for receipts: a dict of text.

        Of `name`, `address` (or a list of lines), `tax_id`, `email`, `phone`, `website` and `note`.
        """
        value = self.get("SELLER", {})
        if not (isinstance(value, Mapping) and set(value) <= SELLER_KEYS and all(map(_is_told, value.values()))):
            raise ImproperlyConfigured(
                f'{self.setting}["SELLER"] must be a dict of text for some of {", ".join(sorted(SELLER_KEYS))} '
                f"(of lines of text for the address), not {value!r}."
            )
        return dict(value)

    @property
    def BUYER_DETAILS(self) -> Callable[[Model], Iterable[str]] | None:  # noqa: N802
        """Path of a function from an owner to the lines that receipts have of them; None: name and email address."""
        value = self.get("BUYER_DETAILS", None)
        if value is None:
            return None
        try:
            found: Callable[[Model], Iterable[str]] = import_string(value)
        except (ImportError, TypeError, AttributeError):
            raise ImproperlyConfigured(
                f'{self.setting}["BUYER_DETAILS"] must be the path of a function, not {value!r}.'
            ) from None
        return found

    @property
    def RECEIPT_FONT(self) -> Path | None:  # noqa: N802
        """Path of a TrueType font for receipts in more than the letters of Western Europe."""
        value = self.get("RECEIPT_FONT", None)
        if value is not None and not (isinstance(value, str | Path) and Path(value).is_file()):
            raise ImproperlyConfigured(f'{self.setting}["RECEIPT_FONT"] must be the path of a font, not {value!r}.')
        return None if value is None else Path(value)

    @property
    def QUEUE(self) -> str | None:  # noqa: N802
        """What hands work to workers: an alias in `TASKS`, or the path of a function; None: the commands do it all.

        The function takes a job's name and a number, for which a worker then calls `quickscale_billing.queueing.work`.
        """
        value = self.get("QUEUE", None)
        if value is not None and not (isinstance(value, str) and value):
            raise ImproperlyConfigured(
                f'{self.setting}["QUEUE"] must be an alias in TASKS or the dotted path of a function, not {value!r}.'
            )
        return value

    @property
    def REPORTING_CURRENCY(self) -> str | None:  # noqa: N802
        """In which the dashboard adds up all currencies, such as `"usd"`, beside each by itself; None: never.

        It does so for Net and MRR alone: all other money stands in each currency by itself.
        """
        value = self.get("REPORTING_CURRENCY", None)
        if value is not None and not (isinstance(value, str) and CURRENCY.fullmatch(value)):
            raise ImproperlyConfigured(
                f'{self.setting}["REPORTING_CURRENCY"] must be three letters such as "usd", not {value!r}.'
            )
        return value

    @property
    def REPORTING_RATES(self) -> dict[str, Fraction]:  # noqa: N802
        """What one of another currency is worth in it, such as `{"eur": "1.08"}` (text, Decimal or int)."""
        value = self.get("REPORTING_RATES", {})
        try:
            return {currency: _rate(currency, rate) for currency, rate in value.items()}
        except (AttributeError, TypeError, ValueError, ArithmeticError):
            raise ImproperlyConfigured(
                f'{self.setting}["REPORTING_RATES"] must be a dict such as {{"eur": "1.08"}}, not {value!r}.'
            ) from None

    @property
    def SITE_URL(self) -> str | None:  # noqa: N802
        """Where the site is, such as `"https://shop.example"`; None: the first of `ALLOWED_HOSTS`."""
        value = self.get("SITE_URL", None)
        if value is not None and not (isinstance(value, str) and SITE.fullmatch(value)):
            raise ImproperlyConfigured(
                f'{self.setting}["SITE_URL"] must read like "https://inkwell.example", not {value!r}.'
            )
        return value

    @property
    def SUCCESS_URL(self) -> str | None:  # noqa: N802
        """Where a payer comes back to; None: our page. Stripe fills in `{CHECKOUT_SESSION_ID}`."""
        return self._address("SUCCESS_URL")

    @property
    def CANCEL_URL(self) -> str | None:  # noqa: N802
        """Where somebody comes back to who has not paid; None: our page."""
        return self._address("CANCEL_URL")

    def _address(self, key: str) -> str | None:
        value = self.get(key, None)
        if value is not None and not (isinstance(value, str) and value.startswith(("/", "http://", "https://"))):
            raise ImproperlyConfigured(f'{self.setting}["{key}"] must be a path or an address, not {value!r}.')
        return value


def _is_told(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(each, str) for each in value))


def _rate(currency: str, rate: object) -> Fraction:
    if not CURRENCY.fullmatch(currency) or isinstance(rate, bool) or not isinstance(rate, str | int | Decimal):
        raise TypeError(currency)
    exact = Fraction(rate)
    if exact <= 0:
        raise ValueError(currency)
    return exact


conf = BillingSettings()
