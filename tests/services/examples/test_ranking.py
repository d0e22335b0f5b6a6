"""Whether the ranking finds what matters, measured on three public-domain texts.

The measure is ROUGE-1: how many content words a summary shares with one that was written by hand (F1).
"""

from collections import Counter
from collections.abc import Callable
from statistics import mean

import pytest

from quickscale_services.examples.ranking import best_sentences
from quickscale_services.examples.sentences import split_sentences
from quickscale_services.examples.words import key_words
from tests.services.examples.texts import text

pytestmark = pytest.mark.once

BY_HAND = {
    "gettysburg": (
        "Eighty-seven years ago the nation was conceived in liberty and dedicated to the equality of all men. In a "
        "great civil war it is tested whether such a nation can endure. Those who fought and died here have "
        "consecrated this ground; the living must be dedicated to the unfinished task that remains, so that the "
        "dead have not died in vain and the nation has a new birth of freedom, and government by the people shall "
        "not perish."
    ),
    "darwin": (
        "All organic beings tend to increase at so high a rate that the world could not hold them. More individuals "
        "are produced than can survive, so in every case there must be a struggle for existence with the same "
        "species, with distinct species or with the conditions of life. Unless destroyed, the progeny of a single "
        "pair, even of a slow breeder such as man or the elephant, would soon cover the earth."
    ),
    "holmes": (
        "For Sherlock Holmes there was but one woman, the late Irene Adler, though he felt no love for her, since "
        "emotions were abhorrent to his cold and balanced mind, the most perfect reasoning and observing machine, "
        "which emotion would disturb. Watson had seen little of Holmes since his marriage, while Holmes remained in "
        "Baker Street and followed the study of crime with his powers of observation, clearing up mysteries that "
        "the police had abandoned."
    ),
}
KEY_SENTENCES = [
    ("gettysburg", "government of the people, by the people, for the people"),
    ("gettysburg", "Now we are engaged in a great civil war"),
    ("darwin", "there must in every case be a struggle for existence"),
    ("darwin", "covered by the progeny of a single pair"),
    ("holmes", "there was but one woman to him, and that woman was the late Irene Adler"),
    ("holmes", "the most perfect reasoning and observing machine"),
]

Pick = Callable[[list[str], int], list[int]]


def first(sentences: list[str], count: int) -> list[int]:
    return list(range(count))


def longest(sentences: list[str], count: int) -> list[int]:
    return sorted(range(len(sentences)), key=lambda i: -len(sentences[i]))[:count]


def mean_score(pick: Pick, count: int) -> float:
    return mean(score(summarized(name, pick, count), by_hand) for name, by_hand in BY_HAND.items())


def summarized(name: str, pick: Pick, count: int) -> str:
    sentences = split_sentences(text(name))
    return " ".join(sentences[i] for i in pick(sentences, count))


def score(summary: str, by_hand: str) -> float:
    ours, theirs = Counter(key_words(summary)), Counter(key_words(by_hand))
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


@pytest.mark.parametrize(("name", "words"), KEY_SENTENCES)
def test_three_sentences_hold_what_everybody_remembers(name: str, words: str):
    assert words in summarized(name, best_sentences, 3)


@pytest.mark.parametrize("baseline", [first, longest])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_summary_is_a_tenth_nearer_to_one_by_hand_than_what_needs_no_ranking(baseline: Pick, count: int):
    assert mean_score(best_sentences, count) > mean_score(baseline, count) * 1.1


@pytest.mark.parametrize("name", BY_HAND)
def test_no_text_is_summarized_worse_than_by_its_first_three_sentences(name: str):
    ours, baseline = summarized(name, best_sentences, 3), summarized(name, first, 3)
    assert score(ours, BY_HAND[name]) > score(baseline, BY_HAND[name])


def test_sentences_come_in_the_order_of_the_text():
    assert best_sentences(split_sentences(text("holmes")), 8) == sorted(
        best_sentences(split_sentences(text("holmes")), 8)
    )


def test_what_was_said_is_not_said_again_in_nearly_the_same_words():
    sentences = [
        "The harbor of Rotterdam handles more freight than any other harbor in Europe.",
        "In Europe no other harbor handles more freight than the harbor of Rotterdam.",
        "Its ships bring oil, ore and grain, and take chemicals and machines.",
    ]
    assert best_sentences(sentences, 2) == [0, 2]


def test_a_greeting_does_not_stand_for_a_letter():
    letter = "Dear Ann! The roof of the old barn leaks. A new roof for the barn costs 900 pounds. Yours, Tom."
    sentences = split_sentences(letter)
    assert best_sentences(sentences, 1)[0] in (1, 2)


def test_chinese_is_ranked_without_spaces_between_its_words():
    sentences = split_sentences("天气很好。北京的地铁很快。北京的地铁每天运送很多乘客。我饿了。")
    assert best_sentences(sentences, 1) == [2]


@pytest.mark.parametrize("count", [1, 5])
def test_a_text_with_no_more_sentences_than_asked_for_is_its_own_summary(count: int):
    assert best_sentences(["Only this."], count) == [0]
    assert best_sentences([], count) == []


def test_a_text_of_function_words_alone_still_has_its_first_sentence():
    assert best_sentences(["It was not.", "And they did."], 1) == [0]
