"""Grades after decisions that nobody takes: what would follow is read, and nothing is kept; on both engines."""

from pathlib import Path

import pytest

from grader.core.grades import Enrolment
from grader.core.results import Student
from grader.gradebook import Change, Superseded, open_gradebook
from tests.gradebook.findings import RUBRIC, a_finding, an_assignment, handed_in


def test_grades_before_and_after_are_told_and_nothing_is_kept(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        book.enrol(an_assignment(tmp_path), [Enrolment(student=Student(name=name)) for name in ("ada", "bo")])
        for name in ("ada", "bo"):
            book.record(a_finding(name, 61.0), handed_in(name), rubric_digest=RUBRIC)
        saved = Change(kind="saved_comment", subject="s", author="kim", value={"text": "no axes", "points": -1.0})
        used = Change(kind="comment", subject="c", student="ada", author="kim", value={"text": "", "saved": "s"})
        first, _ = book.write_log_all("exercise2", [saved, used])
        stamp, log = book.stamp("exercise2"), book.review_log("exercise2")
        worse = Change(
            kind="saved_comment", subject="s", author="kim", value={"text": "no axes", "points": -2.0}, seen=first.id
        )
        pairs = book.grades_after("exercise2", [worse])
        assert [(old.student.name, old.points, new.points) for old, new in pairs] == [
            ("ada", 60.0, 59.0), ("bo", 61.0, 61.0),
        ]  # fmt: skip
        assert [(old.passed, new.passed) for old, new in pairs] == [(True, False), (True, True)]
        assert (book.stamp("exercise2"), book.review_log("exercise2")) == (stamp, log)
        with pytest.raises(Superseded):
            book.grades_after("exercise2", [Change(**{**vars(worse), "seen": 0})])
        assert book.write_log("exercise2", worse).value == {"text": "no axes", "points": -2.0}
