"""What is found in a CSV, and what is refused."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickscale_services.examples.csv_file import DELIMITERS, NotCsv, decode, detect_delimiter, records
from quickscale_services.examples.csv_report import Report, report_on

pytestmark = pytest.mark.once

ORDERS = """\
order,customer,amount,placed,paid
1,Ada,19.90,2026-01-05,yes
2,Grace,5,2026-01-06,no
3,"Hopper, Grace",7.25,2026-01-07,yes
"""


def report(content: str | bytes, *, header: bool | None = None) -> Report:
    text, _ = decode(content if isinstance(content, bytes) else content.encode())
    return report_on(records(text, detect_delimiter(text)), has_header=header, check=lambda: None)


def found(content: str | bytes, kind: str) -> list[tuple[int | None, str | None]]:
    return [(finding.line, finding.column) for finding in report(content).findings if finding.kind == kind]


def numbered(count: int, bad: dict[int, str]) -> str:
    """A column of numbers, but for what `bad` puts in some lines; the header is line 1."""
    return "id,n\n" + "".join(f"{line},{bad.get(line, line * 10)}\n" for line in range(2, count + 2))


def test_a_sound_file_has_no_findings_and_a_type_for_each_column():
    sound = report(ORDERS)
    assert (sound.rows, sound.has_header, dict(sound.counts)) == (3, True, {})
    assert [(column.name, column.type) for column in sound.columns] == [
        ("order", "integer"),
        ("customer", "text"),
        ("amount", "decimal"),
        ("placed", "date"),
        ("paid", "boolean"),
    ]


def test_least_and_greatest_go_by_value_and_not_by_letters():
    amount = report("name,amount\na,9\nb,10\nc,-2.5\n").columns[1]
    assert (amount.fit.least[1], amount.fit.greatest[1]) == ("-2.5", "10")


def test_missing_and_distinct_values_are_counted():
    city = report("id,city\n1,Rome\n2,\n3,N/A\n4, null \n5,Rome\n6,Oslo\n").columns[1]
    assert (city.missing, city.present, len(city.seen)) == (3, 3, 2)


def test_a_cell_that_a_short_row_lacks_is_missing():
    assert [column.missing for column in report("a,b,c\n1,2,3\n4\n").columns] == [0, 1, 1]


def test_ragged_rows_are_named_by_the_line_they_begin_in():
    ragged = 'a,b\n1,"two\nlines"\n3\n4,5,6\n'
    assert found(ragged, "ragged row") == [(4, None), (5, None)]


def test_duplicate_headers_empty_headers_and_empty_columns_are_named():
    headers = "name,Name,,note\nx,y,z,\n"
    assert found(headers, "duplicate header") == [(None, "name")]
    assert [column for _, column in found(headers, "empty column")] == ["note"]
    assert report(headers).counts["empty header"] == 1


def test_values_of_another_type_are_named_with_line_and_column():
    assert found(numbered(30, {7: "seven", 20: "n/a"}), "wrong type") == [(7, "n")]


def test_a_column_of_many_kinds_is_text_and_nothing_in_it_is_wrong():
    mixed = report(numbered(10, {3: "x", 5: "y"}))
    assert mixed.columns[1].type == "text"
    assert not mixed.counts


def test_postal_codes_are_no_numbers():
    assert report("zip\n01067\n99999\n").columns[0].type == "text"


def test_dates_that_could_be_either_way_round_are_named_and_one_clear_date_settles_it():
    assert found("d\n01/02/2026\n03/04/2026\n", "ambiguous date") == [(None, "d")]
    settled = report("d\n01/02/2026\n03/14/2026\n")
    assert (settled.columns[0].type, dict(settled.counts)) == ("date, month first", {})


def test_repeated_rows_blank_rows_and_stray_quotes_are_named():
    messy = 'a,b\n1,2\n1,2\n,\n"3"x,4\n5,6\n'
    assert found(messy, "duplicate row") == [(3, None)]
    assert found(messy, "blank row") == [(4, None)]
    assert found(messy, "stray quote") == [(5, None)]


def test_all_problems_are_counted_though_only_ten_of_a_kind_are_shown():
    many = report("a,b\n" + "1\n2,3,4\n" * 500)
    assert many.counts["ragged row"] == 1_000
    assert [finding.kind for finding in many.findings].count("ragged row") == 10


def test_a_first_row_with_numbers_is_no_header_unless_the_sender_says_so():
    assert report("1,2\n3,4\n").rows == 2
    assert report("1,2\n3,4\n", header=True).rows == 1
    assert [column.name for column in report("a,b\nc,d\n", header=False).columns] == ["column 1", "column 2"]


@pytest.mark.parametrize("name", DELIMITERS)
def test_the_delimiter_is_detected_though_cells_hold_others(name: str):
    out = io.StringIO()
    rows = [["id", "note", "price"], ["1", "a; b, c | d", "1,5"], ["2", "x, y", "2,5"], ["3", "plain", "3,5"]]
    csv.writer(out, delimiter=DELIMITERS[name]).writerows(rows)
    assert detect_delimiter(out.getvalue()) == name


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("cp1252", "Windows-1252")],
)
def test_the_encoding_is_detected_and_no_mark_gets_into_the_first_name(encoding: str, name: str):
    content = "Größe,Preis\n1,2\n".encode(encoding)
    assert decode(content)[1] == name
    assert report(content).columns[0].name == "Größe"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_ending_ends_a_row(ending: str):
    assert report(ORDERS.replace("\n", ending)).rows == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,\0\n", "NUL"),
        (b"PK\x03\x04\x14\0\x06\0", "NUL"),
        (b"\xff\xfea\0b", "UTF-16"),
        (b" \n\r\n\t\n", "no rows"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "begins in line 3 never ends"),
        (b'a,b\n"' + b"x\n" * 2_000_000, "begins in line 2 never ends"),
        (b"a,b\n1," + b"x" * 4_000_000, "begins in line 2 never ends"),
        (b'"a"b,c\n1,2\n', "line 1"),
        (b"," * 4_000_000, "200 columns"),
        (b"1\n" * 2_000_000, "100,000 rows"),
    ],
)
def test_what_is_no_csv_is_refused_in_words_that_help(content: bytes, message: str):
    with pytest.raises(NotCsv, match=message):
        report(content)


@given(st.one_of(st.binary(max_size=400), st.text(alphabet='ab1,;"\n\r\t|= \0é', max_size=400).map(str.encode)))
def test_whatever_is_sent_gives_a_report_or_says_why_not(content: bytes):
    with suppress(NotCsv):
        answer = report(content)
        assert answer.columns
        assert all(column.missing + column.present <= answer.rows for column in answer.columns)


@given(st.lists(st.lists(st.text(alphabet='a,;"\n é0', min_size=1), min_size=2, max_size=5), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back_row_by_row(rows: list[list[str]]):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    assert [record.cells for record in records(out.getvalue(), "comma")] == rows


def test_a_long_check_can_be_stopped_from_outside():
    def out_of_time() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        report_on(records("n\n" + "1\n" * 2_000, "comma"), has_header=True, check=out_of_time)
