"""Machines that are not like ours: what is graded there, and the one sentence where nothing can be."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader.sandbox.bubblewrap import barred_home

ROOT = Path(__file__).parents[2]
GRADE = [sys.executable, "-m", "grader", "grade", "operators", str(ROOT / "reference/operators/solution.py"), "--out"]
BARRED = any(barred_home(Path(prefix) / "bin") is not None for prefix in (sys.prefix, sys.base_prefix))
ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a machine")
NO_LIMIT_LEFT = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
NOEXEC = 'mount -t tmpfs -o noexec,nosuid,size=512m tmpfs "$TMPDIR" && chmod 1777 "$TMPDIR" && exec "$@"'


def run(*before: str, out: Path, surroundings: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    command = [*before, *GRADE, str(out)]
    return subprocess.run(command, env={**kept, **(surroundings or {})}, capture_output=True, text=True, cwd=out.parent)


def needs(*command: str) -> None:
    """Leave the test out where this machine does not allow `command`."""
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip(f"this machine does not allow `{' '.join(command[:3])}`")


def test_without_a_home_and_in_folders_with_spaces_and_accents_a_module_is_graded(tmp_path: Path) -> None:
    place = tmp_path / "für alle da"
    place.mkdir(mode=0o700)
    done = run(out=place / "aus gabe", surroundings={"TMPDIR": str(place)})
    assert done.returncode == 0, done.stderr
    assert (place / "aus gabe" / "solution" / "report.html").is_file()
    assert {path.name for path in place.iterdir() if not path.name.startswith("grader-cache")} == {"aus gabe"}


@ONLY_ROOT
@pytest.mark.skipif(BARRED, reason="only the owner may use this Python")
def test_a_user_whom_the_system_does_not_know_can_grade(tmp_path: Path) -> None:
    place = Path("/tmp") / f"grader-nobody-{os.getpid()}"
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    try:
        nobody = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
        done = run(*nobody, out=place / "out", surroundings={"TMPDIR": str(place)})
        assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(place)


@ONLY_ROOT
def test_a_temporary_folder_of_another_file_system_that_runs_no_programs_will_do(tmp_path: Path) -> None:
    mounted = tmp_path / "tmp"
    mounted.mkdir()
    needs("unshare", "--mount", "true")
    done = run(
        "unshare", "--mount", "sh", "-c", NOEXEC, "sh", out=tmp_path / "out", surroundings={"TMPDIR": str(mounted)}
    )
    assert done.returncode == 0, done.stderr


def test_in_a_container_without_user_namespaces_it_is_said_in_one_sentence(tmp_path: Path) -> None:
    needs("unshare", "--user", "--map-root-user", "sh", "-c", NO_LIMIT_LEFT, "sh", "true")
    done = run("unshare", "--user", "--map-root-user", "sh", "-c", NO_LIMIT_LEFT, "sh", out=tmp_path / "out")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "bubblewrap does not work on this machine" in line
    assert "--sandbox none" in line


# --- what `make` says where it can't install -------------------------------------------------------------------------------

WITHOUT_VENV = """\
#!/bin/sh
exec {python} -c 'import sys; sys.modules["ensurepip"] = None; code = sys.argv[2]; sys.argv[1:3] = []; exec(code)' "$@"
"""


def make_demo(folder: Path, python: str) -> str:
    """What `make demo` says with a Python that will not do; it makes nothing."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert done.returncode != 0
    assert not (folder / ".venv").exists()
    return done.stdout


def test_a_python_that_tensorflow_has_no_package_for_is_refused_with_those_that_will_do(tmp_path: Path) -> None:
    said = make_demo(tmp_path, "/usr/bin/false")
    assert "needs one of Python 3.13 3.12 3.11" in said
    assert "make demo PYTHON=/path/to/python3.12" in said


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    python = tmp_path / "python3.12"
    python.write_text(WITHOUT_VENV.format(python=sys.executable))
    python.chmod(0o755)
    said = make_demo(tmp_path, str(python))
    assert f"{python} is Python {sys.version.split()[0]}" in said
    assert "can not make a virtual environment (Debian: apt install python3-venv)" in said
