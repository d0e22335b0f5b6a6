"""The settings of this app, read live and typed; and the base that the other apps' settings share."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from quickscale_credits.amounts import from_micro, to_micro, to_positive_micro
from quickscale_credits.exceptions import InvalidAmount

MAX_PRIORITY = 32_767


class SettingsDict:
    """One settings dict of the host; each public property is a key that may stand in it."""

    setting: ClassVar[str]

    def get(self, key: str, default: Any) -> Any:
        return self.raw().get(key, default)

    def raw(self) -> Mapping[str, Any]:
        value = getattr(settings, self.setting, {})
        if not isinstance(value, Mapping):
            raise ImproperlyConfigured(f"{self.setting} must be a dict, not a {type(value).__name__}.")
        return value

    @classmethod
    def keys(cls) -> list[str]:
        return sorted(name for name in dir(cls) if name.isupper())

    def timedelta(self, key: str, default: timedelta) -> timedelta:
        value = self.get(key, default)
        if not isinstance(value, timedelta) or value <= timedelta(0):
            raise ImproperlyConfigured(f'{self.setting}["{key}"] must be a timedelta above zero, not {value!r}.')
        return value


class SignupGrant(TypedDict, total=False):
    amount: int | Decimal | str
    expires_in: timedelta | None


class CreditsSettings(SettingsDict):
    setting = "QUICKSCALE_CREDITS"

    @property
    def LOW_BALANCE_THRESHOLD(self) -> Decimal | None:  # noqa: N802
        """An amount: `balance_low` is sent when what is available falls below it. None: never.

        An account may have its own.
        """
        value = self.get("LOW_BALANCE_THRESHOLD", None)
        return None if value is None else from_micro(to_micro(value))

    @property
    def HOLD_TIMEOUT(self) -> timedelta:  # noqa: N802
        """How long a hold lasts that does not say `expires_in`."""
        return self.timedelta("HOLD_TIMEOUT", timedelta(minutes=15))

    @property
    def REVERSAL_GRACE(self) -> timedelta:  # noqa: N802
        """How long reversed credits last whose grant has expired meanwhile."""
        return self.timedelta("REVERSAL_GRACE", timedelta(days=7))

    @property
    def PRIORITIES(self) -> dict[str, int]:  # noqa: N802
        """Spending priority by credit type; the lowest is spent first. Types that it leaves out keep theirs."""
        defaults = {"subscription": 10, "promotional": 20, "pay_as_you_go": 30}
        value = self.get("PRIORITIES", {})
        if not isinstance(value, Mapping) or not all(key in defaults and is_priority(value[key]) for key in value):
            raise ImproperlyConfigured(
                f'{self.setting}["PRIORITIES"] must give {", ".join(defaults)} whole numbers from 0 to {MAX_PRIORITY}, '
                f"not {value!r}."
            )
        return defaults | dict(value)

    @property
    def SIGNUP_GRANT(self) -> SignupGrant | None:  # noqa: N802
        """What `grant_signup` gives: a dict with `amount` and, if the credits expire, `expires_in`. None: nothing."""
        value: SignupGrant | None = self.get("SIGNUP_GRANT", None)
        if value is not None and not _is_signup_grant(value):
            raise ImproperlyConfigured(
                f'{self.setting}["SIGNUP_GRANT"] must be {{"amount": above zero, "expires_in": timedelta or None}}, '
                f"not {value!r}."
            )
        return value

    @property
    def REPORTING_TIME_ZONE(self) -> str:  # noqa: N802
        """The time zone whose days and months all reports are in. After a change, run `rollup_usage --rebuild`."""
        value: str = self.get("REPORTING_TIME_ZONE", "UTC")
        if not is_time_zone(value):
            raise ImproperlyConfigured(
                f'{self.setting}["REPORTING_TIME_ZONE"] must be the name of a time zone, such as "Europe/Madrid", '
                f"not {value!r}."
            )
        return value

    @property
    def OWNER_RESOLVER(self) -> str | None:  # noqa: N802
        """Path of a function from the request to an owner or None; None: `request.user`.

        Needed where the owner model is not the user model.
        """
        value: str | None = self.get("OWNER_RESOLVER", None)
        return value


conf = CreditsSettings()


def is_priority(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PRIORITY


def is_time_zone(value: object) -> bool:
    if not isinstance(value, str):
        return False
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return bool(ZoneInfo(value).key)
    return False


def _is_signup_grant(value: object) -> bool:
    if not isinstance(value, Mapping) or not {"amount"} <= set(value) <= {"amount", "expires_in"}:
        return False
    expires_in = value.get("expires_in")
    if expires_in is not None and not (isinstance(expires_in, timedelta) and expires_in > timedelta(0)):
        return False
    with suppress(TypeError, InvalidAmount):
        return to_positive_micro(value["amount"]) > 0
    return False


def owner_model() -> str:
    """The label of the owner model: `QUICKSCALE_OWNER_MODEL`, else the user model. Shapes migrations."""
    label: str = getattr(settings, "QUICKSCALE_OWNER_MODEL", settings.AUTH_USER_MODEL)
    return label
