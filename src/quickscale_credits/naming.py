"""Which rows are named by others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, Model, OuterRef, QuerySet


def unnamed(rows: QuerySet[Any], *, besides: Iterable[type[Model]] = ()) -> QuerySet[Any]:
    """Those that no row of any installed app names by a foreign key, hidden ones included, but for `besides`.

    A generic foreign key, or a key that an app keeps as a mere number, is not seen.
    """
    passed = set(besides)
    for relation in rows.model._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)) or relation.concrete:
            continue
        if relation.related_model not in passed and relation.related_model._meta.managed:
            target = relation.field.target_field.attname
            others = relation.related_model._base_manager.using(rows.db)
            rows = rows.exclude(Exists(others.filter(**{relation.field.attname: OuterRef(target)})))
    return rows
