"""A batch gives every student a row, whatever happens, and goes on where it was interrupted."""

import csv
import json
import os
import threading
from pathlib import Path

import pytest

from grader import batch
from grader.batch import grade_class, grade_submission, reusable
from grader.course import Course
from grader.errors import Infrastructure
from grader.evidence import Cause
from grader.intake import list_class, read_path, safe_name
from grader.progress import Silent
from grader.publish import Order, publish_student
from grader.results import Outcome, Result, Status
from grader.store import EVIDENCE, load_evidence, load_result
from tests.fakes import BROKE, RUBRIC, Act, Stage, a_bench, write_class, write_course, write_rubric

FAULT = Infrastructure("the sandbox did not start", "See `grader doctor`.")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def order(course: Course, tmp_path: Path) -> Order:
    return Order(out=tmp_path / "out", course=course)


def grade(order: Order, source: Path, *, jobs: int = 1, seed: int = 0) -> dict[str, Result]:
    """The results of a class by student; the class page has a row for each of them, and so has every other file."""
    with a_bench(order.course, seed=seed) as bench:
        results, index = grade_class(list_class(source), bench, order, jobs=jobs, progress=Silent())
    students = {result.student for result in results}
    with (order.out / "gradebook.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results)
    assert {row["student"].removeprefix("'") for row in rows} == students
    assert {row["student"] for row in json.loads((order.out / "batch.json").read_text(encoding="utf-8"))} == students
    assert index.is_file()
    return {result.student: result for result in results}


def test_every_student_gets_a_row_whatever_they_handed_in(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = {
        "good": Act(), "poor": Act(correct=5), "no network": Act(model=False), "refused": Act(refused="a Lambda layer"),
        "fault once": Act(faults=(FAULT,)), "fault twice": Act(faults=(FAULT, FAULT)),
        "judge twice": Act(judge_faults=(FAULT, FAULT)), "bug": Act(faults=(ZeroDivisionError("oops"),)),
        "bug in judge": Act(judge_faults=(MemoryError(),)), "broke": Act(ending=BROKE, model=False),
    }  # fmt: skip
    Stage(acts).install(monkeypatch)
    folder = write_class(tmp_path / "class", *acts)
    (folder / "no notebook.docx").write_text("words")
    (folder / "binary.py").write_bytes(b"\xff\xfe\0")
    (folder / "old.ipynb").write_text('{"nbformat": 3}')
    (folder / "empty folder").mkdir()
    (folder / "dangling.py").symlink_to(folder / "nowhere.py")
    os.mkfifo(folder / "pipe.py")
    found = grade(order, folder)
    assert {name: (result.status, result.points) for name, result in found.items()} == {
        "good": (Status.GRADED, 100), "poor": (Status.GRADED, 30), "no network": (Status.EXPLAINED, 20),
        "refused": (Status.EXPLAINED, 20), "fault once": (Status.GRADED, 100), "fault twice": (Status.BROKEN, 0),
        "judge twice": (Status.BROKEN, 0), "bug": (Status.BROKEN, 0), "bug in judge": (Status.BROKEN, 0),
        "broke": (Status.BROKEN, 0), "no notebook": (Status.EXPLAINED, 0), "binary": (Status.EXPLAINED, 0),
        "old": (Status.EXPLAINED, 0), "empty folder": (Status.EXPLAINED, 0), "dangling": (Status.EXPLAINED, 0),
        "pipe": (Status.EXPLAINED, 0),
    }  # fmt: skip
    for name, result in found.items():
        stored = load_result(order.out / safe_name(name))
        assert stored == result
        assert (order.out / safe_name(name) / "report.html").is_file()


def test_whose_fault_it_was_is_said_with_a_next_step(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = {"theirs": Act(), "ours": Act(faults=(FAULT, FAULT)), "bug": Act(faults=(KeyError("layers"),))}
    Stage(acts).install(monkeypatch)
    folder = write_class(tmp_path / "class", *acts)
    (folder / "theirs.py").write_bytes(b"")
    found = grade(order, folder)
    theirs, ours, bug = (found[name].checks[0] for name in acts)
    assert (theirs.outcome, theirs.reason) == (Outcome.FAILED, "theirs.py: is empty.")
    assert (ours.outcome, ours.reason, ours.hint) == (Outcome.BROKEN, FAULT.message, FAULT.remedy)
    assert bug.outcome is Outcome.BROKEN
    assert bug.reason == "The grader itself failed: KeyError: 'layers'."
    assert "--debug" in bug.hint


def test_a_report_that_can_not_be_made_costs_no_row(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)

    def publish(out: Path, result: Result, *more: object) -> Path:
        if result.student == "ada":
            raise RuntimeError("a bug in a template")
        return publish_student(out, result, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "publish_student", publish)
    found = grade(order, write_class(tmp_path / "class", "ada", "bob"))
    assert {name: result.status for name, result in found.items()} == {"ada": Status.BROKEN, "bob": Status.GRADED}


def test_a_student_whose_folder_can_not_be_written_keeps_a_row(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    order.out.mkdir()
    (order.out / "ada").write_text("a file where a folder should be")
    found = grade(order, write_class(tmp_path / "class", "ada", "bob"))
    assert found["ada"].status is Status.BROKEN
    assert found["bob"].passed


def test_names_that_would_overwrite_each_other_or_the_class_page_do_not(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    names = ["index.html", "gradebook.csv", "batch.json", "a b", safe_name("a b"), "a_b", "=1+1", "-rf", "😀", "Zoë"]
    folder = write_class(tmp_path / "class", *names)
    for raw in (b"M\xfcller", b"M\xf6ller"):
        (folder / os.fsdecode(raw)).mkdir()
        (folder / os.fsdecode(raw) / os.fsdecode(raw + b".py")).write_text("a = 1")
    found = grade(order, folder)
    assert len(found) == 12
    assert all(result.passed for result in found.values())
    assert len(list(order.out.glob("*/report.html"))) == 12
    page = (order.out / "index.html").read_text(encoding="utf-8")
    assert page.count("/report.html") >= 12


def test_submissions_run_side_by_side_and_keep_their_order(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"s{number}" for number in range(6)]
    stage = Stage({name: Act(seconds=0.2 if name == "s0" else 0.0) for name in names}).install(monkeypatch)
    threads: set[str] = set()

    class Told(Silent):
        def step(self, who: str, what: str) -> None:
            threads.add(threading.current_thread().name)

    with a_bench(order.course) as bench:
        entries = list_class(write_class(tmp_path / "class", *names))
        results, _ = grade_class(entries, bench, order, jobs=3, progress=Told())
    assert [result.student for result in results] == names
    assert sorted(stage.runs) == names
    assert len(threads) > 1


def test_the_same_command_goes_on_where_it_was_interrupted(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_class(tmp_path / "class", "ada", "bob", "cy")
    stage = Stage({"bob": Act(faults=(KeyboardInterrupt(),))}).install(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        grade(order, folder)
    assert (order.out / "ada" / "evidence" / EVIDENCE).is_file()
    assert not (order.out / "bob" / "evidence" / EVIDENCE).exists()
    stage.runs.clear()
    again = Stage().install(monkeypatch)
    found = grade(order, folder)
    assert all(result.passed for result in found.values())
    assert "ada" not in again.runs
    assert "bob" in again.runs


def test_stored_evidence_is_used_for_the_same_run_and_for_no_other(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    first = grade(order, folder)
    assert grade(order, folder) == first
    assert stage.runs == ["ada", "bob"]
    (folder / "ada.py").write_text("print('a new hand-in')")
    grade(order, folder)
    assert stage.runs == ["ada", "bob", "ada"]
    grade(order, folder, seed=1)
    assert stage.runs[3:] == ["ada", "bob"]
    write_rubric(order.course.root, RUBRIC.replace("at_least = 0.8", "at_least = 0.9"))
    grade(order, folder, seed=1)
    assert len(stage.runs) == 5, "another threshold is no other run"
    write_rubric(order.course.root, RUBRIC.replace("\n[[check]]", '\n[run]\nwall = "5m"\n\n[[check]]', 1))
    grade(order, folder, seed=1)
    assert len(stage.runs) == 7, "another limit is"


def test_rerun_runs_again_though_the_evidence_is_there(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada")
    grade(order, folder)
    grade(Order(out=order.out, course=order.course, rerun=True), folder)
    assert stage.runs == ["ada", "ada"]


def test_a_rerun_that_fails_by_our_fault_leaves_the_evidence_that_was_there(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada")
    grade(order, folder)
    before = (order.out / "ada" / "evidence" / EVIDENCE).read_bytes()
    Stage({"ada": Act(faults=(Infrastructure("gone"), Infrastructure("gone")))}).install(monkeypatch)
    found = grade(Order(out=order.out, course=order.course, rerun=True), folder)
    assert found["ada"].status is Status.BROKEN
    assert (order.out / "ada" / "evidence" / EVIDENCE).read_bytes() == before


def test_evidence_of_our_own_failure_or_that_was_damaged_is_not_used_again(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(ending=BROKE, model=False)}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    assert grade(order, folder)["ada"].status is Status.BROKEN
    evidence = order.out / "bob" / "evidence"
    key = load_evidence(evidence).evidence.key
    assert reusable(evidence, key) is not None
    assert reusable(evidence, "another key") is None
    assert reusable(tmp_path, key) is None
    (evidence / EVIDENCE).write_text((evidence / EVIDENCE).read_text()[:-10])
    assert reusable(evidence, key) is None
    again = Stage().install(monkeypatch)
    assert all(result.passed for result in grade(order, folder).values())
    assert again.runs == ["ada", "bob"]


def test_a_run_that_fails_leaves_no_evidence_of_an_earlier_hand_in(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_class(tmp_path / "class", "ada")
    Stage().install(monkeypatch)
    assert grade(order, folder)["ada"].passed
    (folder / "ada.py").write_text("print('a new hand-in')")
    Stage({"ada": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    assert grade(order, folder)["ada"].status is Status.BROKEN
    assert not (order.out / "ada" / "evidence" / EVIDENCE).exists()


def test_one_submission_alone_is_graded_the_same_way(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"bob": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    with a_bench(order.course) as bench:
        result = grade_submission(read_path(folder / "ada.py"), bench, order, Silent())
        assert (result.passed, result.ending.cause) == (True, Cause.FINISHED)
        with pytest.raises(Infrastructure):
            grade_submission(read_path(folder / "bob.py"), bench, order, Silent())
    assert load_result(order.out / "ada") == result
    assert {path.name for path in (order.out / "ada").iterdir()} == {"evidence", "report.html", "result.json"}
