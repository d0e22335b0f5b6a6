"""What an API key may do: `services:run`, `services:run:NAME`, `credits:read`."""

from __future__ import annotations

from collections.abc import Iterable

from quickscale_services.registry import registry

RUN = "services:run"
RUN_ONE = f"{RUN}:"
READ_CREDITS = "credits:read"


def known() -> list[str]:
    return [RUN, READ_CREDITS, *(f"{RUN_ONE}{name}" for name in registry)]


def checked(scopes: Iterable[str]) -> list[str]:
    """Each once, in their order. Raises `ValueError` for none at all, and for one that is unknown."""
    given = list(dict.fromkeys(scopes))
    if not given:
        raise ValueError(f"A key needs a scope, such as {RUN!r}: without one it may do nothing.")
    for scope in given:
        if scope not in known():
            raise ValueError(f"There is no scope {scope!r}. There are {', '.join(known())}.")
    return given


def services_in(scopes: Iterable[str]) -> frozenset[str] | None:
    """The names of the services that these scopes allow to run; None for every one."""
    given = set(scopes)
    if RUN in given:
        return None
    return frozenset(scope.removeprefix(RUN_ONE) for scope in given if scope.startswith(RUN_ONE))
