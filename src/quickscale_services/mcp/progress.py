"""How far a run is, for the client that called it: what the service says of it, or each piece of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import floor
from typing import Any

from mcp.server.session import ServerSession

from quickscale_services.api.rendering import as_json

_END: Any = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    reached: float
    total: float | None
    message: str | None


class Progress:
    """A `Listener` in whichever thread; the client is told in order, and before it is told the result."""

    def __init__(self, session: ServerSession, reading: asyncio.Event) -> None:
        self.session = session
        self.reading = reading
        self.loop = asyncio.get_running_loop()
        self.steps: asyncio.Queue[Any] = asyncio.Queue()
        self.reached = 0.0

    def progress(self, fraction: float, note: str) -> None:
        self._note(_Step(reached=fraction, total=1.0, message=note or None))

    def piece(self, piece: Any) -> None:
        """The next whole number, whatever the service has said of its progress before: no piece is left out."""
        text = piece if isinstance(piece, str) else as_json(piece).decode()
        self._note(_Step(reached=floor(self.reached) + 1, total=None, message=text))

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Begins the answer before the run: a service that is a `def` occupies the thread that the host's middleware
        needs for it."""
        await self.session.report_progress(self.reached)
        await self.reading.wait()
        telling = asyncio.create_task(self._tell())
        try:
            yield
            self.steps.put_nowait(_END)
            await telling
        finally:
            telling.cancel()

    def _note(self, step: _Step) -> None:
        """The protocol has it that progress rises; what does not is left out."""
        if step.reached > self.reached:
            self.reached = step.reached
            self.loop.call_soon_threadsafe(self.steps.put_nowait, step)

    async def _tell(self) -> None:
        while (step := await self.steps.get()) is not _END:
            await self.session.report_progress(step.reached, step.total, step.message)
