"""The pipeline of the example repository: its own lines, run by a shell as GitLab's runner does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from grader.course.course import Course
from tests.exports.validators import read_junit

EXAMPLE = Course.at().root / "examples" / "assignment-repo"
PIPELINE = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text(encoding="utf-8"))
PIP = """#!/bin/sh
# In the place of `python -m pip install`: the grader is there already. What was asked for is kept.
for word in "$@"; do echo "$word"; done > asked
"""


def test_the_pipelines_lines_grade_the_repository_and_leave_what_gitlab_collects(tmp_path: Path) -> None:
    repository = tmp_path / "exercises-ada"
    repository.mkdir()
    shutil.copy(EXAMPLE / "operators.py", repository)
    (repository / "grader.toml").write_text(
        'schema = 1\n[[submission]]\nassignment = "operators"\npath = "operators.py"\n', encoding="utf-8"
    )
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python").write_text(PIP, encoding="utf-8")
    (commands / "python").chmod(0o755)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {**os.environ, "PATH": path, "CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(repository)}
    variables = {
        name: value.replace("$CI_PROJECT_DIR", str(repository)) for name, value in PIPELINE["variables"].items()
    }
    script = "\n".join(PIPELINE["grade"]["script"])
    done = subprocess.run(
        ["sh", "-ec", script], cwd=repository, env={**given, **variables}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *words, wanted = (repository / "asked").read_text(encoding="utf-8").splitlines()
    assert words == ["-m", "pip", "install", "--quiet"]
    requirement = Requirement(wanted)
    assert (requirement.name, requirement.extras, requirement.url) == ("grader", {"classroom"}, variables["GRADER"])
    collected = PIPELINE["grade"]["artifacts"]
    junit = read_junit((repository / collected["reports"]["junit"]).read_text(encoding="utf-8"))
    assert int(junit.get("tests", 0)) > 5 and re.search(r"72\.71 of 100", done.stdout)
    assert all((repository / path).is_dir() for path in collected["paths"])
    assert all(
        (repository / path).is_relative_to(repository)
        for cache in PIPELINE["grade"]["cache"]
        for path in cache["paths"]
    )
