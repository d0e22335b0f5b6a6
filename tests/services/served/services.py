"""Services that a test steers while a server in another process runs them: each waits for a line from a pipe."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from quickscale_services import BaseService, register_service


class Steered(BaseModel):
    pipe: str


@register_service
class Waiting(BaseService):
    """Leaves its process's number beside the pipe, so that it can be killed, and ends as it is told."""

    name = "waiting"
    cost = 2
    Input = Steered

    def execute(self, data: Steered, context: Any) -> int:
        Path(f"{data.pipe}.pid").write_text(str(os.getpid()))
        with open(data.pipe) as pipe:
            if pipe.readline() == "fail\n":
                raise LookupError
        return os.getpid()


@register_service
class Metered(BaseService):
    name = "metered"
    cost = 10

    def execute(self, data: Any, context: Any) -> None:
        context.charge("3.25")


@register_service
class Telling(BaseService):
    """Its process's number, and then each line that it is told."""

    name = "telling"
    cost = 2
    stream = True
    Input = Steered

    def execute(self, data: Steered, context: Any) -> Any:
        context.charge("0.5")
        yield os.getpid()
        with open(data.pipe) as pipe:
            for line in pipe:
                if line == "fail\n":
                    raise LookupError
                yield line


@register_service
class TellingLater(Telling):
    """The same in an event loop."""

    name = "telling-later"

    async def execute(self, data: Steered, context: Any) -> Any:  # type: ignore[override]
        pieces = super().execute(data, context)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


@register_service
class ReadingFirst(BaseService):
    """Says that all is read, and then gives each line that it is told."""

    name = "reading-first"
    cost = 2
    stream = True
    Input = Steered

    def execute(self, data: Steered, context: Any) -> Any:
        context.progress(1, "read")
        with open(data.pipe) as pipe:
            yield from pipe


@register_service
class Advancing(BaseService):
    """As far as it is told, line by line."""

    name = "advancing"
    cost = 2
    Input = Steered

    def execute(self, data: Steered, context: Any) -> str:
        context.progress(0.1, "begun")
        with open(data.pipe) as pipe:
            for line in pipe:
                context.progress(float(line), f"at {line.strip()}")
        return "done"


class Item(BaseModel):
    name: str
    count: int = Field(default=1, ge=1)


class Shelf(BaseModel):
    """A shelf may hold shelves."""

    label: str
    items: list[Item] = []
    shelves: list[Shelf] = []


class Stock(BaseModel):
    shelf: Shelf
    by_name: dict[str, Item] = {}


class Counted(BaseModel):
    items: int
    largest: Item | None
    shelf: Shelf


@register_service
class StockTaking(BaseService):
    """Models in models, of which one holds itself, on both sides."""

    name = "stock-taking"
    cost = 2
    Input = Stock
    Output = Counted

    def execute(self, data: Stock, context: Any) -> Counted:
        items = [*self.items_of(data.shelf), *data.by_name.values()]
        largest = max(items, key=lambda item: item.count, default=None)
        return Counted(items=sum(item.count for item in items), largest=largest, shelf=data.shelf)

    def items_of(self, shelf: Shelf) -> list[Item]:
        return [*shelf.items, *(item for inner in shelf.shelves for item in self.items_of(inner))]
