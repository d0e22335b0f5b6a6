"""How a text feels, as a whole and at its extremes."""

import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Literal

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from quickscale_services import BaseService
from quickscale_services.context import Context
from quickscale_services.examples.prose import Prose
from quickscale_services.examples.sentences import split_sentences

Feeling = Literal["positive", "neutral", "negative"]

# From this score on a sentence takes a side: the README of vaderSentiment.
SIDE = 0.05
# VADER's time grows with the square of the length; 50,000 characters in such pieces take six seconds at the worst.
LONGEST_PIECE = 300


class Sentiment(BaseService):
    name = "sentiment"
    title = _("Sentiment")
    description = _("Whether an English text feels positive or negative, and its warmest and its coldest sentence.")
    cost = 1
    timeout = 30

    class Input(BaseModel):
        text: Prose

    class Output(BaseModel):
        feeling: Feeling
        score: float = Field(description="From -1 to 1: the mean of all sentences.")
        positive_sentences: int
        neutral_sentences: int
        negative_sentences: int
        most_positive: str | None = Field(description="Null where no sentence is.")
        most_negative: str | None = Field(description="Null where no sentence is.")

    def execute(self, data: Input, context: Context) -> Output:
        scored: list[tuple[float, str]] = []
        for piece in _pieces(data.text):
            context.check()
            scored.append((_analyzer().polarity_scores(piece)["compound"], piece))
        mean = sum(score for score, _piece in scored) / len(scored)
        sides = [_feeling(score) for score, _piece in scored]
        (highest, warmest), (lowest, coldest) = max(scored), min(scored)
        return self.Output(
            feeling=_feeling(mean),
            score=round(mean, 4),
            positive_sentences=sides.count("positive"),
            neutral_sentences=sides.count("neutral"),
            negative_sentences=sides.count("negative"),
            most_positive=warmest if _feeling(highest) == "positive" else None,
            most_negative=coldest if _feeling(lowest) == "negative" else None,
        )


def _pieces(text: str) -> Iterator[str]:
    """The sentences; a very long one counts as several."""
    for sentence in split_sentences(text):
        yield from textwrap.wrap(sentence, LONGEST_PIECE)


def _feeling(score: float) -> Feeling:
    if score >= SIDE:
        return "positive"
    return "negative" if score <= -SIDE else "neutral"


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
