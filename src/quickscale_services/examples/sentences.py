"""Prose cut into sentences: English abbreviations are known, other scripts go by their own full stops."""

# ruff: noqa: RUF001 - the punctuation of many scripts is what this is about

import re
from collections.abc import Iterator

# Paragraphs and the items of a list end a sentence without a full stop; other line breaks are only wrapping.
_BLOCK = re.compile(r"\n[^\S\n]*\n|\n(?=[^\S\n]*(?:[-*•–]|[0-9]{1,3}[.)])[^\S\n])")
_BULLET = re.compile(r"\A\s*(?:[-*•–]|[0-9]{1,3}[.)])\s+")
_CLOSING = "\"'”’»)\\]」』）】"
_END = re.compile(rf"(?P<stop>[.!?…]+[{_CLOSING}]*)|[。！？।॥։؟۔።]+[{_CLOSING}]*")
_OPENING = "\"'“‘«([「『（【¿¡"

_TITLES = "mr mrs ms messrs dr prof st rev hon gov sen rep gen col capt lt sgt mt vs cf"
_BEFORE_NUMBERS = "no nos p pp vol ch fig sec art jan feb mar apr jun jul aug sep sept oct nov dec"


def split_sentences(text: str) -> list[str]:
    """The sentences in order, each on one line. Takes time in proportion to the text, whatever it holds."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [sentence for block in _BLOCK.split(lines) for sentence in _sentences(block)]


def _sentences(block: str) -> Iterator[str]:
    prose = " ".join(_BULLET.sub("", block).split())
    start = 0
    for match in _END.finditer(prose):
        if match["stop"] and not _ends_sentence(prose, match):
            continue
        yield prose[start : match.end()].strip()
        start = match.end()
    if prose[start:].strip():
        yield prose[start:].strip()


def _ends_sentence(prose: str, match: re.Match[str]) -> bool:
    rest = prose[match.end() : match.end() + 3]
    if rest and not rest[0].isspace():
        return False
    following = rest.strip().lstrip(_OPENING)[:1]
    if following.islower():
        return False
    return match["stop"] != "." or not _is_abbreviation(_word_before(prose, match.start()), following)


def _word_before(prose: str, end: int) -> str:
    # No abbreviation is longer than this, and a fixed look back keeps endless "words" cheap.
    return prose[max(0, end - 20) : end].rpartition(" ")[2].lstrip(_OPENING)


def _is_abbreviation(word: str, following: str) -> bool:
    if not following:
        return False
    if following.isdigit() and word.lower() in _BEFORE_NUMBERS.split():
        return True
    initial = len(word) == 1 and word.isupper() and word != "I"
    return initial or "." in word or word.lower() in _TITLES.split()
