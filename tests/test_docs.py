"""The documents name what there is: every command, check, parameter, rubric key and result key."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from grader.assignment import Assignment
from grader.baseline_file import baseline_table, read_baseline
from grader.checks.registry import built_in
from grader.cli import app
from grader.course import Course
from grader.evidence import Cause
from grader.limits import Limits
from grader.results import Result

ROOT = Path(__file__).parent.parent
RUBRIC = (ROOT / "docs/reference/rubric.md").read_text(encoding="utf-8")
RESULT = (ROOT / "docs/reference/result.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_check_is_documented_with_its_parameters(name: str) -> None:
    assert f"### `{name}`" in RUBRIC
    section = RUBRIC.split(f"### `{name}`")[1].split("\n### ")[0]
    for parameter in built_in()[name].parameters.model_fields:
        assert f"`{parameter}" in section


def test_every_key_of_a_rubric_is_documented() -> None:
    keys = {field.alias or name for name, field in Assignment.model_fields.items()} - {"id", "run", "check"}
    for key in keys | set(Limits.model_fields):
        assert f"`{key}`" in RUBRIC


def test_every_key_of_a_result_and_every_cause_is_documented() -> None:
    for name, field in Result.model_fields.items():
        assert f"`{field.alias or name}`" in RESULT
    for cause in Cause:
        assert f"`{cause.value}`" in RESULT


def test_every_command_is_in_the_readme_and_has_help() -> None:
    command = typer.main.get_command(app)
    for name in command.commands:  # type: ignore[attr-defined]
        assert name in README
        done = subprocess.run([sys.executable, "-m", "grader", name, "--help"], capture_output=True, text=True)
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_the_table_of_baselines_is_what_the_files_say() -> None:
    page = (ROOT / "docs/reference/baselines.md").read_text(encoding="utf-8")
    table = page.split("prints -->\n")[1].split("<!-- end -->")[0].splitlines()
    found = [baseline for path in Course.at().baseline_files() if (baseline := read_baseline(path)) is not None]
    assert table == baseline_table(found)


def test_the_two_commands_come_first_in_the_readme() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("grader grade")


def test_constraints_pin_versions_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all("==" in line for line in lines)
    assert not any(word in line for line in lines for word in ("://", "@", "file:", "index"))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    for dependency in declared:
        name = dependency.split(">=")[0]
        assert name in pinned or name == "tensorflow"


def test_the_links_of_the_readme_lead_somewhere() -> None:
    import re

    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
