"""Text cut into words, in scripts with and without spaces."""

# ruff: noqa: RUF001 - the typographic apostrophe is meant

import re
from collections.abc import Iterator

# Chinese, Japanese and Thai write no spaces: there, overlapping pairs of characters stand for words.
_SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"(?P<run>[{_SPACELESS}]+)|[^\W_{_SPACELESS}]+(?:['’][^\W_{_SPACELESS}]+)*")

# Words that carry grammar rather than meaning; in other languages rarity alone has to tell.
_GRAMMAR = """
a about above after again all also although am among an and any are as at be because been before
being below between both but by can cannot could did do does doing down during each either every few
for from further had has have having he her here hers him himself his how i if in into is it its
itself just me might more most must my myself neither no nor not now of off on once one only or
other our ours out over own per said same shall she should since so some such than that the their
theirs them then there these they this those though through thus to too under until up upon us very
was we were what when where whether which while who whom whose why will with within without would
yet you your yours
"""
_FUNCTION_WORDS = frozenset(_GRAMMAR.split())
_STEM = 6


def words(text: str) -> list[str]:
    """The words as they stand; a run without spaces counts as one word per character."""
    return [word for match in _WORD.finditer(text) for word in (match["run"] or [match[0]])]


def content_words(text: str) -> Iterator[str]:
    """What a text is about: its words in lower case, without function words."""
    for match in _WORD.finditer(text):
        if run := match["run"]:
            yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
        elif (word := match[0].lower()) not in _FUNCTION_WORDS:
            yield word


def key_words(text: str) -> list[str]:
    """The content words by their first letters, so that "dedicate" and "dedicated" count as one.

    Crude, and right for most words of most languages that inflect at the end.
    """
    return [word[:_STEM] for word in content_words(text)]
