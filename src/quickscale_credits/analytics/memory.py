"""Reading once what the figures, series and tables of one answer have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known", default=None)


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


@contextmanager
def one_answer() -> Iterator[None]:
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)
