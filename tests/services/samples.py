"""Services for the tests, each as small as the thing that it shows."""

from collections.abc import Callable
from decimal import Decimal
from inspect import isasyncgenfunction
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from quickscale_services import BaseService


class Words(BaseModel):
    text: str = Field(min_length=1, max_length=100)
    shout: bool = False


class Counted(BaseModel):
    words: int


class CountWords(BaseService):
    """Notes each execution, so that a test can tell a replay from a second one."""

    name = "count-words"
    title = "Count words"
    cost = 2
    Input = Words
    Output = Counted
    executed: ClassVar[list[str]] = []

    def execute(self, data: Words, context: Any) -> Counted:
        self.executed.append(data.text)
        return Counted(words=len(data.text.split()))


class FreeWords(CountWords):
    name = "free-words"
    cost = 0


class Metered(BaseService):
    """Estimated at 10; charges what it is told to."""

    name = "metered"
    cost = 10

    class Input(BaseModel):
        charges: list[Any] = []

    def execute(self, data: Input, context: Any) -> str:
        for amount in data.charges:
            context.charge(amount)
        return "done"


class Priced(BaseService):
    name = "priced-by-length"
    Input = Words

    def get_cost(self, data: Words) -> Decimal:
        return Decimal(len(data.text)) / 10

    def execute(self, data: Words, context: Any) -> str:
        return data.text


class Doing(BaseService):
    """Does in `execute` what the test wants, given as `Doing.work`."""

    name = "doing"
    title = "Doing"
    cost = 2
    timeout = 60
    work: ClassVar[Callable[[Any], Any]]

    def execute(self, data: Any, context: Any) -> Any:
        return type(self).work(context)


def doing(work: Callable[[Any], Any], **attributes: Any) -> BaseService:
    return type("Doing", (Doing,), {"work": staticmethod(work), **attributes})()


def streaming_service(work: Callable[[Any], Any], **attributes: Any) -> BaseService:
    """A service whose `execute` gives the pieces of `work`, which is a generator of either kind."""

    async def aexecute(self: Any, data: Any, context: Any) -> Any:
        async for piece in work(context):
            yield piece

    execute = aexecute if isasyncgenfunction(work) else lambda self, data, context: work(context)
    return doing(work, stream=True, execute=execute, **attributes)
