"""Stripe's way of writing nested parameters in a form: `items[0][price]=price_1&expand[]=customer`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from quickscale_billing.testing.errors import invalid

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_DEPTH = 8


def parse(encoded: str) -> dict[str, Any]:
    """The form as dictionaries and lists; every leaf is a string."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        place(tree, keys_of(name), value)
    return {key: as_lists(value) for key, value in tree.items()}


def keys_of(name: str) -> list[str]:
    matched = NAME.fullmatch(name)
    if matched is None:
        raise invalid(f"Invalid parameter name: {name!r}; write nested ones as items[0][price].", param=name)
    keys = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
    if len(keys) > MAX_DEPTH:
        raise invalid(f"{name} is nested {len(keys)} deep; at most {MAX_DEPTH} is read.", param=keys[0])
    return keys


def place(tree: dict[str, Any], keys: Iterable[str], value: str) -> None:
    *path, last = keys
    for key in path:
        tree = tree.setdefault(position(tree, key), {})
        if not isinstance(tree, dict):
            raise invalid(f"{path[0]} is given both as a value and as an object.", param=path[0])
    tree[position(tree, last)] = value


def position(tree: dict[str, Any], key: str) -> str:
    """`[]` stands for the next place in a list."""
    return key or str(len(tree))


def as_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = {key: as_lists(member) for key, member in value.items()}
    if all(key.isdecimal() for key in members):
        return [members[key] for key in sorted(members, key=int)]
    return members
