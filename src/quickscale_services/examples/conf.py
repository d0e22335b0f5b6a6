"""The settings of the example services, read live and typed."""

import re
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured

from quickscale_credits.conf import SettingsDict

_ADDRESS = re.compile(r"https?://[^\s/]+(/[^\s?#]*)?")
_KEY = re.compile(r"[!-~]*")


class ExamplesSettings(SettingsDict):
    setting: ClassVar[str] = "QUICKSCALE_EXAMPLES"

    @property
    def CHAT_BASE_URL(self) -> str:  # noqa: N802
        """A server that speaks OpenAI's protocol of chat completions; empty: no chat.

        Such as `"https://api.openai.com/v1"` or `"http://localhost:11434/v1"`.
        """
        value = self._text("CHAT_BASE_URL")
        if value and not _ADDRESS.fullmatch(value):
            raise ImproperlyConfigured(
                f'{self.setting}["CHAT_BASE_URL"] must read like "https://api.openai.com/v1", not {value!r}.'
            )
        return value.rstrip("/")

    @property
    def CHAT_MODEL(self) -> str:  # noqa: N802
        """The model, as that server and its rate card call it; empty: no chat."""
        return self._text("CHAT_MODEL")

    @property
    def CHAT_API_KEY(self) -> str:  # noqa: N802
        """Sent as a bearer token: take it from the environment. Empty: none."""
        value = self._text("CHAT_API_KEY").strip()
        if not _KEY.fullmatch(value):
            raise ImproperlyConfigured(f'{self.setting}["CHAT_API_KEY"] must be ASCII without spaces.')
        return value

    @property
    def CHAT_LIMIT_FIELD(self) -> str:  # noqa: N802
        """What that server calls the most tokens of an answer.

        `"max_tokens"`, or `"max_completion_tokens"` for OpenAI's reasoning models.
        """
        value = self._text("CHAT_LIMIT_FIELD", "max_tokens")
        if value not in ("max_tokens", "max_completion_tokens"):
            raise ImproperlyConfigured(
                f'{self.setting}["CHAT_LIMIT_FIELD"] must be "max_tokens" or "max_completion_tokens", not {value!r}.'
            )
        return value

    @property
    def offers_chat(self) -> bool:
        return bool(self.CHAT_BASE_URL and self.CHAT_MODEL)

    def _text(self, key: str, default: str = "") -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            raise ImproperlyConfigured(f'{self.setting}["{key}"] must be text, not a {type(value).__name__}.')
        return value


conf = ExamplesSettings()
