"""What can be counted in a text; free, so that a newcomer may try a run."""

import re
from collections import Counter

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from quickscale_services import BaseService
from quickscale_services.context import Context
from quickscale_services.examples.prose import Prose
from quickscale_services.examples.sentences import split_sentences
from quickscale_services.examples.words import content_words, words

WORDS_PER_MINUTE = 238  # adults reading English prose in silence: Brysbaert, 2019
FREQUENT_WORDS = 8

_PARAGRAPH_BREAK = re.compile(r"\n\s*\n")


class FrequentWord(BaseModel):
    word: str
    times: int


class TextStatistics(BaseService):
    name = "text-statistics"
    title = _("Text statistics")
    description = _("Words, sentences, reading time and the words that a text uses most.")
    cost = 0
    timeout = 30

    class Input(BaseModel):
        text: Prose

    class Output(BaseModel):
        characters: int
        words: int
        sentences: int
        paragraphs: int
        words_per_sentence: float
        reading_minutes: float
        frequent_words: list[FrequentWord]

    def execute(self, data: Input, context: Context) -> Output:
        count, sentences = len(words(data.text)), split_sentences(data.text)
        frequent = Counter(content_words(data.text)).most_common(FREQUENT_WORDS)
        return self.Output(
            characters=len(data.text),
            words=count,
            sentences=len(sentences),
            paragraphs=len(_PARAGRAPH_BREAK.split(data.text.replace("\r", "\n").strip())),
            words_per_sentence=round(count / len(sentences), 1),
            reading_minutes=round(count / WORDS_PER_MINUTE, 1),
            frequent_words=[FrequentWord(word=word, times=times) for word, times in frequent],
        )
