"""nbgrader's folders, as a course, alone, zipped or downloaded."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.intake.platforms.nbgrader import read_timestamp
from tests.intake.zips import NOTEBOOK, both_ways, graded, opened, problem, row_of, write_tree

CLASS = (
    ("ada/exercise1/work.ipynb", NOTEBOOK),
    ("ada/exercise1/timestamp.txt", b"2015-02-02 14:58:23.948203 America/Los_Angeles\n"),
    ("bob/exercise1/work.ipynb", NOTEBOOK),
    ("cy/exercise2/work.ipynb", NOTEBOOK),
)


def course(*members: tuple[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    inside = tuple((f"submitted/{name}", data) for name, data in members)
    return (("gradebook.db", b""), ("source/exercise1/work.ipynb", NOTEBOOK), *inside)


def test_the_folders_alone_and_in_a_course_are_the_same_class(tmp_path: Path) -> None:
    alone = both_ways(tmp_path, *CLASS)
    (tmp_path / "course").mkdir()
    for found in (alone, both_ways(tmp_path / "course", *course(*CLASS))):
        assert found.form == "nbgrader"
        assert [(entry.student, entry.who.participant) for entry in found.entries] == [
            ("ada", "ada"), ("bob", "bob"), ("cy", "cy"),
        ]  # fmt: skip
        assert row_of(found, "ada").submitted == datetime(2015, 2, 2, 22, 58, 23, 948203, UTC)
        assert row_of(found, "bob").submitted is None
        assert graded(row_of(found, "bob")) == "work.ipynb"
        assert problem(row_of(found, "cy")) == "Nothing was handed in."
        assert not row_of(found, "cy").handed_in


def test_another_name_of_the_only_assignment_is_taken(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "submitted", ("ada/ps1/work.ipynb", NOTEBOOK), ("ada/ps1/timestamp.txt", b"?"))
    found = opened(folder)
    assert (found.form, graded(found.entries[0])) == ("nbgrader", "work.ipynb")
    assert any("1 with a timestamp.txt that can't be read: ada." in note for note in found.notes)


def test_of_several_assignments_the_person_says_which(tmp_path: Path) -> None:
    members = course(("ada/ps1/work.ipynb", NOTEBOOK), ("ada/ps2/other.ipynb", NOTEBOOK))
    folder = write_tree(tmp_path / "course", *members)
    with pytest.raises(UsageError, match=r"no 'exercise1' of any student; available: ps1, ps2\. .*nbgrader:NAME"):
        opened(folder)
    (tmp_path / "course workspace").rmdir()
    assert graded(opened(folder, as_="nbgrader:ps2").entries[0]) == "other.ipynb"


def test_what_was_downloaded_and_not_collected_is_found(tmp_path: Path) -> None:
    inside = "downloaded/exercise1/extracted/Ada_7_assignsubmission_file_/work.ipynb"
    found = opened(write_tree(tmp_path / "course", (inside, NOTEBOOK), ("nbgrader_config.py", b"")))
    assert (found.form, found.entries[0].student) == ("moodle", "Ada")


@pytest.mark.parametrize(
    "of_one", [("eve/exercise1/work.ipynb", NOTEBOOK), ("eve/code/timestamp.txt", b"2020-01-01 00:00:00 UTC")]
)
def test_one_students_folders_decide_nothing_about_the_others(tmp_path: Path, of_one: tuple[str, bytes]) -> None:
    found = both_ways(
        tmp_path, of_one, ("ada/project/work.ipynb", NOTEBOOK), ("bob/work.ipynb", NOTEBOOK), ("cy/a/work.py", b"a = 1")
    )
    assert found.form == "plain"
    assert [entry.student for entry in found.entries if entry.handed_in] == ["ada", "bob", "cy", "eve"]
    assert [graded(row_of(found, name)) for name in ("ada", "bob", "cy")] == ["work.ipynb", "work.ipynb", "work.py"]


def test_of_one_student_who_holds_a_file_too_the_others_are_nbgraders(tmp_path: Path) -> None:
    found = both_ways(tmp_path, *CLASS, ("eve/exercise1/work.ipynb", NOTEBOOK), ("eve/notes.txt", b"x"))
    assert found.form == "nbgrader" and graded(row_of(found, "eve")) == "work.ipynb"


@pytest.mark.parametrize("beside", [("gradebook.db", b""), ("source/exercise1/work.ipynb", NOTEBOOK)])
@pytest.mark.parametrize("others", [("ada/work.ipynb", "bob/project/work.ipynb"), ("ada.ipynb", "bob.zip")])
def test_a_student_who_is_called_submitted_takes_nobody_away(
    tmp_path: Path, beside: tuple[str, bytes], others: tuple[str, str]
) -> None:
    members = [("submitted/eve/exercise1/work.ipynb", NOTEBOOK), beside, *((name, NOTEBOOK) for name in others)]
    folder = write_tree(tmp_path / "class", *members)
    found = opened(folder)
    assert found.form == "plain" and {"ada", "bob", "submitted"} <= {entry.student for entry in found.entries}
    assert any("submitted may be nbgrader's folder of students" in note for note in found.notes)
    (tmp_path / "class workspace").rmdir()
    assert [entry.student for entry in opened(folder, as_="nbgrader").entries] == ["eve"]


def test_what_lies_around_the_students_is_counted_and_named(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path, *(("course/" + name, data) for name, data in course(*CLASS)), ("course/data/a.csv", b"1")
    )
    assert found.form == "nbgrader"
    assert any(
        "3 files and folders beside" in note and "were not looked at: data, gradebook.db, source." in note
        for note in found.notes
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2015-02-02 14:58:23.948203 America/Los_Angeles", datetime(2015, 2, 2, 22, 58, 23, 948203, UTC)),
        ("2015-02-02 15:58:23 UTC\n", datetime(2015, 2, 2, 15, 58, 23, 0, UTC)),
        ("2015-02-02 15:58:23", datetime(2015, 2, 2, 15, 58, 23, 0, UTC)),
        ("2015-02-02T15:58:23+02:00", datetime(2015, 2, 2, 13, 58, 23, 0, UTC)),
        ("2015-02-02 15:58:23 Nowhere/Land", None),
        ("2015-02-02 15:58:23 ../../etc/passwd", None),
        ("2015-02-02 15:58:23 UTC and more", None),
        ("0001-01-01 00:00:00 Asia/Tokyo", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_timestamp_is_a_time_or_none(text: str, time: datetime | None) -> None:
    assert read_timestamp(text) == time


@given(st.text() | st.datetimes().map(str) | st.builds("{} {}".format, st.datetimes(), st.text()))
def test_any_text_is_a_timestamp_or_none(text: str) -> None:
    found = read_timestamp(text)
    assert found is None or found.tzinfo is not None


@given(st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)))
def test_what_nbgrader_writes_is_read_again(time: datetime) -> None:
    assert read_timestamp(f"{time} UTC") == time.replace(tzinfo=UTC)
