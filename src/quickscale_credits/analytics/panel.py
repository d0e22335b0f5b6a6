"""What a panel is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from quickscale_credits.analytics.periods import Period
    from quickscale_credits.analytics.shapes import Figure, Series, Table


class Panel:
    """Subclass it in an app's `analytics.py`, below `@analytics.register`.

    One object serves every request and thread: keep nothing on `self`. However long the period, each method makes a
    constant number of queries.
    """

    key: ClassVar[str] = ""  # a slug, unique
    title: ClassVar[StrOrPromise] = ""

    def figures(self, period: Period) -> Sequence[Figure]:
        """Asked for the period and for the one before, with which it is compared."""
        return []

    def series(self, period: Period) -> Sequence[Series]:
        return []

    def tables(self, period: Period) -> Sequence[Table]:
        return []
