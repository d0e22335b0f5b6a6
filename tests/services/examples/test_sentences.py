"""Where a sentence ends, in prose as people paste it."""

# ruff: noqa: RUF001 - other scripts have letters and marks that look like ours

import pytest

from quickscale_services.examples.sentences import split_sentences
from tests.services.examples.texts import text

pytestmark = pytest.mark.once


def test_titles_initials_and_dotted_words_end_no_sentence():
    prose = "Mr. J. R. Smith of the U.S. Navy met Dr. Watson at 5.30 p.m. on Baker St. 221. They spoke, e.g. of bees."
    assert split_sentences(prose) == [
        "Mr. J. R. Smith of the U.S. Navy met Dr. Watson at 5.30 p.m. on Baker St. 221.",
        "They spoke, e.g. of bees.",
    ]


def test_an_abbreviation_before_a_number_ends_no_sentence_but_the_same_word_otherwise_does():
    assert split_sentences("See No. 5 and p. 12 of vol. 3 there. I said no. They stayed.") == [
        "See No. 5 and p. 12 of vol. 3 there.",
        "I said no.",
        "They stayed.",
    ]


def test_a_quotation_keeps_its_closing_mark_and_what_is_said_of_it():
    prose = "“Who is it?” he asked. “It was I.” Nobody answered… The rest (all of it.) was silence!"
    assert split_sentences(prose) == [
        "“Who is it?” he asked.",
        "“It was I.”",
        "Nobody answered…",
        "The rest (all of it.) was silence!",
    ]


def test_a_heading_and_the_items_of_a_list_are_sentences_and_wrapped_lines_are_not():
    prose = "Shopping list\n\nWe need\nthese things:\n- apples\n* 3.5 kg of pears\n  2. plums\nThank you"
    assert split_sentences(prose) == [
        "Shopping list",
        "We need these things:",
        "apples",
        "3.5 kg of pears",
        "plums Thank you",
    ]


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("我爱北京。你呢？“很好！”", ["我爱北京。", "你呢？", "“很好！”"]),
        ("यह पहला वाक्य है। यह दूसरा है।", ["यह पहला वाक्य है।", "यह दूसरा है।"]),
        ("هل أنت هنا؟ نعم أنا هنا.", ["هل أنت هنا؟", "نعم أنا هنا."]),
        ("Это первое. А это второе!", ["Это первое.", "А это второе!"]),
    ],
)
def test_other_scripts_end_sentences_by_their_own_marks(prose: str, expected: list[str]):
    assert split_sentences(prose) == expected


def test_what_has_no_end_is_one_sentence_and_white_space_is_none():
    assert split_sentences("no end here") == ["no end here"]
    assert split_sentences(" \r\n\t ") == []


@pytest.mark.parametrize(("name", "count"), [("gettysburg", 10), ("darwin", 9), ("holmes", 17)])
def test_three_classics_have_as_many_sentences_as_a_reader_counts(name: str, count: int):
    assert len(split_sentences(text(name))) == count
