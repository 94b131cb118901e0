"""What a course adds to Python: installed by pip beside what is there, named in evidence, refused in one clear line."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grader.authoring.packing import packages_file
from grader.core.course_rules import read_course_rules
from grader.core.errors import GraderError, RubricError
from grader.core.progress import Silent
from grader.course import environment as environment_module
from grader.course.course import Course
from grader.course.environment import NotInstalled, imported_names, install_environment, open_environment
from grader.intake import read_path
from grader.marking.mark import mark
from grader.marking.regrade import Move, run_with_other_packages
from grader.run.collect import collect
from grader.run.context import evidence_key
from grader.selfcheck.check_submission import open_selfcheck
from tests.fakes import ASSIGNMENT, Act, Stage, a_context, data_of, write_class, write_course
from tests.wheels import ask_nobody_else, name_packages, write_wheel

TUNER = {"tiny-tuner": "1.0"}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Course]:
    """A course that adds a package, which needs another one; nothing is installed yet."""
    wheels = tmp_path / "wheels"
    for version in ("1.0", "1.1"):
        write_wheel(wheels, "tiny-tuner", version, {"tiny_tuner.py": "import tiny_words\n"}, needs="tiny-words")
    write_wheel(wheels, "tiny-words", "2.0", {"tiny_words/__init__.py": "WORDS = 3\n"})
    write_wheel(wheels, "old-numbers", "1.0", {"old_numbers.py": ""}, needs="numpy<2")
    write_wheel(wheels, "half-there", "1.0", {"half_there.py": ""}, needs="not-there")
    write_wheel(wheels, "with-labels", "1.0", {"with_labels.py": ""}, needs="grader-student")
    write_wheel(wheels, "grader-student", "1.0", {"answers.py": ""})
    ask_nobody_else(wheels, monkeypatch, tmp_path / "cache")
    course = write_course(tmp_path / "course")
    name_packages(course.root, TUNER)
    yield course


def test_what_a_course_adds_is_installed_once_beside_what_is_there(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        NotInstalled, match=r"not installed on this machine: tiny-tuner 1\.0\. Type `grader env install --"
    ):
        open_environment(course)
    made = install_environment(course)
    assert made is not None and made.folder is not None
    assert made.described.packages == {"tiny-tuner": "1.0", "tiny-words": "2.0"}
    assert imported_names(made.folder) == {"tiny_tuner": "tiny-tuner 1.0", "tiny_words": "tiny-words 2.0"}
    assert made.folder.is_relative_to(tmp_path / "cache") and made.folder.stat().st_mode & 0o005 == 0o005
    assert open_environment(course) == made
    with monkeypatch.context() as patched:
        patched.setattr(environment_module, "find_missing", pytest.fail)  # what is there is not asked for again
        assert install_environment(course) == made
    name_packages(course.root, {"tiny-tuner": "1.1"})
    other = install_environment(course)
    assert other is not None and other.folder != made.folder and other.described.digest != made.described.digest
    assert made.folder.is_dir()  # a batch may still run in it
    name_packages(course.root, {"numpy": np.__version__})
    known = install_environment(course)
    assert known is not None and known.folder is None and known.described.pins == {"numpy": np.__version__}
    (other.folder.parent / "environment.json").write_text("{")  # type: ignore[union-attr]
    name_packages(course.root, {"tiny-tuner": "1.1"})
    assert install_environment(course) == other  # what is damaged is made anew
    copy = tmp_path / "copy.toml"
    copy.write_bytes(packages_file(course)["course.toml"])
    assert read_course_rules(copy, ()).environment.packages == {"tiny-tuner": "1.1"}


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        (
            {"no-such-thing": "1.0"},
            r"there is no package `no-such-thing` with a wheel for Python 3\.\d+\. Check the name",
        ),
        ({"tiny-tuner": "9.0"}, r"there is no version 9\.0 of `tiny-tuner` for Python 3\.\d+\. The newest is 1\.1\."),
        ({"numpy": "1.26.4"}, r"`numpy` 1\.26\.4 contradicts the grader's own numpy \S+\. Take the line out"),
        ({"tensorflow": "2.15.0"}, r"`tensorflow` 2\.15\.0 contradicts the grader's own tensorflow"),
        (
            {"old-numbers": "1.0"},
            r"old-numbers 1\.0 depends on numpy<2, and the grader's own is numpy \S+\. Name a version",
        ),
        (
            {"half-there": "1.0"},
            r"half-there needs `not-there`, of which there is no wheel .* Name it in `from_source`",
        ),
        ({"with-labels": "1.0"}, r"grader-student comes along, and no notebook may import it"),
        ({"mlxtend": "0.23"}, r"`mlxtend` holds labels or solutions: no notebook may import it"),
        ({"tiny-tuner": ">=1"}, r"`tiny-tuner = '>=1'` is no version: write the one to install"),
        ({"Tiny_Tuner": "1.0", "tiny-tuner": "1.0"}, r"`tiny-tuner` is named twice"),
    ],
)
def test_what_cannot_be_added_is_refused_in_one_line(course: Course, packages: dict[str, str], words: str) -> None:
    name_packages(course.root, packages)
    with pytest.raises(RubricError, match=words) as refused:
        install_environment(course)
    assert "course.toml" in str(refused.value) and "\n" not in str(refused.value)


def test_without_a_network_nothing_is_installed_and_that_is_said(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(GraderError, match=r"index of packages can't be reached .* PIP_FIND_LINKS=DIR"):
        install_environment(course)
    with pytest.raises(NotInstalled):
        open_environment(course)


def test_evidence_names_what_was_added_and_a_regrade_says_where_that_was_other(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = read_path(write_class(tmp_path / "class", "ada") / "ada.py")
    with pytest.raises(NotInstalled), a_context(course):
        pass
    with open_selfcheck(course, ASSIGNMENT, full=True, isolation="none", data=data_of(course.root), seed=0,
                        progress=Silent()) as opened:  # fmt: skip
        assert "not installed here, and your code runs without them: tiny-tuner 1.0" in opened.remarks[-1]
        without = evidence_key(submission, opened.context)
    made = install_environment(course)
    assert made is not None
    Stage({"ada": Act(correct=6)}).install(monkeypatch)
    with a_context(course) as context:
        assert context.environment == made and evidence_key(submission, context) != without
        stored, _ = collect(submission, context, Silent())
        result = mark(stored, context.rubric, {})
    assert stored.evidence.environment == result.environment == made.described
    moves = [Move(old=None, new=result, folder=tmp_path)]
    assert run_with_other_packages(moves, course.rules()) == []
    name_packages(course.root, {"tiny-tuner": "1.1"})
    (line,) = run_with_other_packages(moves, course.rules())
    assert line.startswith("1 of 1: run with tiny-tuner 1.0, and the course names tiny-tuner 1.1 today")
