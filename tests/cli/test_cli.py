"""The face: exit codes, words instead of tracebacks, JSON for machines."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from grader.cli import app
from grader.core.errors import Infrastructure
from grader.course.course import Course
from grader.run import collect
from tests.fakes import RUBRIC, Act, Said, Stage, data_of, run_cli, write_class, write_course, write_rubric

FAULT = Infrastructure("The sandbox did not start.", "See `grader doctor`.")
COMMANDS = (
    "check", "ci", "export", "export csv", "export moodle", "export moodle-feedback", "export canvas", "export nbgrader",
    "export gradescope", "export autograding", "export classroom", "export classroom50", "export junit", "export github",
    "export github-summary", "new", "lint", "gradebook", "gradebook show", "gradebook override", "gradebook points",
    "gradebook comment", "export course",
    "gradebook history", "review", "grade", "batch", "regrade", "report",
    "baseline", "demo", "doctor", "data", "data list", "data fetch", "data import", "student-wheel",
    "env", "env install",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADER_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def run(course: Course, *words: str | Path) -> Said:
    """The command with the tiny course, its data, and no sandbox."""
    options: list[str | Path] = ["--course", course.root, "--data", data_of(course.root)]
    if words[0] in ("grade", "batch"):
        options += ["--sandbox", "none"]
    said = run_cli(*words, *options)
    assert "Traceback" not in said.err + said.out
    return said


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (Act(), 0), (Act(correct=8), 0), (Act(correct=7), 1), (Act(model=False), 1), (Act(refused="a Lambda layer"), 1),
        (Act(faults=(FAULT,)), 0), (Act(faults=(FAULT, FAULT)), 3), (Act(faults=(KeyError("x"),)), 3),
    ],
)  # fmt: skip
def test_grade_ends_with_0_for_passed_1_for_below_the_mark_and_3_for_our_fault(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act, code: int
) -> None:
    Stage({"ada": act}).install(monkeypatch)
    said = run(course, "grade", "tiny", write_class(tmp_path / "class", "ada") / "ada.py")
    assert said.code == code, said
    if code < 2:
        assert said.out.splitlines()[-1] == "Report: out/ada/report.html"
        assert Path("out/ada/result.json").is_file()
    else:
        assert said.out == ""
        assert said.err.startswith("grader: ")


def test_a_fault_of_ours_names_itself_and_the_next_step(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_class(tmp_path / "class", "ada", "bob")
    Stage({"ada": Act(faults=(FAULT, FAULT)), "bob": Act(faults=(KeyError("x"),))}).install(monkeypatch)
    said = run(course, "grade", "tiny", folder / "ada.py")
    assert said.err == "grader: The sandbox did not start. See `grader doctor`.\n"
    said = run(course, "grade", "tiny", folder / "bob.py")
    assert said.err == "grader: this is our fault: KeyError: 'x'. Run it again with --debug.\n"


@pytest.mark.parametrize("fault", [FAULT, KeyError("x")])
def test_with_debug_the_traceback_is_shown_too(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    Stage({"ada": Act(faults=(fault, fault))}).install(monkeypatch)
    said = run_cli(
        "grade", "tiny", write_class(tmp_path / "class", "ada") / "ada.py", "--debug", "--sandbox", "none",
        "--course", course.root, "--data", data_of(course.root),
    )  # fmt: skip
    assert said.code == 3
    assert "Traceback" in said.err


def bad_input(tmp_path: Path) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Words on the command line, and what the answer must say."""
    folder = write_class(tmp_path / "class", "ada")
    (folder / "essay.docx").write_text("words")
    (folder / "old.ipynb").write_text('{"nbformat": 3}')
    (folder / "empty.py").write_text("")
    three = tmp_path / "three"
    three.mkdir()
    for name in "abc":
        (three / f"{name}.ipynb").write_text(json.dumps({"cells": [], "name": name}))
    (tmp_path / "file").write_text("x")
    ada, data = str(folder / "ada.py"), str(data_of(tmp_path / "course"))
    return {
        "unknown assignment": (("grade", "tinny", ada), ("no assignment `tinny`", "Did you mean `tiny`?")),
        "unknown assignment of a batch": (("batch", "tinny", str(folder)), ("Did you mean `tiny`?",)),
        "missing file": (("grade", "tiny", "nowhere.ipynb"), ("nowhere.ipynb: there is no such file",)),
        "missing folder": (("batch", "tiny", "nowhere"), ("nowhere is neither a folder nor a zip",)),
        "long name": (("grade", "tiny", "x" * 300 + ".py"), ("there is no such file",)),
        "no notebook": (("grade", "tiny", str(folder / "essay.docx")), ("essay.docx: is neither a notebook",)),
        "old notebook": (("grade", "tiny", str(folder / "old.ipynb")), ("format 3", "nbconvert")),
        "empty": (("grade", "tiny", str(folder / "empty.py")), ("empty.py: is empty",)),
        "three": (("grade", "tiny", str(three)), ("3 files", "solution.ipynb")),
        "batch of a file": (("batch", "tiny", ada), ("is neither a folder nor a zip",)),
        "empty class": (("batch", "tiny", str(tmp_path / "out empty")), ("is neither a folder nor a zip",)),
        "output is a file": (("grade", "tiny", ada, "--out", str(tmp_path / "file")), ("--out",)),
        "regrade nowhere": (("regrade", "tiny", "nowhere"), ("nowhere is not a folder",)),
        "regrade nothing": (("regrade", "tiny", str(three), "--data", data), ("holds no stored evidence",)),
        "report nothing": (("report", str(three)), ("holds no results",)),
        "unknown dataset": (("data", "fetch", "tinny"), ("no dataset `tinny`", "pets, pets-drawn, tiny")),
        "unknown option": (("grade", "tiny", ada, "--jobs", "2"), ("has no option --jobs", "Available: --out")),
        "unknown command": (("grad", "tiny", ada), ("no command `grad` (did you mean `grade`?)",)),
        "unknown sandbox": (("grade", "tiny", ada, "--sandbox", "docker"), ("docker", "podman")),
        "seed": (("grade", "tiny", ada, "--seed", "-1"), ("--seed",)),
        "jobs": (("batch", "tiny", str(folder), "--jobs", "0"), ("--jobs",)),
        "nothing to grade": (("grade", "tiny"), ("SUBMISSION is missing: a notebook",)),
    }  # fmt: skip


BAD = [
    "unknown assignment", "unknown assignment of a batch", "missing file", "missing folder", "long name", "no notebook",
    "old notebook", "empty", "three", "batch of a file", "empty class", "output is a file", "regrade nowhere",
    "regrade nothing", "report nothing", "unknown dataset", "unknown option", "unknown command", "unknown sandbox",
    "seed", "jobs", "nothing to grade",
]  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_wrong_words_end_with_2_and_say_what_and_where(course: Course, tmp_path: Path, case: str) -> None:
    words, expected = bad_input(tmp_path)[case]
    options = ["--course", str(course.root)] if words[0] not in ("grad",) else []
    said = run_cli(*words, *options)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    for word in expected:
        assert word in said.err


def test_a_typo_in_a_rubric_ends_with_2_and_names_file_key_and_the_right_word(course: Course, tmp_path: Path) -> None:
    write_rubric(course.root, RUBRIC.replace("at_least", "atleast"))
    said = run(course, "grade", "tiny", write_class(tmp_path / "class", "ada") / "ada.py")
    assert said.code == 2
    assert str(course.root / "assignments" / "tiny" / "assignment.toml") in said.err
    assert "`atleast` is not known (did you mean `at_least`?)." in said.err


def test_a_missing_dataset_ends_with_2_and_says_where_it_was_looked_for(course: Course, tmp_path: Path) -> None:
    ada = write_class(tmp_path / "class", "ada") / "ada.py"
    said = run_cli("grade", "tiny", ada, "--course", course.root, "--sandbox", "none")
    assert said.code == 2
    assert "The dataset `tiny` is not on this machine" in said.err
    assert "--data" in said.err
    said = run_cli("grade", "tiny", ada, "--course", course.root, "--sandbox", "none", "--data", tmp_path / "nowhere")
    assert said.code == 2
    assert "is not a folder" in said.err


def test_a_sandbox_that_can_not_be_had_ends_with_2_and_a_remedy(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no container engine, whatever this machine has
    ada = write_class(tmp_path / "class", "ada") / "ada.py"
    said = run_cli("grade", "tiny", ada, "--course", course.root, "--sandbox", "podman", "--data", data_of(course.root))
    assert said.code == 2
    assert "podman" in said.err
    assert "--sandbox bubblewrap" in said.err


def test_data_may_be_named_by_the_environment(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage().install(monkeypatch)
    monkeypatch.setenv("GRADER_DATA", str(data_of(course.root)))
    ada = write_class(tmp_path / "class", "ada") / "ada.py"
    assert run_cli("grade", "tiny", ada, "--course", course.root, "--sandbox", "none").code == 0


def test_json_is_json_and_nothing_else(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage({"bob": Act(correct=3)}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob", "Zoë 😀")
    said = run(course, "grade", "tiny", folder / "ada.py", "--json")
    one = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert one == json.loads(Path("out/ada/result.json").read_text(encoding="utf-8"))
    said = run(course, "batch", "tiny", folder, "--json")
    assert (said.code, said.err) == (0, "")
    assert {row["student"]: row["passed"] for row in json.loads(said.out)} == {
        "Zoë 😀": True,
        "ada": True,
        "bob": False,
    }


def test_a_batch_prints_a_row_for_each_student_and_where_the_class_page_is(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"bob": Act(correct=3)}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    (folder / "cy.txt").write_text("x")
    said = run(course, "batch", "tiny", folder, "--out", "results", "--jobs", "2")
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["ada", "bob", "cy"]
    assert lines[-1] == "Class page: results/index.html"
    counted = [line for line in said.err.splitlines() if line.startswith("[")]
    assert len(counted) == 3, "progress goes to standard error, a line for each"


def test_a_batch_with_a_fault_of_ours_ends_with_3_after_all_rows(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    said = run(course, "batch", "tiny", write_class(tmp_path / "class", "ada", "bob"))
    assert said.code == 3
    assert "Class page: out/index.html" in said.out
    assert "no mark" in said.out


@pytest.mark.parametrize("name", ["Ada Lovelace", 'O\'Brien "B"', "😀", "-rf", "a;b", "$(x)", "x=1", "ü"])
def test_a_file_of_any_name_is_graded(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    Stage().install(monkeypatch)
    said = run(course, "grade", "tiny", write_class(tmp_path / "class", name) / f"{name}.py")
    assert said.code == 0
    report = Path(said.out.splitlines()[-1].removeprefix("Report: "))
    assert report.is_file()
    assert report.resolve().is_relative_to(tmp_path / "out")


def test_an_unknown_assignment_leaves_no_output_folder(course: Course, tmp_path: Path) -> None:
    ada = write_class(tmp_path / "class", "ada") / "ada.py"
    assert run(course, "grade", "tinny", ada).code == 2
    assert not Path("out").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = CliRunner().invoke(app, [*command.split(), "--help"])
    assert said.exit_code == 0
    assert "Usage:" in said.output
    assert len(said.output.splitlines()) > 5


def commands_of(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        yield f"{before}{name}"
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{name} ")


def test_the_list_of_commands_is_the_one_that_is_tested() -> None:
    assert sorted(commands_of(typer.main.get_command(app))) == sorted(COMMANDS)


ROOT = Path(__file__).parents[2]


def grader(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m grader` as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, words)], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_module_runs_and_an_error_is_one_line_on_standard_error() -> None:
    done = grader("grade", "exercise7", "nowhere.ipynb")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("grader: There is no assignment `exercise7`.")
    assert done.stderr.count("\n") == 1


def test_numpy_of_the_graders_own_takes_one_thread_unless_told_otherwise() -> None:
    code = "import os, sys\nfrom grader.cli import main\nsys.argv = ['grader', '--version']\n"
    code += "try: main()\nexcept SystemExit: print(os.environ['OPENBLAS_NUM_THREADS'])"
    plain = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for told, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "4"}, "4")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env={**plain, **told}, check=True)
        assert done.stdout.split()[-1] == wanted


def test_a_line_break_in_a_name_starts_no_line_that_a_ci_system_obeys(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "grader", "report", "a\n::error::forged\n##vso[task.complete]"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert said.returncode == 2
    assert "forged" in said.stderr and "\n::" not in said.stderr and "##vso" not in said.stderr


def test_a_terminal_that_can_not_show_a_check_mark_still_gets_its_words(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    run(course, "grade", "tiny", write_class(tmp_path / "class", "Zoë") / "Zoë.py", "--out", tmp_path / "out")
    write_rubric(course.root, RUBRIC.replace("points = 70", "points = 60"))
    done = grader(
        "regrade", "tiny", tmp_path / "out", "--course", course.root, "--data", data_of(course.root),
        PYTHONIOENCODING="ascii", PYTHONUTF8="0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Zo?: 100 (passed) -> 90 (passed)")


LONG_BATCH = """
import sys
import pytest
from grader.cli import main
from tests.fakes import Act, Stage

class Told(Stage):
    def run_notebook(self, *words, **more):
        sys.stdout.write("running\\n")
        sys.stdout.flush()
        return super().run_notebook(*words, **more)

with pytest.MonkeyPatch.context() as patch:
    Told({name: Act(seconds=60) for name in ("ada", "bob", "cy")}).install(patch)
    main()
"""


def test_ctrl_c_ends_a_batch_at_once_with_130_and_says_how_to_go_on(course: Course, tmp_path: Path) -> None:
    words = ["batch", "tiny", write_class(tmp_path / "class", "ada", "bob", "cy"), "--jobs", "2", "--sandbox", "none",
             "--course", course.root, "--data", data_of(course.root), "--out", tmp_path / "out"]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", LONG_BATCH, *map(str, words)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "running" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "grader: interrupted; the same command goes on where it stopped."
    assert "Class page" not in out


def test_a_bug_in_marking_ends_with_3_and_no_traceback(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    monkeypatch.setattr(collect, "describe_run", lambda *_: 1 / 0)
    said = run(course, "grade", "tiny", write_class(tmp_path / "class", "ada") / "ada.py")
    assert said.code == 3
    assert "ZeroDivisionError" in said.err


def test_the_demo_of_pets_grades_drawn_pictures_and_says_that_they_are_no_photographs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("grader.cli.grade.batch", lambda **words: asked.append(words))
    said = run_cli("demo", "pets")
    assert said.code == 0, said.err
    assert "NOT results on photographs" in said.out
    assert [(words["assignment"], words["source"].name) for words in asked] == [("pets-drawn", "pets")]
    wrong = run_cli("demo", "dogs")
    assert wrong.code == 2
    assert wrong.err == "grader: PART: is not known. Available: mnist, pets.\n"
