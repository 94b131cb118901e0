"""Moodle takes every report for the student it belongs to."""

import io
import zipfile

import pytest
from hypothesis import given, settings

from grader.core.results import Grade
from grader.exports.moodle import feedback_name, pack_reports
from tests.exports.builders import a_grade, absent, hostile_texts
from tests.exports.validators import import_feedback_zip


def read(grade: Grade) -> bytes | None:
    return None if grade.student.name == "Tim" else f"report of {grade.student.name}".encode("utf-8", "replace")


def test_each_report_finds_its_student() -> None:
    filled = pack_reports([a_grade("Ada Lovelace", participant="101"), a_grade("O'Brien_x", participant="7")], read)
    assert import_feedback_zip(filled.content, (7, 101)) == {
        101: {"report.html": b"report of Ada Lovelace"}, 7: {"report.html": b"report of O'Brien_x"},
    }  # fmt: skip
    names = zipfile.ZipFile(io.BytesIO(filled.content)).namelist()
    assert names == [
        "Ada Lovelace_101_assignsubmission_file_report.html", "O'Brien x_7_assignsubmission_file_report.html",
    ]  # fmt: skip
    assert (filled.filled, filled.unplaced) == (2, ())


def test_who_has_no_number_or_no_report_or_shares_a_number_is_named() -> None:
    filled = pack_reports(
        [a_grade("Ada"), a_grade("Tim", participant="3"), a_grade("A", participant="9"), a_grade("B", participant="9"),
         a_grade("C", participant="1e3"), absent("Eve", participant="4")],
        lambda grade: None if grade.status is None else read(grade),
    )  # fmt: skip
    assert zipfile.ZipFile(io.BytesIO(filled.content)).namelist() == []
    assert filled.unplaced == (
        "Ada: Moodle's number for this student is not known (grade the zip that Moodle's download gives)",
        "Tim: has no report", "A: 2 students have the number 9", "B: 2 students have the number 9",
        "C: Moodle's number for this student is not known (grade the zip that Moodle's download gives)",
    )  # fmt: skip


def test_the_same_reports_give_the_same_zip() -> None:
    grades = [a_grade("Ada", participant="1")]
    assert pack_reports(grades, read).content == pack_reports(grades, read).content


@settings(max_examples=200)
@given(hostile_texts, hostile_texts)
def test_no_name_leads_out_of_the_zip_or_to_somebody_else(first: str, second: str) -> None:
    filled = pack_reports([a_grade(first, participant="12"), a_grade(second, participant="13")], lambda _: b"x")
    assert set(import_feedback_zip(filled.content, (12, 13))) == {12, 13}


def test_a_long_name_is_cut() -> None:
    assert len(feedback_name("é" * 500, "12", "report.html")) < 130


def test_the_validator_notices_a_name_that_moodle_ignores() -> None:
    for name in (
        "Ada_assignsubmission_file_x",
        ".Ada_1_assignsubmission_file_x",
        "a_b_1_assignsubmission_file_x",
        "../Ada_1_b_c",
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as target:
            target.writestr(name, b"x")
        with pytest.raises(AssertionError):
            import_feedback_zip(buffer.getvalue(), (1,))
