"""Those of the settings that are about mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.module_loading import import_string

from quickscale_credits.conf import SettingsDict

if TYPE_CHECKING:
    from quickscale_billing.mail.readers import Reader

KINDS = frozenset(
    {
        *("receipt", "payment_failed", "card_expiring", "subscription_canceled", "refund_made", "dispute_opened"),
        *("dispute_alert", "credits_low", "credits_expiring", "top_up_stopped", "webhooks_refused"),
    }
)


class MailSettings(SettingsDict):
    setting: ClassVar[str] = "QUICKSCALE_BILLING"

    @property
    def MAIL(self) -> tuple[str, ...]:  # noqa: N802
        """The kinds of [mail](../how-to/mail.md) that are sent: some, or `"all"`; empty: none."""
        value = self.get("MAIL", ())
        if value == "all":
            return tuple(sorted(KINDS))
        if not (isinstance(value, list | tuple | set | frozenset) and KINDS.issuperset(value)):
            raise ImproperlyConfigured(
                f'{self.setting}["MAIL"] must be "all", or a list of some of {", ".join(sorted(KINDS))}, not {value!r}.'
            )
        return tuple(value)

    @property
    def MAIL_FROM(self) -> str | None:  # noqa: N802
        """Who writes mail; None: `DEFAULT_FROM_EMAIL`."""
        value = self.get("MAIL_FROM", None)
        if value is not None and not (isinstance(value, str) and "@" in value):
            raise ImproperlyConfigured(
                f'{self.setting}["MAIL_FROM"] must read like "Inkwell <billing@inkwell.example>", not {value!r}.'
            )
        return value

    @property
    def MAIL_STAFF(self) -> list[str] | None:  # noqa: N802
        """A list of addresses that are told of disputes and refused webhooks; None: those of `ADMINS`."""
        value = self.get("MAIL_STAFF", None)
        if value is None:
            return None
        if not (isinstance(value, list | tuple) and all(isinstance(each, str) and "@" in each for each in value)):
            raise ImproperlyConfigured(f'{self.setting}["MAIL_STAFF"] must be a list of addresses, not {value!r}.')
        return list(value)

    @property
    def MAIL_READER(self) -> Callable[[Model], Reader] | None:  # noqa: N802
        """Path of a function from an owner to a `mail.Reader`: addresses, language, time zone. None: the owner's
        `email`, in those of the site."""
        value = self.get("MAIL_READER", None)
        if value is None:
            return None
        try:
            found: Callable[[Model], Reader] = import_string(value)
        except (ImportError, TypeError, AttributeError):
            raise ImproperlyConfigured(
                f'{self.setting}["MAIL_READER"] must be the path of a function, not {value!r}.'
            ) from None
        return found

    @property
    def MAIL_BEFORE_EXPIRY(self) -> timedelta:  # noqa: N802
        """How long before credits expire their owner is told by mail."""
        return self.timedelta("MAIL_BEFORE_EXPIRY", timedelta(days=7))
