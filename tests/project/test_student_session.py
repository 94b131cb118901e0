"""The recorded session of a student is what the tutorial says, by today's exercise."""

import json
import re
from pathlib import Path

import pytest

from docs.student_session import Terminal, Typed, Written, steps, write_into
from grader.course.course import Course
from grader.course.rubric import plan_checks

ROOT = Course.at().root
RECORD = (ROOT / "docs/tutorial/student-session.txt").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "docs/tutorial/for-students.md").read_text(encoding="utf-8")
FILE = re.search(r"grader_student-\S+\.whl", RECORD)
READMES = sorted((ROOT / "assignments").glob("*/README.md"))


def test_every_line_that_is_typed_stands_in_the_tutorial() -> None:
    assert FILE is not None
    typed = re.findall(r"(?m)^\$ (.*)$", RECORD)
    assert typed == [step.command for step in steps(FILE[0]) if isinstance(step, Typed)]
    for command in typed:
        known = command.replace("--quiet ", "").replace(FILE[0], "FILE")
        assert f"\n{known}\n" in TUTORIAL, known


def test_what_is_written_into_the_notebook_is_in_the_record(tmp_path: Path) -> None:
    notebook = tmp_path / "starter.ipynb"
    notebook.write_bytes((ROOT / "assignments/exercise1/starter.ipynb").read_bytes())
    for step in steps("FILE"):
        if isinstance(step, Written):
            assert "\n".join(write_into(notebook, step)) in RECORD
    sources = ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]]
    assert any('activation="softmax"' in source for source in sources)


def test_it_shows_todays_checks_and_ends_with_all_points() -> None:
    course = Course.at()
    for item in plan_checks(course, course.assignment("exercise1")):
        assert item.title in RECORD
    assert "would be lost as it is" in RECORD
    last = RECORD[RECORD.rindex("\n$ ") :]
    assert "grader check exercise1 --full" in last
    assert "Points: 100 of 100 here." in last
    assert "exit code 0" in last


def test_it_tells_nothing_of_the_machine_that_it_was_made_on() -> None:
    folders = set(re.findall(r"(?<![\w.:/~)-])/(\w[\w.-]*(?:/[\w.-]+)?)", RECORD))
    assert not {name for name in folders if re.match(r"[a-z]+/", name)} - {"home/student"}, folders
    assert "Traceback" not in RECORD


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_each_exercise_says_how_to_install_and_what_it_costs_or_is_a_demonstration(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "grade --sandbox none" not in text
    if "emonstration of exercise" in text:
        return
    for words in ("pip install grader_student-", "0.4 GB", "2 GB of disk", f"\ngrader check {path.parent.name} "):
        assert words in text, words


def test_a_command_that_can_not_work_ends_the_recording_before_anything_is_written(tmp_path: Path) -> None:
    assert Terminal(tmp_path).type("echo well; exit 1")[1] == "well"
    with pytest.raises(SystemExit, match="ended with 2; the record stays as it was"):
        Terminal(tmp_path).type("exit 2")
