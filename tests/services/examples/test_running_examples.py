"""The example services through the real ledger: what they answer, what they cost, and what is refused for nothing."""

from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry, streaming
from quickscale_services.exceptions import InvalidInput
from quickscale_services.files import MB, Upload
from tests.services.examples.pictures import camera_exif, png_that_claims, saved, two_halves
from tests.services.examples.texts import text

pytestmark = pytest.mark.django_db

PORTRAIT = saved(two_halves(), "JPEG", exif=camera_exif(orientation=6))
NOISE = saved(Image.effect_noise((200, 200), 80), "PNG")
CSV = b"name,age\nAda,36\nGrace,85\n"


def test_a_summary_costs_two_credits_and_quotes_the_text(user: Any):
    fund(user, 10)
    result = registry["text-summary"].run(user, text=text("gettysburg"), sentences=1)
    assert result.output.summary in " ".join(text("gettysburg").split())
    assert (result.output.sentences_kept, result.output.sentences_in_text) == (1, 10)
    assert result.cost == 2
    assert_balance(user, 8)


def test_a_summary_is_three_sentences_or_a_percentage(user: Any):
    fund(user, 10)
    summarize = registry["text-summary"].run
    assert summarize(user, text=text("holmes")).output.sentences_kept == 3
    assert summarize(user, text=text("holmes"), percent=50).output.sentences_kept == 8
    assert summarize(user, text=text("holmes"), percent=1).output.sentences_kept == 1


def test_a_summary_of_one_repeated_sentence_says_it_once(user: Any):
    fund(user, 2)
    result = registry["text-summary"].run(user, text="The roof leaks. " * 100, sentences=20)
    assert result.output.summary == "The roof leaks."


def test_statistics_are_free_and_counted(user: Any):
    result = registry["text-statistics"].run(user, text="Cats sleep. Cats eat, and cats purr!\r\n\r\nDogs bark.")
    assert result.cost == 0
    counted = result.output
    assert (counted.words, counted.sentences, counted.paragraphs) == (9, 3, 2)
    assert counted.words_per_sentence == 3.0
    assert (counted.frequent_words[0].word, counted.frequent_words[0].times) == ("cats", 3)
    assert not ledger.balance(user).total


def test_reading_time_follows_the_number_of_words(user: Any):
    result = registry["text-statistics"].run(user, text="word " * 476)
    assert result.output.reading_minutes == 2.0


def test_a_picture_costs_one_and_a_half_credits_and_its_place_stays_hidden(user: Any):
    fund(user, 10)
    result = registry["picture-details"].run(user, picture=Upload.of(PORTRAIT, "portrait.jpg"))
    found = result.output
    assert (found.format, found.width, found.height, found.bytes) == ("JPEG", 400, 600, len(PORTRAIT))
    assert (found.camera, found.orientation, found.location_removed) == ("Nikon Z 6", "on its left side", True)
    assert found.thumbnail.startswith("data:image/jpeg;base64,")
    assert [color.percent for color in found.colors] == pytest.approx([50, 50], abs=2)
    assert_balance(user, "8.5")


def test_a_csv_report_costs_a_credit_and_names_columns_and_problems(user: Any):
    fund(user, 10)
    result = registry["csv-check"].run(user, file=Upload.of(CSV + b"Hopper\n", "people.csv"))
    report = result.output
    assert [(column.name, column.type, column.maximum) for column in report.columns] == [
        ("name", "text", None),
        ("age", "integer", "85"),
    ]
    assert [(problem.kind, problem.line) for problem in report.problems] == [("ragged row", 4)]
    assert not report.valid
    assert_balance(user, 9)


def test_a_pasted_csv_is_read_like_a_file(user: Any):
    fund(user, 1)
    report = registry["csv-check"].run(user, text=CSV.decode(), delimiter="comma", header="yes").output
    assert (report.valid, report.rows, report.encoding) == (True, 2, "UTF-8")


def test_a_csv_costs_a_credit_for_each_megabyte_begun(user: Any):
    large = Upload.of(b"n,text\n" + b"1," + b"x" * 1_000 + b"\n" + b"2,y\n" * 300_000, "large.csv")
    assert registry["csv-check"].estimate(file=large) == Decimal(2)
    assert registry["csv-check"].estimate(text="a,b") == Decimal(1)


REFUSED = {
    "a text of 10 MB": ("text-summary", {"text": "a" * 10 * MB}),
    "a text of 10 MB, free": ("text-statistics", {"text": "a" * 10 * MB}),
    "a text without words": ("text-summary", {"text": "… — !?"}),
    "an empty text": ("text-summary", {"text": ""}),
    "no sentences": ("text-summary", {"text": "One. Two.", "sentences": 0}),
    "two lengths": ("text-summary", {"text": "One. Two.", "sentences": 1, "percent": 50}),
    "an unknown field": ("text-summary", {"text": "One. Two.", "style": "witty"}),
    "a picture's address": ("picture-details", {"picture": "https://example.com/a.png"}),
    "a text called .png": ("picture-details", {"picture": Upload.of(b"Dear Sir", "a.png")}),
    "a bomb": ("picture-details", {"picture": Upload.of(png_that_claims(50_000, 50_000), "a.png")}),
    "a picture cut off": ("picture-details", {"picture": Upload.of(NOISE[:9_000], "a.png")}),
    "an empty picture": ("picture-details", {"picture": Upload.of(b"", "a.png")}),
    "a picture of 11 MB": ("picture-details", {"picture": Upload.of(NOISE + b"\0" * 11 * MB, "a.png")}),
    "a program": ("picture-details", {"picture": Upload.of(NOISE, "a.exe")}),
    "a CSV of 10 MB": ("csv-check", {"file": Upload.of(CSV + b"x,1\n" * 2_600_000, "a.csv")}),
    "a CSV with NUL": ("csv-check", {"file": Upload.of(CSV + b"\0", "a.csv")}),
    "a quote never closed": ("csv-check", {"text": 'a,b\n1,"2\n3,4\n'}),
    "a file and a text": ("csv-check", {"file": Upload.of(CSV, "a.csv"), "text": "a,b"}),
    "neither file nor text": ("csv-check", {}),
}


@pytest.mark.parametrize(("name", "given"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_worked_on_costs_nothing(user: Any, name: str, given: dict[str, Any]):
    fund(user, 10)
    with pytest.raises(InvalidInput) as refusal:
        registry[name].run(user, **given)
    assert refusal.value.errors[0]["msg"]
    assert (ledger.balance(user).total, ledger.balance(user).held) == (10, 0)
    assert user.credit_account.entries.count() == 1


def test_a_problem_found_while_working_is_told_at_its_field(user: Any):
    fund(user, 10)
    with pytest.raises(InvalidInput, match="damaged or cut off") as refusal:
        registry["picture-details"].run(user, picture=Upload.of(NOISE[:9_000], "a.png"))
    assert list(refusal.value.errors[0]["loc"]) == ["picture"]


def test_without_enough_credits_nothing_is_summarized(user: Any):
    fund(user, "1.999999")
    with pytest.raises(InsufficientCredits) as refusal:
        registry["text-summary"].run(user, text=text("darwin"))
    assert refusal.value.shortfall == Decimal("0.000001")
    assert_balance(user, "1.999999")


def test_a_review_charges_for_each_sentence_and_says_what_is_hard_to_read(user: Any):
    fund(user, 1)
    sentences = ["Cats sleep.", "Cats misunderstand institutionalization.", "One, two, three, four, five."]
    result = registry["sentence-review"].run(user, text=" ".join(sentences))
    assert [piece.sentence for piece in result.output] == sentences
    assert [len(piece.remarks) for piece in result.output] == [0, 2, 1]
    assert result.run.units == {"sentences": 3}
    assert_balance(user, "0.7")


def test_a_review_that_is_broken_off_costs_what_was_read(user: Any):
    fund(user, 1)
    given = streaming.begin(registry["sentence-review"], user, {"text": "Dogs bark. Cats purr. Cows moo."}).pieces()
    assert [next(given).number, next(given).number] == [1, 2]
    given.close()
    assert_balance(user, "0.8")
