"""The objects of an account: by kind, by id, and those that belong to another by their owner."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

Object = dict[str, Any]

# Kinds of which there are many, and the member that names their owner once and for all.
OWNED_BY = {
    "invoice_payment": "invoice",
    "item": "_session",
    "line_item": "invoice",
    "refund": "charge",
    "subscription_item": "subscription",
}


class Store:
    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Object]] = {}
        self.by_id: dict[str, Object] = {}
        self.owned: dict[tuple[str, str], dict[str, Object]] = {}

    def put(self, made: Object) -> None:
        self.kinds.setdefault(made["object"], {})[made["id"]] = made
        self.by_id[made["id"]] = made
        if owner := OWNED_BY.get(made["object"]):
            self.owned.setdefault((made["object"], made[owner]), {})[made["id"]] = made

    def remove(self, removed: Object) -> None:
        del self.kinds[removed["object"]][removed["id"]]
        del self.by_id[removed["id"]]
        if owner := OWNED_BY.get(removed["object"]):
            del self.owned[removed["object"], removed[owner]][removed["id"]]

    def all(self, noun: str, **members: Any) -> list[Object]:
        """Oldest first."""
        found: Iterable[Object] = self.candidates(noun, members).values()
        for name, value in members.items():
            found = [each for each in found if each.get(name) == value]
        return list(found)

    def candidates(self, noun: str, members: Object) -> dict[str, Object]:
        owner = OWNED_BY.get(noun)
        if owner in members:
            return self.owned.get((noun, members[owner]), {})
        return self.kinds.get(noun, {})

    def copy(self) -> Store:
        copied = Store()
        for kind in self.kinds.values():
            for each in kind.values():
                copied.put(deepcopy(each))
        return copied
