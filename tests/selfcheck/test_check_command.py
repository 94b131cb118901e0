"""`grader check`: which file, which sandbox, which exit code; the kernel and the judge are the stage's."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.core.errors import Infrastructure, SandboxUnavailable
from grader.core.evidence import Smoke
from grader.course.course import Course
from grader.selfcheck import check_submission as checking
from grader.selfcheck.check_submission import smoke_run
from tests.fakes import RUBRIC, Act, Said, Stage, data_of, run_cli, write_class, write_course, write_rubric

FAULT = Infrastructure("The sandbox did not start.", "See `grader doctor`.")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADER_DATA", raising=False)
    return write_course(tmp_path / "course")


def check(course: Course, *words: str | Path) -> Said:
    said = run_cli("check", *words, "--course", course.root, "--data", data_of(course.root), "--sandbox", "none")
    assert "Traceback" not in said.err + said.out
    return said


@pytest.mark.parametrize(
    ("act", "full", "code"),
    [
        (Act(), False, 0), (Act(correct=1), False, 0), (Act(refused="a Lambda layer"), False, 1),
        (Act(model=False), False, 1), (Act(), True, 0), (Act(correct=7), True, 1), (Act(faults=(FAULT, FAULT)), False, 3),
    ],
)  # fmt: skip
def test_it_ends_with_0_where_all_is_fine_and_1_where_points_would_be_lost(
    course: Course, monkeypatch: pytest.MonkeyPatch, act: Act, full: bool, code: int
) -> None:
    Stage({"ada": act}).install(monkeypatch)
    work = write_class(Path("class"), "ada") / "ada.py"
    assert check(course, "tiny", work, *(["--full"] if full else [])).code == code


def test_a_smoke_run_tells_no_accuracy_and_a_full_run_that_of_the_public_images(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=9)}).install(monkeypatch)
    work = write_class(Path("class"), "ada") / "ada.py"
    smoked, full = check(course, "tiny", work).out, check(course, "tiny", work, "--full").out
    assert "Smoke run" in smoked
    assert "Accuracy 90" not in smoked
    assert "70 were not checked" in smoked
    assert "Accuracy 90.00 % (9 of 10 on the 10 judged photographs; 80 % needed)" in full
    assert "A self-check, not a mark." in full


def test_json_holds_the_findings_and_nothing_else_is_printed(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage().install(monkeypatch)
    write_class(Path("class"), "ada")
    said = json.loads(check(course, "tiny", "class/ada.py", "--json").out)
    assert said["mode"] == "smoke"
    smoke = said["result"]["smoke"]
    assert (smoke["images"], smoke["epochs"]) == (640, 1)
    assert 28 <= smoke["seconds"] <= 84, "up to three times as much on a busy machine"
    assert said["standing"] == {"out_of": 100, "certain": 0, "likely": 30, "open": 70, "lost": 0, "by_person": 0}
    assert said["open"] == ["accuracy"]


def test_without_a_file_the_one_of_the_folder_is_taken(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage().install(monkeypatch)
    monkeypatch.chdir(write_class(Path("class"), "ada"))
    assert check(course, "tiny").code == 0
    assert stage.runs == ["ada"]


def test_wrong_words_are_answered_with_the_right_ones(course: Course) -> None:
    missing, misspelt, swapped = check(course), check(course, "tinny"), check(course, "work.ipynb")
    assert [missing.code, misspelt.code, swapped.code] == [2, 2, 2]
    assert "Which assignment is it? Available: tiny. Type `grader check tiny`." in missing.err
    assert "Did you mean `tiny`?" in misspelt.err
    assert "the assignment comes first, as in `grader check tiny work.ipynb`. Available: tiny." in swapped.err


def test_where_there_is_no_sandbox_it_runs_without_one_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise SandboxUnavailable("macOS has no namespaces.")

    monkeypatch.setattr(checking, "open_sandbox", refuse)
    isolation, (remark,) = checking.choose_isolation(None)
    assert isolation == "none"
    assert remark == "Your code runs without a sandbox here, like any program that you start. macOS has no namespaces."
    assert checking.choose_isolation("bubblewrap") == ("bubblewrap", ())


def test_out_gets_the_report_and_no_evidence(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage().install(monkeypatch)
    write_class(Path("class"), "ada")
    said = check(course, "tiny", "class/ada.py", "--out", "own")
    assert said.out.splitlines()[-1] == "Report: own/ada/report.html"
    assert sorted(path.name for path in Path("own/ada").iterdir()) == ["report.html", "result.json"]
    assert json.loads(Path("own/ada/result.json").read_text())["smoke"] is not None


def test_a_comparison_for_which_this_copy_has_no_numbers_is_left_out(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    write_rubric(
        course.root,
        RUBRIC + '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "tiny"\notherwise = "baseline"\n',
    )
    said = check(course, "tiny", write_class(Path("class"), "ada") / "ada.py", "--full")
    assert said.code == 0
    assert "not checked: this copy of the course has no accuracy to compare with" in said.out
    assert "10 were not checked." in said.out


def test_the_private_split_is_never_opened(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage().install(monkeypatch)
    private = data_of(course.root) / "tiny-private"
    private.mkdir()
    (private / "digests.toml").write_text('[split.private]\ncount = 1\nimages = "secret"\nlabels = "secret"\n')
    work = write_class(Path("class"), "ada") / "ada.py"
    for words in ((), ("--full",), ("--json",)):
        said = check(course, "tiny", work, *words)
        assert said.code == 0
        assert "private" not in said.out + said.err
    graded = run_cli(
        "grade", "tiny", work, "--course", course.root, "--data", data_of(course.root), "--sandbox", "none"
    )
    assert "private" in graded.err  # the very folder that decides a mark


def test_watching_checks_again_after_a_save_and_ends_quietly(course: Course) -> None:
    head = RUBRIC.split("[[check]]")[0].replace('dataset = "tiny"', 'cases = "cases.py"').replace("60", "5")
    write_rubric(course.root, head + CASES_CHECK)
    (course.root / "assignments/tiny/cases.py").write_text(CASES, encoding="utf-8")
    work = Path("work.py")
    work.write_text("def double(x):\n    return x\n", encoding="utf-8")
    command = [sys.executable, "-m", "grader", "check", "tiny", "work.py", "--watch", "--sandbox", "none",
               "--course", str(course.root)]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(checking.__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as run:
        assert run.stdout is not None
        first = read_until(run, "Ctrl-C ends it.")
        assert "✗ 10 points of 10 would be lost as it is." in first
        time.sleep(0.1)
        work.write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
        second = read_until(run, "Ctrl-C ends it.")
        assert "✓ Everything that was checked is fine." in second
        assert "Since the last check: 10 points more (10, before 0).\n  ✓ passes now: " in second
        assert "Since the last check" not in first
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
        assert run.wait(30) == 0
    assert "No longer watching." in rest
    assert "Traceback" not in rest


def read_until(run: "subprocess.Popen[str]", word: str) -> str:
    """What was printed up to the line that holds `word`."""
    assert run.stdout is not None
    lines = []
    for line in run.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


CASES_CHECK = '[[check]]\nuse = "computes"\npoints = 10\nfunction = "double"\n'
CASES = """\
from grader.functions.cases import Group, cases

@cases(Group(title="by hand", examples=((1.0,), (2.5,))))
def double(x):
    return 2 * x
"""


def test_a_machine_with_other_work_to_do_gives_a_smoke_run_more_time_and_no_endless_one() -> None:
    usual, cores = Smoke().seconds, os.cpu_count() or 1
    assert [smoke_run(load).seconds for load in (0.0, cores, 2 * cores, 100 * cores)] == [
        usual,
        usual,
        2 * usual,
        3 * usual,
    ]
