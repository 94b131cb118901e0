"""`grader ci` as a runner calls it: real submissions, the runner's variables, and readers of each format."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.ci import check_repository
from grader.course.course import Course
from tests.exports.validators import read_junit, read_summary, report_autograding, run_log
from tests.fakes import Said, run_cli

ROOT = Course.at().root
EXAMPLE = ROOT / "examples" / "assignment-repo"


def runner(folder: Path) -> dict[str, str]:
    """The variables of a GitHub runner, its files in `folder`."""
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "class/exercises-ada",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"), "GITHUB_OUTPUT": str(folder / "output"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
    """The example repository after a push; the network is only looked at, to save the minute of its training."""
    folder = tmp_path_factory.mktemp("ci")
    shutil.copytree(EXAMPLE, folder / "repo")
    settings = folder / "repo" / "grader.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        text.replace('path = "exercise1.ipynb"', 'path = "exercise1.ipynb"\nmode = "smoke"'), encoding="utf-8"
    )
    words = [sys.executable, "-m", "grader", "ci", str(folder / "repo"), "--out", str(folder / "report")]
    said = subprocess.run(words, env={**os.environ, **runner(folder)}, capture_output=True, text=True, timeout=300)
    yield folder, said


def test_the_log_holds_annotations_in_the_right_file_and_obeys_nothing_else(
    pushed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, said = pushed
    assert said.returncode == 0, said.stderr
    obeyed = run_log(said.stdout)
    assert {command.name for command in obeyed} <= {"error", "warning", "notice"}
    assert ("error", "operators.py") in {(command.name, command.properties.get("file")) for command in obeyed}
    assert "optional" in said.stdout and "smoke run" in said.stdout


def test_the_case_that_goes_wrong_stands_at_its_function_and_in_the_summary(
    pushed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, said = pushed
    source = (folder / "repo" / "operators.py").read_text(encoding="utf-8").splitlines()
    (found,) = [each for each in run_log(said.stdout) if each.properties["title"].startswith("max_pool:")]
    assert source[int(found.properties["line"]) - 1].startswith("def max_pool(") and "size = " in found.data
    assert "right: " in found.data and "returned: " in found.data
    _, shown = read_summary((folder / "summary").read_text(encoding="utf-8"))
    assert "with which max_pool goes wrong" in shown and "right: " in shown


def test_the_summary_the_junit_file_and_the_classroom_result_agree(
    pushed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = pushed
    _, shown = read_summary((folder / "summary").read_text(encoding="utf-8"))
    assert "72.71 of 100 points" in shown and "exercise2: not handed in yet" in shown
    junit = read_junit((folder / "report" / "junit.xml").read_text(encoding="utf-8"))
    assert {suite.get("name") for suite in junit} and junit.get("failures") != "0"
    name, _, value = (folder / "output").read_text(encoding="utf-8").strip().partition("=")
    assert name == "result"
    told = report_autograding({"GRADER_RESULTS": value}, "grader")
    assert round(told.total, 2) == 72.71 and told.most == 100  # the smoke run gives no mark
    assert json.loads((folder / "report" / "classroom.json").read_text(encoding="utf-8"))["max_score"] == 100


def test_a_push_that_changes_nothing_runs_nothing(pushed: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = pushed
    again = run_cli("ci", folder / "repo", "--out", folder / "report", "--sandbox", "bubblewrap")
    assert again.out.count("unchanged since it was run") == 2, again.err
    assert again.code == 0


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "grader.toml").write_text(f"schema = 1\n{text}", encoding="utf-8")
    return folder


OPERATORS = '[[submission]]\nassignment = "operators"\npath = "operators.py"\n'


def ci(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    for name, value in runner(folder).items():
        monkeypatch.setenv(name, value)
    return run_cli("ci", folder, "--out", folder / "report")


def test_what_is_not_handed_in_is_a_failure_with_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ci(write(tmp_path / "repo", OPERATORS), monkeypatch)
    assert said.code == 1 and "operators.py: there is no such file or folder" in said.out
    reported = [path.read_text(encoding="utf-8") for path in (tmp_path / "repo" / "report").rglob("re*.*")]
    assert any("there is no such file or folder" in text for text in reported)
    assert not any(str(tmp_path) in text for text in reported)  # where a runner keeps it is nothing for a student
    value = (tmp_path / "repo" / "output").read_text(encoding="utf-8").partition("=")[2].strip()
    told = report_autograding({"GRADER_RESULTS": value}, "grader")
    assert (told.total, told.most, told.failed) == (0, 100, True)


def test_what_there_is_no_time_for_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = write(tmp_path / "repo", 'budget = "0.000001s"\n' + OPERATORS)
    (repository / "operators.py").write_text("x = 1\n", encoding="utf-8")
    said = ci(repository, monkeypatch)
    assert said.code == 1 and "time that grader.toml allows" in said.out
    assert not list((repository / "report").rglob("evidence.json"))


def test_a_fault_of_one_submission_takes_no_other_ones_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    optional = '[[submission]]\nassignment = "exercise1"\npath = "later.py"\noptional = true\n'
    repository = write(tmp_path / "repo", OPERATORS + optional)
    (repository / "operators.py").write_text("x = 1\n", encoding="utf-8")

    def breaks(*more: object, **words: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr(check_repository, "grade_class", breaks)
    said = ci(repository, monkeypatch)
    assert said.code == 3
    assert "operators.py: could not be graded: OverflowError: int too large to convert to float." in said.out
    assert "later.py: not handed in yet" in said.out
    document = json.loads((repository / "report" / "classroom.json").read_text(encoding="utf-8"))
    assert (document["status"], document["max_score"], document["tests"][0]["status"]) == ("error", 100, "error")


def test_nothing_that_a_student_writes_becomes_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = '::notice title=Autograding report::{"totalPoints":100,"maxPoints":100}'
    repository = write(tmp_path / "repo", OPERATORS)
    (repository / "operators.py").write_text(f"raise ValueError({forged!r} + chr(10) + {forged!r})\n", encoding="utf-8")
    said = ci(repository, monkeypatch)
    assert said.code == 1 and "totalPoints" in said.out
    assert not [command for command in run_log(said.out) if command.properties.get("title") == "Autograding report"]


def test_a_misspelt_assignment_ends_with_2_before_anything_is_run(tmp_path: Path) -> None:
    repository = write(tmp_path / "repo", OPERATORS + OPERATORS.replace('"operators"', '"operatrs"'))
    said = run_cli("ci", repository, "--out", repository / "report")
    assert said.code == 2 and "Did you mean `operators`" in said.err
