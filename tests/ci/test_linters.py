"""What linters say of the action, the workflow and the pipeline: nothing, and of broken ones something."""

import subprocess
import sys
from pathlib import Path

import pytest

from grader.course.course import Course

ROOT = Course.at().root
EXAMPLE = ROOT / "examples/assignment-repo"
WORKFLOW = EXAMPLE / ".github/workflows/grade.yml"
FILES = [
    ("vendor.github-actions", ROOT / "action.yml"), ("vendor.github-workflows", WORKFLOW),
    ("vendor.gitlab-ci", EXAMPLE / ".gitlab-ci.yml"),
]  # fmt: skip
BIN = Path(sys.executable).parent


def lint(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / words[0]), *map(str, words[1:])], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("schema", "path"), FILES, ids=[path.name for _, path in FILES])
def test_each_file_is_as_its_platform_reads_it(schema: str, path: Path, tmp_path: Path) -> None:
    done = lint("check-jsonschema", "--builtin-schema", schema, path)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / path.name
    broken.write_text(path.read_text(encoding="utf-8").replace("uses:", "use:").replace("script:", "skript:"))
    assert lint("check-jsonschema", "--builtin-schema", schema, broken).returncode != 0


def test_the_action_and_the_workflow_hold_no_known_hole(tmp_path: Path) -> None:
    done = lint("zizmor", "--offline", "--no-config", ROOT / "action.yml", WORKFLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "action.yml"
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    broken.write_text(text.replace('grader ci "$FOLDER"', 'grader ci "${{ inputs.folder }}"'), encoding="utf-8")
    assert "template-injection" in lint("zizmor", "--offline", "--no-config", broken).stdout
