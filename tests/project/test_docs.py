"""The documents name what there is: every command, check, parameter, rubric key and result key."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from grader.checks.registry import built_in
from grader.cli import app
from grader.core.assignment import Assignment
from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.core.results import Result
from grader.course.baselines import baseline_table, read_baseline
from grader.course.course import Course

ROOT = Path(__file__).parents[2]
RUBRIC = (ROOT / "docs/reference/rubric.md").read_text(encoding="utf-8")
RESULT = (ROOT / "docs/reference/result.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
WRITTEN = ("license.md", "readme.md", "summary.md")  # files that code names and writes, or finds in a download


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


def test_every_command_is_in_the_reference_and_has_help() -> None:
    command = typer.main.get_command(app)
    for name in command.commands:  # type: ignore[attr-defined]
        assert f"## `grader {name}`" in COMMANDS
        done = subprocess.run([sys.executable, "-m", "grader", name, "--help"], capture_output=True, text=True)
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_the_table_of_baselines_is_what_the_files_say() -> None:
    page = (ROOT / "docs/reference/baselines.md").read_text(encoding="utf-8")
    table = page.split("prints -->\n")[1].split("<!-- end -->")[0].splitlines()
    found = [baseline for path in Course.at().baseline_files() if (baseline := read_baseline(path)) is not None]
    assert table == baseline_table(found)


def test_the_two_commands_come_first_in_the_readme() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("grader batch")


def test_constraints_pin_versions_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all("==" in line for line in lines)
    assert not any(word in line for line in lines for word in ("://", "@", "file:", "index"))
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    for dependency in declared:
        name = dependency.split(">=")[0]
        assert name in pinned or name == "tensorflow"


def test_what_the_readme_lets_a_reader_type_needs_nothing_but_the_clone() -> None:
    for words in written_commands(ROOT / "README.md"):
        for word in words[2:] if words[0] != "ci" else words[1:]:
            assert word.startswith(("-", "out/")) or (ROOT / word).exists(), words


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "assignments").rglob("*.md")])


def written_commands(page: Path) -> list[list[str]]:
    """The lines of a page's shell blocks that call `grader`, as words; `[OPTION]` and prompts are no commands."""
    blocks = re.findall(
        r"^```(?:sh|bash|console|text)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    joined = "\n".join(blocks).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ").removeprefix(".venv/bin/") for line in joined.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("grader ") and "[" not in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_in_a_document_is_one_that_the_command_line_takes(page: Path) -> None:
    for words in written_commands(page):
        command: Any = typer.main.get_command(app)
        taken = list(words)
        while hasattr(command, "commands") and taken and not taken[0].startswith("-") and taken[0] != "FORMAT":
            assert taken[0] in command.commands, words
            command = command.commands[taken.pop(0)]
        if "--help" not in taken and "--version" not in taken and "..." not in taken:
            command.make_context(command.name, taken)


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    words = [sys.executable, "-m", "typer", "grader.cli.application", "utils", "docs", "--name", "grader"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    said = done.stdout.strip()
    assert (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8").strip() == said, "make docs writes it anew"


def test_every_page_of_the_documentation_is_in_the_sites_navigation() -> None:
    told = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").as_posix() in told


def test_a_document_that_code_sends_people_to_is_there() -> None:
    for path in sorted((ROOT / "grader").rglob("*.py")):
        for name in re.findall(r"[\w./-]+\.md\b", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file() or (ROOT / "docs" / name).is_file() or name in WRITTEN, f"{path}: {name}"


def test_the_bars_in_the_readme_of_the_reference_solutions_are_those_of_the_rubrics() -> None:
    rows = re.findall(r"^\| `(\w+)` .*\| (\d+) %", (ROOT / "reference/README.md").read_text(encoding="utf-8"), re.M)
    assert {name for name, _ in rows} == {"exercise1", "exercise2", "pets"}
    for name, percent in rows:
        (check,) = [item for item in Course.at().assignment(name).check if item.use == "accuracy"]
        bar = check.parameters.get("at_least") or max(band["at"] for band in check.parameters["bands"])
        assert f"{bar:.0%}" == f"{percent}%"
