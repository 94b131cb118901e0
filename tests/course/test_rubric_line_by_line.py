"""The rubric that the documentation shows whole: it can be graded by, has every key, and explains every line."""

import shutil
from pathlib import Path

from grader.core.assignment import Assignment, AuditPolicy, Late, Pages, Retry, read_assignment
from grader.core.limits import Limits
from grader.course.course import Course
from grader.course.rubric import open_rubric
from tests.datasets import data_root

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/reference/assignment.toml"
LINES = FILE.read_text(encoding="utf-8").splitlines()


def test_it_is_a_rubric_that_a_class_can_be_graded_by(tmp_path: Path) -> None:
    folder = tmp_path / "assignments" / "digits"
    folder.mkdir(parents=True)
    shutil.copy(FILE, folder)
    rubric = open_rubric(Course.at(tmp_path), "digits", data_root())
    assert rubric.assignment.out_of == 100
    assert rubric.assignment.due is not None
    assert len(rubric.assignment.check) == 8


def test_every_key_stands_in_it() -> None:
    names = {field.alias or name for name, field in Assignment.model_fields.items()} - {"id", "cases"}
    for kind in (Limits, Late, Retry, Pages, AuditPolicy):
        names |= set(kind.model_fields)
    text = "\n".join(LINES)
    for name in names:
        assert f"\n{name} =" in text or f"\n[{name}]" in text or f"\n[[{name}]]" in text or f"\n# {name} =" in text, (
            name
        )


def test_what_it_calls_the_defaults_of_a_run_are_those() -> None:
    assert read_assignment(FILE).run == Limits()


def test_every_line_has_its_comment_and_a_phone_can_show_the_keys() -> None:
    for number, line in enumerate(LINES, 1):
        assert not line or "#" in line or line == "[[check]]", f"line {number}: {line}"
        assert len(line) <= 90, f"line {number}"


def test_the_page_shows_the_file_itself() -> None:
    page = (ROOT / "docs/reference/rubric-line-by-line.md").read_text(encoding="utf-8")
    assert '```toml\n--8<-- "reference/assignment.toml"\n```' in page
