"""Lists, newest first, a page at a time. https://docs.stripe.com/api/pagination"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from quickscale_billing.testing.errors import invalid, missing
from quickscale_billing.testing.parameters import Fields, Params, integer, text, time_range
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

DEFAULT_LIMIT, LARGEST_LIMIT = 10, 100

PAGING: Fields = {"limit": integer, "starting_after": text, "ending_before": text}
# Of the lists that can be bounded in time.
DATED: Fields = {**PAGING, "created": time_range}

BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda created, bound: created > bound,
    "gte": lambda created, bound: created >= bound,
    "lt": lambda created, bound: created < bound,
    "lte": lambda created, bound: created <= bound,
}


class Page(dict[str, Any]):
    """A list object whose members are still to be rendered."""


def newest_first(sandbox: Sandbox, noun: str, params: Params, *, url: str, filters: Sequence[str] = ()) -> Page:
    """The objects of the kind that have the value of each filter that was given."""
    wanted = {name: params[name] for name in filters if name in params}
    refuse_unknown_customer(sandbox, wanted)
    return page([each for each in reversed(sandbox.all(noun, **wanted)) if not each.get("deleted")], params, url=url)


def refuse_unknown_customer(sandbox: Sandbox, wanted: Params) -> None:
    """Nothing can be listed of one who never was; of one who was deleted, it can."""
    if "customer" in wanted and wanted["customer"] not in sandbox.by_id:
        raise missing("customer", wanted["customer"], param="customer")


def page(found: list[Object], params: Params, *, url: str) -> Page:
    found = [each for each in found if is_within(each, params.get("created", {}))]
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid("This value must be between 1 and 100.", param="limit", code="parameter_invalid_integer")
    if "ending_before" in params:
        end = index_of(found, params["ending_before"], "ending_before")
        start, more = max(0, end - limit), end > limit
    else:
        start = index_of(found, params["starting_after"], "starting_after") + 1 if "starting_after" in params else 0
        end, more = start + limit, len(found) > start + limit
    return Page(object="list", data=found[start:end], has_more=more, url=url)


def index_of(found: list[Object], identifier: str, param: str) -> int:
    for index, each in enumerate(found):
        if each["id"] == identifier:
            return index
    raise missing("object", identifier, param=param)


def is_within(each: Object, bounds: dict[str, int]) -> bool:
    return all(BOUNDS[name](each["created"], bound) for name, bound in bounds.items())
