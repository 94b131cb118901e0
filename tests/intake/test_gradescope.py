"""Gradescope's download: whose a submission is, and when it came, stand in a file beside them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.results import Student
from grader.exports.csv_files import write_grades
from grader.intake.platforms.gradescope import read_metadata, read_time
from tests.exports.builders import a_grade
from tests.intake.zips import NOTEBOOK, both_ways, graded, opened, problem, row_of, write_tree

METADATA = r"""---
submission_501:
  :submitters:
  - :name: Ada Berg
    :sid: '0042'
    :email: ada@example.org
  :created_at: 2026-11-10 18:03:12.000000000 Z
  :score: 0.0
  :results:
    output: |
      submission_502:
        :submitters:
        - :name: Eve
      said by a program
  :history:
  - :id: 1
    :name: not a submitter
submission_502:
  :submitters:
  - :name: "Bo \"Bobby\" L\xEFnd"
    :sid: '0043'
    :email: bo@example.org
  - :name: 'Cy O''Hof'
    :sid:
    :email: cy@example.org
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-11-11 07:30:00.000000000 Z
    zone: &1 !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
    time: 2026-11-11 08:30:00.000000000 Z
submission_503:
  :submitters: []
  :created_at: yesterday
"""
CLASS = (
    ("assignment_77_export/submission_metadata.yml", METADATA.encode()),
    ("assignment_77_export/submission_501/exercise1.ipynb", NOTEBOOK),
    ("assignment_77_export/submission_502/exercise1.ipynb", NOTEBOOK),
)
ROSTER = 'Name,SID,Email,Extension\nAda Berg,="0042",,1d\nBo Lind,43,BO@example.org,\nCy O\'Hof,,,\nDee,9,,\n'


def test_students_have_the_names_numbers_and_addresses_of_the_metadata_and_the_time_they_submitted(
    tmp_path: Path,
) -> None:
    found = both_ways(tmp_path, *CLASS)
    assert found.form == "gradescope"
    ada, group, nobody = found.entries
    assert ada.who == Student(name="Ada Berg", identity="0042", email="ada@example.org")
    assert ada.submitted == datetime(2026, 11, 10, 18, 3, 12, tzinfo=UTC)
    assert graded(ada) == "exercise1.ipynb"
    assert group.members == (
        Student(name='Bo "Bobby" Lïnd', identity="0043", email="bo@example.org"),
        Student(name="Cy O'Hof", email="cy@example.org"),
    )
    assert group.submitted == datetime(2026, 11, 11, 7, 30, tzinfo=UTC)
    assert (nobody.student, nobody.submitted) == ("submission_503", None)
    assert problem(nobody) == "The download holds no files of this submission."


def test_with_a_roster_they_are_its_students_with_their_extensions_and_the_rest_is_told(tmp_path: Path) -> None:
    members = (*CLASS, ("assignment_77_export/essay.ipynb", NOTEBOOK))
    found = both_ways(tmp_path, *members, roster=ROSTER)
    ada, group, _, essay, dee = found.entries
    assert (ada.student, ada.who.identity, ada.extension) == ("Ada Berg", "0042", "1d")
    assert [(member.name, member.identity) for member in group.members] == [("Bo Lind", "43"), ("Cy O'Hof", "")]
    assert (dee.student, dee.handed_in, essay.student) == ("Dee", False, "essay")
    assert any("1 not in submission_metadata.yml: essay.ipynb." in note for note in found.notes)
    assert any("2 not in the roster: essay.ipynb, submission_503." in note for note in found.notes)


def test_the_marks_go_back_by_number_and_address_for_every_member_of_a_group(tmp_path: Path) -> None:
    """What docs/how-to/grade-on-gradescope.md promises of `grader export csv`."""
    found = opened(write_tree(tmp_path / "download", *CLASS))
    people = [person for entry in found.entries[:2] for person in (entry.members or (entry.who,))]
    grades = [a_grade(student=person.model_dump()) for person in people]
    table = write_grades(grades)
    for sid, address in (("0042", "ada@example.org"), ("0043", "bo@example.org"), ("", "cy@example.org")):
        assert f'"{sid}","{address}"' in table


def test_no_text_of_a_student_passes_for_metadata() -> None:
    found = read_metadata(METADATA + "submission_9:\n  :status: a\u2028submission_8:\r  :submitters:\n")
    assert set(found) == {"submission_501", "submission_502", "submission_503", "submission_9"}
    assert [len(record.people) for record in found.values()] == [1, 2, 0, 0]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-40 00:00:00 Z", "0001-01-01 00:00:00 +23:59", "2026-11-10"])
def test_a_time_that_is_none_is_no_time(text: str) -> None:
    assert read_time(text) is None


@given(
    st.lists(
        st.sampled_from([*METADATA.split("\n"), "  - :name: *1", '  - :name: "\\UFFFFFFFF"']) | st.text(max_size=20)
    )
)
@example(["a:", "  :submitters:", "    :name: x"])
def test_any_metadata_is_read_or_left(lines: list[str]) -> None:
    for record in read_metadata("\n".join(lines)).values():
        assert all(isinstance(value, str) for person in record.people for value in person.values())


def test_a_row_of_the_class_is_told_by_its_folder_where_the_metadata_do_not_know_it(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path, ("submission_metadata.yml", b"submission_1:\n  :submitters:\n"), ("submission_1/a.py", b"a = 1"),
        ("submission_2/b.py", b"b = 1"),
    )  # fmt: skip
    assert found.form == "gradescope"
    assert [entry.student for entry in found.entries] == ["submission_1", "submission_2"]
    assert graded(row_of(found, "submission_2")) == "b.py"
