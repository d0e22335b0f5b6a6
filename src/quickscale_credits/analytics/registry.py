"""Which panels there are, by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from django.core.validators import slug_re

from quickscale_credits.analytics.panel import Panel

PanelClass = TypeVar("PanelClass", bound=type[Panel])


class AlreadyRegistered(Exception):
    """Another panel has this key."""


class UnknownPanel(KeyError):
    """No panel has this key."""

    def __str__(self) -> str:
        hint = "Is it in an installed app's analytics.py, below @analytics.register?"
        return f"There is no panel {self.args[0]!r}. {hint}"


class Registry(Mapping[str, Panel]):
    """In the order of registration, which is that of INSTALLED_APPS."""

    def __init__(self) -> None:
        self._panels: dict[str, Panel] = {}

    def __getitem__(self, key: str) -> Panel:
        try:
            return self._panels[key]
        except KeyError:
            raise UnknownPanel(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._panels)

    def __len__(self) -> int:
        return len(self._panels)

    def register(self, panel_class: type[Panel]) -> None:
        """Raises `AlreadyRegistered`, unless it is the same class again, as after a reload of its module."""
        if not slug_re.match(panel_class.key):
            raise ValueError(f"{_path(panel_class)} needs a key that is a slug, not {panel_class.key!r}.")
        known = self._panels.get(panel_class.key)
        if known is not None and _path(type(known)) != _path(panel_class):
            raise AlreadyRegistered(
                f"{_path(panel_class)} cannot have the key {panel_class.key!r}: {_path(type(known))} has it. "
                "Give one of them another key."
            )
        self._panels[panel_class.key] = panel_class()

    def unregister(self, key: str) -> None:
        """To leave out, or to replace, a panel of another app. Raises `UnknownPanel`."""
        del self._panels[self[key].key]

    def snapshot(self) -> dict[str, Panel]:
        return dict(self._panels)

    def restore(self, snapshot: dict[str, Panel]) -> None:
        self._panels = snapshot


registry = Registry()


def register(panel_class: PanelClass) -> PanelClass:
    """Class decorator for a panel in an app's `analytics.py`."""
    registry.register(panel_class)
    return panel_class


def _path(panel_class: type[Panel]) -> str:
    return f"{panel_class.__module__}.{panel_class.__qualname__}"
