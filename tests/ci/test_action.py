"""The action's own steps, run by bash with the variables that a runner gives, and the order in which it keeps things."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.course.course import Course

ROOT = Course.at().root
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
INPUTS = {name: each["default"] for name, each in ACTION["inputs"].items()}
EVER = """always() && contains(fromJSON('["success", "failure", "cancelled"]'), steps.grade.outcome)"""


@dataclass(frozen=True)
class Runner:
    """A job's folders; each step gets its own files for outputs and summary, as on GitHub."""

    folder: Path

    def run(self, name: str, values: dict[str, str], **more: str) -> tuple[int, dict[str, str], str, str]:
        """Run a step by its name or id, its expressions replaced: exit code, outputs, summary, log."""
        step = next(step for step in STEPS if name in (step.get("name"), step.get("id")))
        for place in ("home", "temp", "workspace"):
            (self.folder / place).mkdir(exist_ok=True)
        for file in ("output", "summary"):
            (self.folder / file).write_text("", encoding="utf-8")
        environment = {key: _fill(str(value), values) for key, value in step.get("env", {}).items()}
        given = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "RUNNER_TEMP": str(self.folder / "temp"),
            "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.folder / "workspace"), "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=self.folder / "workspace",
            env={**given, **environment, **more}, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return (
            done.returncode,
            outputs,
            (self.folder / "summary").read_text(encoding="utf-8"),
            done.stdout + done.stderr,
        )


def _fill(text: str, values: dict[str, str]) -> str:
    """A text with its expressions replaced: inputs by their defaults, the rest by `values`."""
    known = {**{f"inputs.{name}": value for name, value in INPUTS.items()}, **values}
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known[found[1]], text)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def saves() -> list[dict[str, Any]]:
    return [step for step in STEPS if "cache/save" in step.get("uses", "")]


def test_what_was_found_is_kept_when_the_grade_fails_and_only_then_looked_for_where_there_was_one() -> None:
    at = next(number for number, step in enumerate(STEPS) if step.get("id") == "grade")
    after = [step for step in saves() if STEPS.index(step) > at]
    assert [step["with"]["path"] for step in after] == ["~/.cache/grader", "${{ inputs.report }}"]
    assert [step["if"] for step in after] == ["always() && steps.fetched.outputs.key != ''", EVER]
    assert next(step for step in STEPS if step.get("id") == "fetched")["if"] == EVER
    (packages,) = [step for step in saves() if STEPS.index(step) < at]
    assert STEPS[STEPS.index(packages) - 1]["id"] == "install"  # kept before anything can fail that is the student's
    assert not any(re.match(r"actions/cache@", step.get("uses", "")) for step in STEPS)


def test_a_run_that_is_repeated_writes_a_cache_of_its_own_and_finds_the_one_before() -> None:
    evidence = saves()[-1]["with"]["key"]
    assert evidence.endswith("${{ github.run_id }}-${{ github.run_attempt }}")
    restored = [step["with"] for step in STEPS if "cache/restore" in step.get("uses", "")]
    assert evidence.startswith(restored[-1]["restore-keys"])
    assert "github.ref" not in str(restored)  # whatever the default branch is called: GitHub knows whose a cache is


def test_nothing_rests_on_what_a_composite_action_is_not_told() -> None:
    assert "github.action_ref" not in str(STEPS) and "github.action_repository" not in str(STEPS)


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    used = re.findall(r"uses: (\S+)(.*)", (ROOT / "action.yml").read_text(encoding="utf-8"))
    assert len(used) == 8
    for name, version in used:
        assert re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40}", name) and re.fullmatch(r" # v\d+\.\d+\.\d+", version)


def test_the_names_tell_one_version_python_and_report_from_another(runner: Runner) -> None:
    code, names, _, log = runner.run("names", {})
    assert code == 0, log
    assert names["artifact"] == "report" and re.fullmatch("[0-9a-f]{16}", names["version"])
    assert names["packages"] == "grader-packages-Linux-X64-3.12-"
    code, other, _, _ = runner.run("names", {"inputs.report": "report/week1", "inputs.python-version": "3.13"})
    assert (code, other["artifact"]) == (0, "report-week1")
    assert other["evidence"] == "grader-evidence-Linux-X64-3.13-report-week1-"
    assert "," not in str(list(names.values()))[1:-1].replace("', '", "")  # GitHub refuses such a key


def test_a_second_use_of_the_same_report_is_refused_in_words(runner: Runner) -> None:
    for report in ("report/week1", "report/week2", "report/week3"):
        assert runner.run("names", {"inputs.report": report})[0] == 0
    code, names, _, log = runner.run("names", {"inputs.report": "report/week2"})
    assert (code, names) == (2, {}) and "Give each use of the action its own" in log


@pytest.mark.parametrize("report", ["../out", "a/../..", "/tmp/x", "a b", "$(touch pwned)", "a\nb=c", "", ".", "a/./b"])
def test_a_report_that_is_no_folder_of_the_repository_is_refused(runner: Runner, report: str) -> None:
    code, names, _, log = runner.run("names", {"inputs.report": report})
    assert (code, names) == (2, {}) and "must be a folder of the repository" in log
    assert not (runner.folder / "workspace" / "pwned").exists()


def test_data_is_kept_once_it_was_fetched_and_not_again(runner: Runner) -> None:
    values = {"steps.data.outputs.cache-matched-key": "", "steps.names.outputs.data": "grader-data-Linux-"}
    assert runner.run("fetched", values)[1] == {}  # a first run without a cache that needed no data
    cache = runner.folder / "home" / ".cache" / "grader" / "mnist"
    cache.mkdir(parents=True)
    (cache / "train.gz").write_bytes(b"123")
    key = runner.run("fetched", values)[1]["key"]
    assert re.fullmatch("grader-data-Linux-[0-9a-f]{16}", key)
    assert runner.run("fetched", {**values, "steps.data.outputs.cache-matched-key": key})[1] == {}
    (cache / "test.gz").write_bytes(b"45")
    assert runner.run("fetched", {**values, "steps.data.outputs.cache-matched-key": key})[1]["key"] != key


def test_the_report_is_linked_in_the_summary(runner: Runner) -> None:
    url = "https://github.com/class/ada/actions/runs/1/artifacts/2"
    values = {"steps.upload.outputs.artifact-url": url, "steps.names.outputs.artifact": "report-week1"}
    code, _, summary, _ = runner.run("Link the report", values)
    assert code == 0 and f"(report-week1.zip)]({url})" in summary
    assert ACTION["outputs"]["artifact-url"]["value"] == "${{ steps.upload.outputs.artifact-url }}"


def test_three_exercises_in_folders_of_their_own_are_graded_side_by_side(runner: Runner) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for week in ("week1", "week2", "week3"):
        folder = runner.folder / "workspace" / week
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "examples/assignment-repo/operators.py", folder)
        (folder / "grader.toml").write_text(
            'schema = 1\n[[submission]]\nassignment = "operators"\npath = "operators.py"\n', encoding="utf-8"
        )
        values = {"inputs.folder": week, "inputs.report": f"report/{week}"}
        code, outputs, summary, log = runner.run("grade", values, PATH=path, GITHUB_REPOSITORY="class/exercises-ada")
        assert code == 0 and outputs["result"] and "72.71 of 100" in re.sub("&#46;", ".", summary), log
        assert (runner.folder / "workspace" / "report" / week / "junit.xml").is_file()
        assert f"file={week}/operators.py," in log  # annotations stand at the file, seen from the repository's root
