"""A chat with a language model, paid by the tokens that it takes."""

from typing import Literal

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field

from quickscale_credits.exceptions import CaptureExceedsHold
from quickscale_services import BaseService, pricing
from quickscale_services.context import Context
from quickscale_services.examples.completions import Completion, complete
from quickscale_services.examples.conf import conf

LONGEST_TEXT = 8_000
# What servers put around a conversation, and around each of its messages.
TOKENS_AROUND_ALL, TOKENS_AROUND_EACH = 300, 20


class Turn(BaseModel):
    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Chat(BaseService):
    """Offered where the settings name a server and a model."""

    name = "chat"
    title = _("Chat")
    description = _("Ask a language model. You pay for the tokens of the question and of the answer.")
    timeout = 120

    class Input(BaseModel):
        prompt: str = Field(min_length=1, max_length=LONGEST_TEXT, description="What you want to know.")
        instructions: str = Field(default="", max_length=LONGEST_TEXT, description="How the model should answer.")
        history: list[Turn] = Field(default=[], max_length=50, description="What was said before, the oldest first.")
        max_tokens: int = Field(default=500, ge=1, le=4_000, description="How long the answer may be.")

        def messages(self) -> list[dict[str, str]]:
            system = [{"role": "system", "content": self.instructions}] if self.instructions else []
            return [*system, *(turn.model_dump() for turn in self.history), {"role": "user", "content": self.prompt}]

    class Output(BaseModel):
        answer: str
        is_cut_off: bool = Field(description="Whether the answer would have been longer than max_tokens.")

    @property
    def cost(self) -> pricing.Price:  # type: ignore[override]
        return pricing.PerToken(conf.CHAT_MODEL)

    def estimate_units(self, data: Input) -> dict[str, int]:
        """A token is one byte at least, so there are no more tokens than bytes."""
        messages = data.messages()
        text = sum(len(message["content"].encode()) for message in messages)
        most = TOKENS_AROUND_ALL + TOKENS_AROUND_EACH * len(messages) + text
        return {"input_tokens": most, "output_tokens": data.max_tokens}

    def execute(self, data: Input, context: Context) -> Output:
        completion = complete(data.messages(), most_tokens=data.max_tokens, context=context)
        _record(completion, context)
        return self.Output(answer=completion.text, is_cut_off=completion.is_cut_off)


def _record(completion: Completion, context: Context) -> None:
    try:
        context.record(**completion.units)
    except CaptureExceedsHold:
        # The server kept to no limit. The answer is there, and nobody has agreed to pay more for it.
        context.charge(context.held)
