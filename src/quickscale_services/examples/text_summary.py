"""A text in a few of its own sentences."""

from typing import Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from quickscale_services import BaseService
from quickscale_services.context import Context
from quickscale_services.examples.prose import Prose
from quickscale_services.examples.ranking import best_sentences
from quickscale_services.examples.sentences import split_sentences
from quickscale_services.examples.words import words

DEFAULT_SENTENCES = 3
MAX_SENTENCES = 50


class TextSummary(BaseService):
    name = "text-summary"
    title = _("Text summary")
    description = _("The sentences that say most of a text, in its own words and in its own order.")
    cost = 2
    timeout = 30

    class Input(BaseModel):
        text: Prose
        sentences: int | None = Field(
            default=None, ge=1, le=MAX_SENTENCES, description="How many to keep; three if you do not say."
        )
        percent: int | None = Field(
            default=None, ge=1, le=100, description="Or how many of a hundred to keep; 50 at the most."
        )

        @model_validator(mode="after")
        def _one_length(self) -> Self:
            if self.sentences is not None and self.percent is not None:
                message = gettext("Say how many sentences, or how many percent: not both.")
                raise PydanticCustomError("two_lengths", message)
            return self

        def length_of(self, total: int) -> int:
            if self.percent is None:
                return self.sentences or DEFAULT_SENTENCES
            return min(MAX_SENTENCES, max(1, round(total * self.percent / 100)))

    class Output(BaseModel):
        summary: str
        sentences_kept: int
        sentences_in_text: int
        words_kept: int
        words_in_text: int

    def execute(self, data: Input, context: Context) -> Output:
        sentences = split_sentences(data.text)
        different = list(dict.fromkeys(sentences))
        kept = [different[i] for i in best_sentences(different, data.length_of(len(sentences)))]
        summary = " ".join(kept)
        return self.Output(
            summary=summary,
            sentences_kept=len(kept),
            sentences_in_text=len(sentences),
            words_kept=len(words(summary)),
            words_in_text=len(words(data.text)),
        )
