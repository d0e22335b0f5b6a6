"""Reading once what the figures, series and tables of one answer have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from quickscale_credits.analytics.periods import Period

P = ParamSpec("P")
T = TypeVar("T")

_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known", default=None)
_asked: ContextVar[Period | None] = ContextVar("asked", default=None)


def remembered(read: Callable[P, T]) -> Callable[P, T]:
    """Decorator for a function that reads: while one panel is asked, it reads the same only once.

    Its arguments must be hashable, as a `Period` is. Do not change what it gives.
    """

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        known = _known.get()
        if known is None:
            return read(*args, **kwargs)
        key = (read, args, tuple(sorted(kwargs.items())))
        if key not in known:
            known[key] = read(*args, **kwargs)
        found: T = known[key]
        return found

    return reading


def asked_about(period: Period) -> Period:
    """What the panel is asked about, if this is the period before it: so one reading gives both. Else the period."""
    asked = _asked.get()
    return asked if asked is not None and period == asked.previous else period


@contextmanager
def one_answer(period: Period) -> Iterator[None]:
    known, asked = _known.set({}), _asked.set(period)
    try:
        yield
    finally:
        _asked.reset(asked)
        _known.reset(known)
