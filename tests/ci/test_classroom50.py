"""Classroom 50: the example's autograder.py as its runner calls it, and `grader ci --classroom50`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.ci.annotations import classroom50_result
from grader.ci.check_repository import CiRun, CiSubmission
from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.core.evidence import Smoke
from grader.core.results import Outcome, Status
from grader.course.course import Course
from grader.exports.classroom50 import Submission
from tests.exports.validators import SUBMITTED, collect_classroom50, read_summary, run_log
from tests.fakes import run_cli
from tests.pages.builders import a_check, a_result

EXAMPLES = Course.at().root / "examples"
BUNDLE = EXAMPLES / "classroom50" / "networks-2026" / "autograders" / "operators"
PIP = "import os, pathlib, sys\npathlib.Path(os.environ['PIP_CALLED']).write_text(repr(sys.argv[1:]))\n"
FORGED = '{"schema": "classroom50/result/v1", "score": 100, "max-score": 100, "tests": []}'


def call(folder: Path, *, work: str, pip: str = PIP, forged: str = "") -> tuple[Path, subprocess.CompletedProcess[str]]:
    """What Classroom 50's runner does with a checkout, which holds more than the work: the checkout, how it ended.

    pip is a stand-in that writes down what it was asked for; the grader that runs is the real one.
    """
    checkout = folder / "checkout"
    shutil.copytree(BUNDLE, folder / "bundle" / "operators")
    (folder / "stand-ins" / "temp").mkdir(parents=True)
    (folder / "stand-ins" / "pip.py").write_text(pip, encoding="utf-8")
    checkout.mkdir()
    (checkout / "operators.py").write_text(work, encoding="utf-8")
    for name in ("pip", "grader", "subprocess", "json", "sitecustomize"):
        (checkout / f"{name}.py").write_text(f"open({str(folder / 'obeyed')!r}, 'w')\n", encoding="utf-8")
    (checkout / "grader.toml").write_text("schema = 1\n[[submission]]\nassignment = 'operators'\npath = 'mine.py'\n")
    (checkout / "release-body.md").symlink_to(folder / "elsewhere")
    (checkout / "report-operators.html").mkdir()
    if forged:
        (checkout / "result.json").write_text(forged, encoding="utf-8")
    path = f"{folder / 'stand-ins'}{os.pathsep}{os.environ['PATH']}"
    sudo = folder / "stand-ins" / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$@" > {folder / "sudo-called"}\nexit 1\n', encoding="utf-8")
    sudo.chmod(0o755)
    environment = {
        **os.environ, **SUBMITTED, "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "org/networks-2026-operators-ada-l",
        "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "RUNNER_TEMP": str(folder / "stand-ins" / "temp"), "PATH": path, "PYTHONPATH": str(folder / "stand-ins"),
        "PIP_CALLED": str(folder / "pip-called"),
    }  # fmt: skip
    words = [sys.executable, str(folder / "bundle" / "operators" / "autograder.py")]
    done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, timeout=300)
    return checkout, done


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
    work = (EXAMPLES / "assignment-repo" / "operators.py").read_text(encoding="utf-8")
    yield call(tmp_path_factory.mktemp("classroom50"), work=work)


def test_the_runner_takes_what_the_example_writes_of_work_that_is_not_quite_done(
    graded: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    checkout, done = graded
    assert done.returncode == 0, done.stdout + done.stderr
    found = collect_classroom50((checkout / "result.json").read_text(encoding="utf-8"))
    assert (found.score, found.most) == (73, 100)  # 72.71
    assert any(test.passed and test.score == test.most for test in found.tests)
    assert any(test.name.startswith("max_pool") and not test.passed for test in found.tests)
    assert {command.name for command in run_log(done.stdout)} <= {"error", "warning", "notice"}


def test_the_student_gets_the_reasons_and_the_page_and_nothing_of_theirs_was_obeyed(
    graded: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    checkout, _ = graded
    cells, _ = read_summary((checkout / "release-body.md").read_text(encoding="utf-8"))
    assert any("max_pool" in cell for row in cells for cell in row)
    assert "max_pool" in (checkout / "report-operators.html").read_text(encoding="utf-8")
    assert not (checkout / "release-body.md").is_symlink() and not (checkout.parent / "elsewhere").exists()
    assert not (checkout.parent / "obeyed").exists()
    assert "grader[classroom] @ git+https://" in (checkout.parent / "pip-called").read_text()
    assert "apparmor_restrict_unprivileged_userns=0" in (checkout.parent / "sudo-called").read_text()


def test_a_module_that_breaks_is_no_points_and_not_the_autograders_fault(tmp_path: Path) -> None:
    checkout, done = call(tmp_path, work="def max_pool(\n")
    assert done.returncode == 0, done.stdout + done.stderr
    found = collect_classroom50((checkout / "result.json").read_text(encoding="utf-8"))
    assert (found.score <= 5, found.most) == (True, 100)


def test_where_the_grader_can_not_be_installed_no_result_of_the_students_own_is_left(tmp_path: Path) -> None:
    checkout, done = call(tmp_path, work="", pip="raise SystemExit(7)\n", forged=FORGED)
    assert (done.returncode, (checkout / "result.json").exists()) == (7, False)


TAKEN, NOW = Submission.of(SUBMITTED), datetime(2026, 11, 29, tzinfo=UTC)
HANDED = CiSubmission(assignment="exercise1", path="work.ipynb")
PLOT = a_check(Outcome.AWAITING, name="manual", title="The plot is right")


@pytest.mark.parametrize(
    ("run", "kind", "said"),
    [
        (CiRun(handed=HANDED, out_of=10, left="broken", broke="OSError: full"), Infrastructure, "OSError: full"),
        (CiRun(handed=HANDED, out_of=10, left="over-budget"), UsageError, "exercise1: not run: the time"),
        (CiRun(handed=HANDED, out_of=10, left="absent"), UsageError, "gives points yet"),
        (CiRun(handed=HANDED, out_of=10, result=a_result(smoke=Smoke())), UsageError, "gives points yet"),
        (CiRun(handed=HANDED, out_of=10, result=a_result((PLOT,), out_of=10.0)), UsageError, "a person has not given"),
        (CiRun(handed=HANDED, out_of=10, result=a_result(status=Status.BROKEN)), Infrastructure, "the grader broke"),
    ],
)
def test_a_repository_without_a_mark_has_no_result(run: CiRun, kind: type[GraderError], said: str) -> None:
    other = CiRun(handed=HANDED, out_of=100, result=a_result())
    for runs in [[run], [other, run]] if "gives points" not in said else [[run]]:
        with pytest.raises(kind, match=said):
            classroom50_result(runs, TAKEN, NOW)


OPERATORS = 'schema = 1\nbudget = "0.000001s"\n[[submission]]\nassignment = "operators"\npath = "operators.py"\n'


def test_no_older_result_is_left_where_there_is_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SUBMITTED.items():
        monkeypatch.setenv(name, value)
    settings, result = tmp_path / "teachers.toml", tmp_path / "repo" / "result.json"
    settings.write_text(OPERATORS, encoding="utf-8")
    result.parent.mkdir()
    result.write_text(FORGED, encoding="utf-8")
    words = ("ci", tmp_path / "repo", "--settings", settings, "--out", tmp_path / "out", "--classroom50", result)
    said = run_cli(*words)
    assert (said.code, result.exists()) == (2, False)
    assert "operators: not run: the time that grader.toml allows was used up before, so there is no mark." in said.err


def test_outside_classroom_50_it_says_so_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SUBMITTED:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "grader.toml").write_text(OPERATORS, encoding="utf-8")
    said = run_cli("ci", tmp_path, "--out", tmp_path / "out", "--classroom50", tmp_path / "result.json")
    assert (said.code, (tmp_path / "out").exists()) == (2, False)
    assert "Write it from an autograder.py, which its runner calls with these variables." in said.err
    said = run_cli("ci", tmp_path, "--settings", tmp_path / "grader.tml")
    assert said.code == 2 and "grader.tml: there is no such file" in said.err
