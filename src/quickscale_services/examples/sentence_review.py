"""A text read sentence by sentence, each with what makes it hard to read: a service that streams."""

from collections.abc import Iterator

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from quickscale_services import BaseService, pricing
from quickscale_services.context import Context
from quickscale_services.examples.prose import Prose
from quickscale_services.examples.sentences import split_sentences
from quickscale_services.examples.words import words

# Where guides to plain language draw the line in English; most written languages stay below, too.
LONG_SENTENCE = 25
LONG_WORD = 13
MANY_COMMAS = 4


class SentenceReview(BaseService):
    name = "sentence-review"
    title = _("Sentence review")
    description = _("Reads a text sentence by sentence and says what makes each hard to read.")
    cost = pricing.PerUnit("sentences", "0.1")
    timeout = 60
    stream = True
    charge_partial = True

    class Input(BaseModel):
        text: Prose

    class Output(BaseModel):
        number: int
        sentence: str
        words: int
        remarks: list[str]

    def estimate_units(self, data: Input) -> dict[str, int]:
        return {"sentences": len(split_sentences(data.text))}

    def execute(self, data: Input, context: Context) -> Iterator[Output]:
        before = ""
        for number, sentence in enumerate(split_sentences(data.text), 1):
            context.record(sentences=number)
            remarks = _remarks(sentence, before)
            yield self.Output(number=number, sentence=sentence, words=len(words(sentence)), remarks=remarks)
            before = sentence


def _remarks(sentence: str, before: str) -> list[str]:
    found = words(sentence)
    remarks = []
    if len(found) > LONG_SENTENCE:
        remarks.append(gettext("It is long: make it two."))
    if long := list(dict.fromkeys(word for word in found if len(word) >= LONG_WORD)):
        remarks.append(ngettext("A long word: %s.", "Long words: %s.", len(long)) % ", ".join(long[:3]))
    if sentence.count(",") >= MANY_COMMAS:
        remarks.append(gettext("It has many commas: a list or two sentences read easier."))
    if _first_word(sentence) and _first_word(sentence) == _first_word(before):
        remarks.append(gettext("It begins like the one before."))
    return remarks


def _first_word(sentence: str) -> str:
    return next(iter(words(sentence)), "").lower()
