"""The built wheel, installed elsewhere and used from a folder that is no checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.notebooks import DIGITS, PERCEPTRON, notebook

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that borrows this one's dependencies and has the wheel as its only own package."""
    folder = tmp_path_factory.mktemp("env") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)
    own = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    (Path(own) / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def test_the_wheel_holds_the_content_and_only_one_importable_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"grader"}
    for wanted in (
        "assignments/exercise1/assignment.toml", "datasets/pets/dataset.toml", "reports/static/report.css",
        "reference/exercise1/solution.ipynb", "reference/exercise1/baseline.json", "examples/class",
    ):  # fmt: skip
        assert any(name.startswith(f"grader/content/{wanted}") for name in names), wanted
    assert {f"grader/checks/{name}.toml" for name in ("families", "hints", "layers")} <= set(names)
    assert not any(name.endswith((".npz", ".gz", ".jpg", ".keras")) for name in names)


def test_the_wheel_says_its_licence_and_which_pythons_it_is_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        assert metadata.replace("METADATA", "licenses/LICENSE") in archive.namelist()
        told = archive.read(metadata).decode()
    assert "License-Expression: MIT" in told
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    (supported,) = [line for line in makefile.splitlines() if line.startswith("SUPPORTED := ")]
    for version in supported.removeprefix("SUPPORTED := ").split():
        assert f"Programming Language :: Python :: {version}" in told


def test_the_installed_grader_grades_from_a_folder_of_its_own(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "work.ipynb").write_bytes(notebook(DIGITS, PERCEPTRON.replace("epochs=2", "epochs=1")))
    command = [str(installed / "bin" / "grader"), "grade", "exercise1", "work.ipynb", "--out", "results", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "graded"
    assert result["isolation"] == "bubblewrap"
    assert (tmp_path / "results" / "work" / "report.html").is_file()


def test_a_submission_finds_no_solution_in_an_installed_grader(installed: Path, tmp_path: Path) -> None:
    code = (
        "import os; print([top for top, _, names in os.walk('/') if {'solution.ipynb', 'baseline.json'} & set(names)])"
    )
    (tmp_path / "spy.ipynb").write_bytes(notebook(code))
    command = [str(installed / "bin" / "grader"), "grade", "exercise1", "spy.ipynb", "--out", "results", "--json"]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    evidence = json.loads((tmp_path / "results" / "spy" / "evidence" / "evidence.json").read_text())
    assert evidence["claims"]["cells"][0]["outputs"][0]["text"].strip() == "[]"
