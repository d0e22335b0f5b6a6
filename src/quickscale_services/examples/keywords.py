"""What a text is about, in words and phrases of its own."""

import re
from typing import Literal

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field

from quickscale_services import BaseService, pricing
from quickscale_services.context import Context
from quickscale_services.examples.prose import Prose
from quickscale_services.examples.words import words

# Those of YAKE's languages that are written with spaces and have lists of words that mean little.
Language = Literal["da", "de", "en", "es", "fi", "fr", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr", "uk"]


class Keyword(BaseModel):
    phrase: str
    times: int = Field(description="How often it stands in the text, in capitals or not.")


class Keywords(BaseService):
    name = "keywords"
    title = _("Keywords")
    description = _("The words and phrases that say what a text is about, the most telling first.")
    cost = pricing.Fixed("0.5") + pricing.PerUnit("words", "0.001", free=250)
    timeout = 30

    class Input(BaseModel):
        text: Prose
        language: Language = "en"
        most: int = Field(default=10, ge=1, le=50, title="Keywords", description="How many to give, at most.")
        longest: int = Field(default=3, ge=1, le=4, title="Words in a phrase", description="At most.")

    class Output(BaseModel):
        keywords: list[Keyword]
        words: int = Field(description="How many were read, and charged for but the first 250.")

    def estimate_units(self, data: Input) -> dict[str, int]:
        return {"words": len(words(data.text))}

    def execute(self, data: Input, context: Context) -> Output:
        import yake  # not above: it takes a second, and numpy, which no other page needs

        count = len(words(data.text))
        context.record(words=count)
        extractor = yake.KeywordExtractor(lan=data.language, n=data.longest, top=data.most)
        found = [phrase for phrase, _score in extractor.extract_keywords(data.text)]
        keywords = [Keyword(phrase=phrase, times=_times(phrase, data.text)) for phrase in found]
        return self.Output(keywords=keywords, words=count)


def _times(phrase: str, text: str) -> int:
    found = re.findall(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)
    return max(1, len(found))  # a phrase that a line break cuts in two is there nevertheless
