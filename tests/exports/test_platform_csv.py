"""Single cells of a foreign file are replaced, and every other byte stays."""

import codecs
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.exports.platform_csv import fill_cells, has_decimal_comma, read_number, read_worksheet, write_points

PLAIN = 'Name,Grade,"Note, long"\r\n"Ada ""A"" L",,"x\ny"\r\n\r\nBob,"5", z \r\n'


def test_cells_keep_their_quoting_and_all_else_stays() -> None:
    sheet = read_worksheet(PLAIN.encode(), name="w.csv")
    assert sheet.columns == ("Name", "Grade", "Note, long")
    assert [[cell.value for cell in row] for row in sheet.rows] == [['Ada "A" L', "", "x\ny"], ["Bob", "5", " z "]]
    filled = fill_cells(sheet, {(1, 1): "7", (0, 1): "61,5"}).decode()
    assert filled == PLAIN.replace('L",,', 'L","61,5",').replace('Bob,"5"', 'Bob,"7"')


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
     (b"", "cp1252")],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_encoding_mark_line_ends_and_delimiter_stay(mark: bytes, encoding: str, end: str, sign: str) -> None:
    rows = [["Name", "Grade"], ["Zoë", ""], ["José", "1"]]
    text = end.join(sign.join(row) for row in rows)
    filled = fill_cells(read_worksheet(mark + text.encode(encoding), name="w"), {(0, 1): "9"})
    assert filled == mark + text.replace(f"Zoë{sign}", f"Zoë{sign}9").encode(encoding)


def test_a_character_that_the_encoding_lacks_is_written_as_html_does() -> None:
    sheet = read_worksheet("Name,Note\nZoë,\n".encode("cp1252"), name="w")
    assert fill_cells(sheet, {(0, 1): "→ é"}) == "Name,Note\nZoë,&#8594; é\n".encode("cp1252")


def test_a_quotation_mark_behind_a_backslash_is_read_as_php_wrote_it() -> None:
    text = 'Name,Text,Grade\nAda,"say \\"a, b\\" now",\nBob,x,\n'
    sheet = read_worksheet(text.encode(), name="w")
    assert [len(row) for row in sheet.rows] == [3, 3]
    assert fill_cells(sheet, {(0, 2): "5"}).decode() == text.replace('now",\n', 'now",5\n')


def test_a_delimiter_inside_a_quoted_title_is_none() -> None:
    sheet = read_worksheet(b'"Note; with; signs",Grade\nx,1\n', name="w")
    assert (sheet.delimiter, sheet.columns) == (",", ("Note; with; signs", "Grade"))


def test_megabytes_of_quotation_marks_are_read_in_a_moment() -> None:
    data = b'a,b\n"' + b'""' * 1_000_000
    with pytest.raises(UsageError, match="never closed"):
        read_worksheet(data, name="w")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"), (b"\n\r\n", "is empty"), (b"a,b\n1,2,3\n", "row 1 below the header has 3 cells, the header 2"),
        (b'a,b\n"never closed,1\nx,2\n', "is never closed"), (codecs.BOM_UTF16_LE + b"\x00", "is damaged"),
        (codecs.BOM_UTF8 + b"\xff", "is damaged"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read_worksheet(data, name="w.csv")
    assert "w.csv" in caught.value.message


def test_a_column_is_found_whatever_its_case_and_refused_where_it_is_there_twice() -> None:
    sheet = read_worksheet(b"Maximum grade,Grade,GRADE,x,X\n1,2,3,4,5\n", name="w")
    assert sheet.find("Maximum Grade") == 0
    assert sheet.find("Grade") == 1
    with pytest.raises(UsageError, match="2 columns `gradE`"):
        sheet.find("gradE")
    with pytest.raises(UsageError, match="has no column `Identifier`"):
        sheet.need("Identifier", "--identifier")
    with pytest.raises(UsageError, match=r"did you mean `Grade`"):
        sheet.need("Grades", "--grade")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("61.50", 61.5),
        (" 61,5 ", 61.5),
        ("-", None),
        ("", None),
        ("EX", None),
        ("1.000,5", None),
        ("-3", -3.0),
        ("٣", None),
    ],
)
def test_numbers_are_read_with_point_or_comma(cell: str, number: float | None) -> None:
    assert read_number(cell) == number


def test_points_are_written_as_the_file_writes_numbers() -> None:
    assert has_decimal_comma(["", "12,50", "x"])
    assert not has_decimal_comma(["12.50", "12,50"])
    assert not has_decimal_comma(["12", ""])
    assert (write_points(61.5, comma=True), write_points(-0.001, comma=False)) == ("61,50", "0.00")


cell_texts = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=8)


@settings(max_examples=300)
@given(st.data(), st.integers(2, 4), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_any_table_reads_as_the_csv_module_reads_it_and_only_the_changed_cell_differs(
    data: st.DataObject, width: int, sign: str, end: str
) -> None:
    rows = data.draw(st.lists(st.lists(cell_texts, min_size=width, max_size=width), min_size=1, max_size=4))
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=sign, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([[f"column{number}" for number in range(width)], *rows])
    text = buffer.getvalue()
    sheet = read_worksheet(text.encode(), name="w")
    assert [[cell.value for cell in row] for row in sheet.rows] == rows
    assert fill_cells(sheet, {}) == text.encode()
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, width - 1))
    new = data.draw(cell_texts)
    rows[row][column] = new
    again = fill_cells(sheet, {(row, column): new})
    assert [[cell.value for cell in found] for found in read_worksheet(again, name="w").rows] == rows


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words_and_come_back_as_they_were(data: bytes) -> None:
    try:
        sheet = read_worksheet(data, name="w")
    except UsageError:
        return
    assert fill_cells(sheet, {}) == data
