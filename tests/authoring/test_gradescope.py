"""The autograder that is uploaded to Gradescope, run in the layout of its container."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.authoring.packing import pack_autograder, requirements
from grader.core.errors import UsageError
from grader.course.course import Course
from tests.exports.validators import read_gradescope
from tests.fakes import RUBRIC, data_of, write_course

SOLUTION = Course.at().root / "reference" / "operators" / "solution.py"


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack_autograder(Course.at(), "operators", None)


@pytest.fixture
def container(packed: bytes, tmp_path: Path) -> Path:
    """`/autograder` as Gradescope lays it out; its own Python stands in for the environment that setup.sh makes."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, tmp_path / "source"))
            path.chmod(entry.external_attr >> 16)
    (tmp_path / "submission").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "submission_metadata.json").write_text(
        json.dumps({"id": 1, "users": [{"name": "Ada", "email": "ada@example.org", "id": 7}]}), encoding="utf-8"
    )
    return tmp_path


def run(container: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "AUTOGRADER_ROOT": str(container), "AUTOGRADER_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    return subprocess.run(
        [container / "source" / "run_autograder"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(("brings", "uses"), [("python3", "python3"), ("python3.11", "python3.11"), ("none", "")])
def test_the_image_is_made_with_a_python_that_suits_or_a_sentence_says_that_there_is_none(
    container: Path, tmp_path: Path, brings: str, uses: str
) -> None:
    """As on Ubuntu 22.04, whose own python3 is 3.10: what `apt-get` brings is looked at again."""
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()

    def tool(name: str, body: str) -> None:
        (tools / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (tools / name).chmod(0o755)

    made = f'mkdir -p "{container}/venv/bin" && ln -sf /bin/true "{container}/venv/bin/python"'
    tool("good", f'case "$1$2" in -mvenv) echo "venv by $(basename "$0")" >> "{log}"; {made};; esac')
    tool("python3", "exit 1")
    tool("apt-get", f'[ "$3" != {brings} ] || cp "{tools}/good" "{tools}/{brings}"')
    for name in ("bash", "sh", "cat", "cp", "mkdir", "ln", "chmod", "basename", "true"):
        (tools / name).symlink_to(shutil.which(name) or "")
    said = subprocess.run(
        [tools / "bash", container / "source" / "setup.sh"], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": str(tools), "AUTOGRADER_ROOT": str(container)},
    )  # fmt: skip
    if uses:
        assert (said.returncode, log.read_text()) == (0, f"venv by {uses}\n"), said.stderr
    else:
        assert said.returncode == 1 and "needs Python 3.11, 3.12 or 3.13" in said.stderr and not log.exists()


def test_a_right_submission_gets_its_points_in_the_published_form(container: Path) -> None:
    shutil.copy(SOLUTION, container / "submission" / "operators.py")
    said = run(container)
    assert said.returncode == 0, said.stderr
    results = read_gradescope((container / "results" / "results.json").read_text(encoding="utf-8"))
    assert results.score == 100 and sum(test.max_score or 0 for test in results.tests or ()) == 100


def test_a_submission_that_can_not_be_read_gets_a_row_with_the_reason(container: Path) -> None:
    (container / "submission" / "essay.txt").write_text("dear grader", encoding="utf-8")
    assert run(container).returncode == 0
    text = (container / "results" / "results.json").read_text(encoding="utf-8")
    assert read_gradescope(text).score == 0 and "no notebook" in text


def test_where_the_grader_can_not_work_no_results_are_written(container: Path) -> None:
    shutil.copy(SOLUTION, container / "submission" / "operators.py")
    shutil.rmtree(container / "source" / "course")
    said = run(container)
    assert said.returncode > 1 and "no mark was decided" in said.stderr
    assert not (container / "results" / "results.json").exists()


def test_the_zip_holds_no_solution_and_is_the_same_twice(packed: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
    assert len(names) == len(set(names)) and {"setup.sh", "requirements.txt", "grader/__main__.py"} <= set(names)
    assert not [name for name in names if "solution." in name]
    assert pack_autograder(Course.at(), "operators", None) == packed


def test_the_requirements_are_those_of_the_grader_and_of_students_code() -> None:
    lines = requirements()
    assert any(line.startswith("keras") for line in lines) and any(line.startswith("scikit-learn") for line in lines)
    assert not any(line.startswith(("pytest", "mlxtend")) for line in lines)


def test_the_private_split_of_this_machine_goes_along_for_it_decides_there_too(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    private = data_of(tmp_path) / "tiny-private"
    private.mkdir()
    (private / "digests.toml").write_text('[split.private]\ncount = 1\nimages = "i"\nlabels = "l"\n')
    with zipfile.ZipFile(io.BytesIO(pack_autograder(course, "tiny", data_of(tmp_path)))) as archive:
        names = set(archive.namelist())
    assert "data/tiny-private/digests.toml" in names
    assert any(name.startswith("data/tiny/judged/") for name in names)


def test_a_rubric_with_points_of_a_person_is_not_packed(tmp_path: Path) -> None:
    plot = '\n[[check]]\nuse = "manual"\ntitle = "The plot is right"\npoints = 10\n'
    course = write_course(tmp_path / "course", RUBRIC + plot)
    with pytest.raises(
        UsageError, match="a person gives the points of `The plot is right`, so an autograder alone has no"
    ):
        pack_autograder(course, "tiny", data_of(course.root))
