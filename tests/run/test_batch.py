"""A batch gives every student a row, whatever happens, and goes on where it was interrupted."""

import csv
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.core import store
from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Cause
from grader.core.grades import HandIn
from grader.core.progress import Silent
from grader.core.results import Grade, Outcome, Result, Status, Student
from grader.core.store import EVIDENCE, load_evidence, load_result, save_result
from grader.course.course import Course
from grader.gradebook import Gradebook, Refused, open_gradebook
from grader.intake import Entry, Submission, digest_name, read_path, safe_name
from grader.kernel.run_notebook import Execution, Job
from grader.marking.accuracy_to_beat import Earlier, index_earlier
from grader.marking.mark import mark_attempts
from grader.marking.publish import OutputOptions, publish_student
from grader.marking.regrade import regrade
from grader.marking.repeated_runs import load_attempts
from grader.marking.similarity import KIND, PAIRS, load_compared
from grader.run import batch, collect, grade_one, result_writer
from grader.run.batch import grade_class
from grader.run.collect import Collected, CollectorGone, LocalCollector
from grader.run.grade_one import grade_submission, reusable
from grader.run.packed_results import Rows
from grader.run.similar_code import compare_again
from tests.fakes import (
    BROKE,
    RUBRIC,
    Act,
    Stage,
    a_context,
    a_result,
    a_rubric,
    list_class,
    write_class,
    write_course,
    write_rubric,
)

FAULT = Infrastructure("the sandbox did not start", "See `grader doctor`.")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def output(course: Course, tmp_path: Path) -> OutputOptions:
    return OutputOptions(out=tmp_path / "out", course=course)


def grade(output: OutputOptions, source: Path, *, jobs: int = 1, seed: int = 0) -> dict[str, Result]:
    """The results of a class by student; the class page has a row for each of them, and so has every other file."""
    with a_context(output.course, seed=seed) as context:
        results, index = grade_class(list_class(source), context, output, jobs=jobs, progress=Silent())
    students = {result.student for result in results}
    with (output.out / "gradebook.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results)
    assert {row["student"].removeprefix("'") for row in rows} == students
    assert {row["student"] for row in json.loads((output.out / "batch.json").read_text(encoding="utf-8"))} == students
    assert index.is_file()
    return {result.student: result for result in results}


def test_every_student_gets_a_row_whatever_they_handed_in(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    found = grade(output, folder)
    assert {name: (result.status, result.points) for name, result in found.items()} == {
        "good": (Status.GRADED, 100), "poor": (Status.GRADED, 30), "no network": (Status.EXPLAINED, 20),
        "refused": (Status.EXPLAINED, 20), "fault once": (Status.GRADED, 100), "fault twice": (Status.BROKEN, 0),
        "judge twice": (Status.BROKEN, 0), "bug": (Status.BROKEN, 0), "bug in judge": (Status.BROKEN, 0),
        "broke": (Status.BROKEN, 0), "no notebook": (Status.EXPLAINED, 0), "binary": (Status.EXPLAINED, 0),
        "old": (Status.EXPLAINED, 0), "empty folder": (Status.EXPLAINED, 0), "dangling": (Status.EXPLAINED, 0),
        "pipe": (Status.EXPLAINED, 0),
    }  # fmt: skip
    for name, result in found.items():
        stored = load_result(output.out / safe_name(name))
        assert stored == result
        assert (output.out / safe_name(name) / "report.html").is_file()


def test_whose_fault_it_was_is_said_with_a_next_step(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = {"theirs": Act(), "ours": Act(faults=(FAULT, FAULT)), "bug": Act(faults=(KeyError("layers"),))}
    Stage(acts).install(monkeypatch)
    folder = write_class(tmp_path / "class", *acts)
    (folder / "theirs.py").write_bytes(b"")
    found = grade(output, folder)
    theirs, ours, bug = (found[name].checks[0] for name in acts)
    assert (theirs.outcome, theirs.reason) == (Outcome.FAILED, "theirs.py: is empty.")
    assert (ours.outcome, ours.reason, ours.hint) == (Outcome.BROKEN, FAULT.message, FAULT.remedy)
    assert bug.outcome is Outcome.BROKEN
    assert bug.reason == "The grader itself failed: KeyError: 'layers'."
    assert "--debug" in bug.hint


def test_a_report_that_can_not_be_made_costs_no_row(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)

    def publish(out: Path, result: Result, *more: object) -> Path:
        if result.student == "ada":
            raise RuntimeError("a bug in a template")
        return publish_student(out, result, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(result_writer, "publish_student", publish)
    found = grade(output, write_class(tmp_path / "class", "ada", "bob"))
    assert {name: result.status for name, result in found.items()} == {"ada": Status.BROKEN, "bob": Status.GRADED}


def test_a_student_whose_folder_can_not_be_written_keeps_a_row(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    output.out.mkdir()
    for name in ("ada", digest_name("ada"), "bob"):
        (output.out / name).write_text("a file where a folder should be")
    found = grade(output, write_class(tmp_path / "class", "ada", "bob"))
    assert found["ada"].status is Status.BROKEN
    assert found["bob"].passed, "there is another place"


def test_names_that_would_overwrite_each_other_or_the_class_page_do_not(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    names = ["index.html", "gradebook.csv", "batch.json", "a b", safe_name("a b"), "a_b", "=1+1", "-rf", "😀", "Zoë"]
    folder = write_class(tmp_path / "class", *names)
    for raw in (b"M\xfcller", b"M\xf6ller"):
        (folder / os.fsdecode(raw)).mkdir()
        (folder / os.fsdecode(raw) / os.fsdecode(raw + b".py")).write_text("a = 1")
    found = grade(output, folder)
    assert len(found) == 12
    assert all(result.passed for result in found.values())
    assert len(list(output.out.glob("*/report.html"))) == 12
    page = (output.out / "index.html").read_text(encoding="utf-8")
    assert page.count("/report.html") >= 12


def test_submissions_run_side_by_side_and_keep_their_order(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"s{number}" for number in range(6)]
    stage = Stage({name: Act(seconds=0.2 if name == "s0" else 0.0) for name in names}).install(monkeypatch)
    threads: set[str] = set()

    class Told(Silent):
        def step(self, who: str, what: str) -> None:
            threads.add(threading.current_thread().name)

    with a_context(output.course) as context:
        entries = list_class(write_class(tmp_path / "class", *names))
        results, _ = grade_class(entries, context, output, jobs=3, progress=Told())
    assert [result.student for result in results] == names
    assert sorted(stage.runs) == names
    assert len(threads) > 1


def test_the_same_command_goes_on_where_it_was_interrupted(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_class(tmp_path / "class", "ada", "bob", "cy")
    stage = Stage({"bob": Act(faults=(KeyboardInterrupt(),))}).install(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        grade(output, folder)
    assert (output.out / "ada" / "evidence" / EVIDENCE).is_file()
    assert not (output.out / "bob" / "evidence" / EVIDENCE).exists()
    stage.runs.clear()
    again = Stage().install(monkeypatch)
    found = grade(output, folder)
    assert all(result.passed for result in found.values())
    assert "ada" not in again.runs
    assert "bob" in again.runs


def test_the_gradebook_and_the_class_page_hold_the_same_rows_after_an_interrupt_between_the_two(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, publish, interrupted = write_class(tmp_path / "class", "ada", "bob", "cy"), publish_student, ["bob"]
    Stage().install(monkeypatch)
    output.out.mkdir()

    def publish_once(out: Path, result: Result, *rest: Any) -> None:
        if result.student in interrupted:
            interrupted.remove(result.student)
            raise KeyboardInterrupt
        publish(out, result, *rest)

    monkeypatch.setattr(result_writer, "publish_student", publish_once)
    with a_context(output.course) as context, open_gradebook(output.out) as book:
        with pytest.raises(KeyboardInterrupt):
            grade_class(list_class(folder), context, output, jobs=1, progress=Silent(), book=book)
        recorded = {one.student.name for one in book.grades() if one.points is not None}
    with (output.out / "gradebook.csv").open(newline="", encoding="utf-8-sig") as file:
        assert {row["student"] for row in csv.DictReader(file)} == recorded == {"ada", "bob"}
    assert load_result(output.out / "bob") is not None


def test_stored_evidence_is_used_for_the_same_run_and_for_no_other(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    first = grade(output, folder)
    assert grade(output, folder) == first
    assert stage.runs == ["ada", "bob"]
    (folder / "ada.py").write_text("print('a new hand-in')")
    grade(output, folder)
    assert stage.runs == ["ada", "bob", "ada"]
    grade(output, folder, seed=1)
    assert stage.runs[3:] == ["ada", "bob"]
    write_rubric(output.course.root, RUBRIC.replace("at_least = 0.8", "at_least = 0.9"))
    grade(output, folder, seed=1)
    assert len(stage.runs) == 5, "another threshold is no other run"
    write_rubric(output.course.root, RUBRIC.replace("\n[[check]]", '\n[run]\nwall = "5m"\n\n[[check]]', 1))
    grade(output, folder, seed=1)
    assert len(stage.runs) == 7, "another limit is"


def test_rerun_runs_again_though_the_evidence_is_there(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada")
    grade(output, folder)
    grade(OutputOptions(out=output.out, course=output.course, rerun=True), folder)
    assert stage.runs == ["ada", "ada"]


def test_a_rerun_that_fails_by_our_fault_leaves_the_evidence_that_was_there(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada")
    grade(output, folder)
    before = (output.out / "ada" / "evidence" / EVIDENCE).read_bytes()
    Stage({"ada": Act(faults=(Infrastructure("gone"), Infrastructure("gone")))}).install(monkeypatch)
    found = grade(OutputOptions(out=output.out, course=output.course, rerun=True), folder)
    assert found["ada"].status is Status.BROKEN
    assert (output.out / "ada" / "evidence" / EVIDENCE).read_bytes() == before


def test_evidence_of_our_own_failure_or_that_was_damaged_is_not_used_again(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(ending=BROKE, model=False)}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    assert grade(output, folder)["ada"].status is Status.BROKEN
    evidence = output.out / "bob" / "evidence"
    key = load_evidence(evidence).evidence.key
    assert reusable(evidence, key) is not None
    assert reusable(evidence, "another key") is None
    assert reusable(tmp_path, key) is None
    (evidence / EVIDENCE).write_text((evidence / EVIDENCE).read_text()[:-10])
    assert reusable(evidence, key) is None
    again = Stage().install(monkeypatch)
    assert all(result.passed for result in grade(output, folder).values())
    assert again.runs == ["ada", "bob"]


def test_a_run_that_fails_leaves_no_evidence_of_an_earlier_hand_in(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_class(tmp_path / "class", "ada")
    Stage().install(monkeypatch)
    assert grade(output, folder)["ada"].passed
    (folder / "ada.py").write_text("print('a new hand-in')")
    Stage({"ada": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    assert grade(output, folder)["ada"].status is Status.BROKEN
    assert not (output.out / "ada" / "evidence" / EVIDENCE).exists()


def test_one_submission_alone_is_graded_the_same_way(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"bob": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    with a_context(output.course) as context:
        result = grade_submission(read_path(folder / "ada.py"), context, output, Silent())
        assert (result.passed, result.ending.cause) == (True, Cause.FINISHED)
        with pytest.raises(Infrastructure):
            grade_submission(read_path(folder / "bob.py"), context, output, Silent())
    assert load_result(output.out / "ada") == result
    assert {path.name for path in (output.out / "ada").iterdir()} == {"evidence", "report.html", "result.json"}


# -- a borderline run is repeated

TWICE = RUBRIC.replace("\n[[check]]", '\n[retry]\ntimes = 2\ncounts = "best"\n\n[[check]]', 1)


class Told(Silent):
    """Remembers what was said of whom."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def step(self, who: str, what: str) -> None:
        self.said.append((who, what))


def one(output: OutputOptions, source: Path) -> tuple[Result, Told]:
    """ada's hand-in alone, and what was said while it went on."""
    told = Told()
    with a_context(output.course) as context:
        return grade_submission(read_path(source / "ada.py"), context, output, told), told


@pytest.fixture
def twice(output: OutputOptions, tmp_path: Path) -> Path:
    """A rubric that repeats borderline runs, and ada's hand-in."""
    write_rubric(output.course.root, TWICE)
    return write_class(tmp_path / "class", "ada")


def test_only_borderline_runs_are_repeated_and_nobody_else_waits(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rubric(output.course.root, TWICE)
    acts = {
        "passes": Act(), "just": Act(correct=8), "border": Act(correct=7, by_seed={1000: 6, 2000: 9}),
        "clear": Act(correct=4), "refused": Act(refused="a Lambda layer"), "none": Act(model=False),
        "broke": Act(ending=BROKE, model=False), "lucky": Act(correct=6, by_seed={1000: 10}),
    }  # fmt: skip
    stage = Stage(acts).install(monkeypatch)
    found = grade(output, write_class(tmp_path / "class", *acts), jobs=2)
    assert {name: seeds for name, seeds in stage.seeds.items() if len(seeds) > 1} == {
        "border": [0, 1000, 2000], "lucky": [0, 1000],
    }  # fmt: skip
    assert (found["border"].points, found["border"].seed, found["lucky"].points) == (100, 2000, 100)
    assert [flag.kind for flag in found["border"].flags] == ["borderline"]
    assert {path.name for path in (output.out / "border").iterdir()} == {
        "evidence", "evidence-2", "evidence-3", "report.html", "result.json",
    }  # fmt: skip


def test_it_is_said_while_it_goes_on(output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage({"ada": Act(correct=7, by_seed={1000: 9})}).install(monkeypatch)
    _, told = one(output, twice)
    assert ("ada", "borderline: run again with seed 1000") in told.said


def test_the_limits_of_each_run_are_the_same(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(correct=7, by_seed={1000: 6})}).install(monkeypatch)
    plain, limits = stage.run_notebook, []

    def run_notebook(job: Job, *more: object, **words: object) -> Execution:
        limits.append(job.limits)
        return plain(job, *more, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(collect, "run_notebook", run_notebook)
    one(output, twice)
    assert len(limits) == 3
    assert len(set(limits)) == 1


def test_a_network_that_no_seed_changes_is_run_twice_and_no_more(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(correct=7)}).install(monkeypatch)
    found, _ = one(output, twice)
    assert stage.seeds["ada"] == [0, 1000]
    assert found.points == 30


def test_the_same_command_goes_on_between_two_runs(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = Act(correct=7, by_seed={1000: 6, 2000: 9})
    stage = Stage({"ada": act}).install(monkeypatch)
    plain = stage.run_notebook

    def interrupted(job: Job, *more: object, **words: object) -> Execution:
        if job.seed == 2000:
            raise KeyboardInterrupt
        return plain(job, *more, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(collect, "run_notebook", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one(output, twice)
    assert len(load_attempts(output.out / "ada")) == 2
    again = Stage({"ada": act}).install(monkeypatch)
    found, _ = one(output, twice)
    assert again.seeds == {"ada": [2000]}
    assert found.points == 100
    assert one(output, twice)[0] == found
    assert again.seeds == {"ada": [2000]}


def test_a_repetition_that_fails_by_our_fault_costs_nobody_the_first_run(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(correct=7, by_seed={1000: 9})}).install(monkeypatch)
    plain = stage.run_notebook

    def faulty(job: Job, *more: object, **words: object) -> Execution:
        if job.seed == 1000:
            raise FAULT
        return plain(job, *more, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(collect, "run_notebook", faulty)
    found, told = one(output, twice)
    assert (found.status, found.points) == (Status.GRADED, 30)
    assert "Another run is due" in found.flags[0].reason
    assert ("ada", f"could not be run again: {FAULT.message}") in told.said
    monkeypatch.setattr(collect, "run_notebook", plain)
    assert one(output, twice)[0].points == 100, "the same command makes up for it"


def test_a_collector_that_is_gone_at_a_repetition_ends_the_batch_and_marks_nobody(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = Act(correct=7, by_seed={1000: 10})
    Stage({"ada": act}).install(monkeypatch)

    class Leaving(LocalCollector):
        def collect(self, submission: Submission, seed: int) -> Collected:
            if seed:
                raise CollectorGone("The scheduler is gone.")
            return super().collect(submission, seed)

    with a_context(output.course) as context, pytest.raises(CollectorGone):
        leaving = Leaving(context, 1, Silent())
        grade_class(list_class(twice), context, output, jobs=1, progress=Silent(), collector=leaving)
    assert load_result(output.out / "ada") is None
    again = Stage({"ada": act}).install(monkeypatch)
    assert grade(output, twice)["ada"].points == 100
    assert again.seeds == {"ada": [1000]}


def test_runs_of_an_earlier_hand_in_do_not_count_for_a_new_one(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=7, by_seed={1000: 10})}).install(monkeypatch)
    assert one(output, twice)[0].points == 100
    (twice / "ada.py").write_text("print('a new hand-in')")
    Stage({"ada": Act(correct=4)}).install(monkeypatch)
    found, _ = one(output, twice)
    assert (found.points, len(found.attempts)) == (30, 1)
    assert not (output.out / "ada" / "evidence-2" / EVIDENCE).exists()
    regrade(a_rubric(output.course), output, dry_run=False)
    assert load_result(output.out / "ada") == found


def test_a_rerun_makes_every_run_afresh(output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage({"ada": Act(correct=7, by_seed={1000: 9})}).install(monkeypatch)
    one(output, twice)
    one(OutputOptions(out=output.out, course=output.course, rerun=True), twice)
    assert stage.seeds["ada"] == [0, 1000, 0, 1000]


def test_a_regrade_is_a_pure_function_of_all_stored_runs(
    output: OutputOptions, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=7, by_seed={1000: 6, 2000: 9})}).install(monkeypatch)
    found, _ = one(output, twice)
    kept = {path: path.read_bytes() for path in output.out.rglob("evidence*/*")}

    def refuse(*words: object, **more: object) -> None:
        pytest.fail("regrading started something")

    monkeypatch.setattr("subprocess.Popen", refuse)
    monkeypatch.setattr(collect, "run_notebook", refuse)
    points = {}
    for times, counts in ((0, "best"), (1, "best"), (2, "mean"), (2, "last"), (2, "first"), (2, "best")):
        policy = TWICE.replace("times = 2", f"times = {times}").replace('"best"', f'"{counts}"')
        write_rubric(output.course.root, policy)
        regrade(a_rubric(output.course), output, dry_run=False)
        result = load_result(output.out / "ada")
        assert result is not None
        points[times, counts] = (result.points, result.seed)
    assert points == {
        (0, "best"): (30, 0), (1, "best"): (30, 0), (2, "mean"): (30, 0), (2, "last"): (100, 2000),
        (2, "first"): (30, 0), (2, "best"): (100, 2000),
    }  # fmt: skip
    assert (
        load_result(output.out / "ada")
        == found
        == mark_attempts(load_attempts(output.out / "ada"), a_rubric(output.course), {})
    )
    assert {path: path.read_bytes() for path in output.out.rglob("evidence*/*")} == kept


def test_earlier_results_are_read_once_for_a_class_and_a_wrong_folder_is_told_before_anything_runs(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rubric(output.course.root, RUBRIC + '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "other"\n')
    write_rubric(output.course.root, RUBRIC, assignment="other")
    judged_on = a_rubric(output.course).judged_on
    for student in ("ada", "bob", "cy"):
        earlier = a_result(assignment="other", student=student, judged_on=judged_on)
        save_result(tmp_path / "earlier" / student, earlier)
    stage = Stage().install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob", "cy")
    walked: list[str] = []

    def index(folder: Path | None, exercises: tuple[str, ...], book: Gradebook | None) -> Earlier | None:
        walked.append(str(folder))
        return index_earlier(folder, exercises, book)

    monkeypatch.setattr(batch, "index_earlier", index)
    found = grade(OutputOptions(out=output.out, course=output.course, earlier=tmp_path / "earlier"), folder)
    assert {name: result.compared[0].source for name, result in found.items()} == dict.fromkeys(
        ("ada", "bob", "cy"), "other of the same student"
    )
    assert walked == [str(tmp_path / "earlier")]
    with pytest.raises(UsageError, match="--earlier"):
        grade(OutputOptions(out=output.out, course=output.course, earlier=tmp_path / "nowhere"), folder)
    assert stage.runs == ["ada", "bob", "cy"]


SOLVED = "\n".join(
    f"answer_{number} = [value * {number} + offset for value, offset in zip(first, second)]" for number in range(40)
)


def test_code_that_two_of_a_class_share_is_told_to_the_instructor_and_to_nobody_else(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("ada", "bob", "cy", "dora", "eve", "finn")
    Stage({name: Act() for name in names}).install(monkeypatch)
    folder = write_class(tmp_path / "class", *names)
    for name in ("ada", "bob"):
        (folder / f"{name}.py").write_text(SOLVED.replace("answer", f"{name}_says"), encoding="utf-8")
    results = grade(output, folder)
    told = {name: [flag.reason for flag in result.flags if flag.kind == KIND] for name, result in results.items()}
    assert "bob" in told["ada"][0] and "ada" in told["bob"][0] and not any(told[name] for name in names[2:])
    assert load_result(output.out / "ada") == results["ada"]
    assert "bob" not in (output.out / "ada" / "report.html").read_text(encoding="utf-8")
    kept = load_compared(output.out)
    assert kept is not None and kept.folders == {"ada": "ada", "bob": "bob"}
    assert [pair.marks and len(pair.marks.first) for pair in kept.pairs] == [1]
    moves = regrade(a_rubric(output.course), output, dry_run=False)
    assert [move.new.flags == results[move.new.student].flags for move in moves] == [True] * len(names)
    assert load_compared(output.out) == kept
    (output.out / PAIRS).unlink()
    assert compare_again(output.out, output.course, a_rubric(output.course).assignment.id) == kept
    assert load_compared(output.out) == kept


# -- the gradebook, and what concerns the whole class


class Heard(Silent):
    """Remembers what was said of the whole, and how rows ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended: list[tuple[str, str, bool]] = []

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        self.ended.append((who, what, trouble))

    def say(self, what: str) -> None:
        self.said.append(what)


class Away:
    """A gradebook that stops answering after `until` results, and answers again after `back` more questions.

    It never takes a result of the student `refused`.
    """

    def __init__(self, book: Gradebook, until: int, back: int, refused: str = "") -> None:
        self._book, self._left, self._back, self._refused = book, until, back, refused

    def enrol(self, *words: Any, **more: Any) -> object:
        return self._book.enrol(*words, **more)

    def hand_ins(self, assignment: str) -> list[HandIn]:
        return self._book.hand_ins(assignment)

    def record(self, *words: Any, **more: Any) -> object:
        self._left -= 1
        if -self._back <= self._left < 0:
            raise Infrastructure("The gradebook is gone.", "Start the server.")
        if words[0].student == self._refused:
            raise Refused("The gradebook refused a step.")
        return self._book.record(*words, **more)

    def grade(self, *words: Any, **more: Any) -> Grade:
        return self._book.grade(*words, **more)

    def grades(self, *words: Any, **more: Any) -> list[Grade]:
        return self._book.grades(*words, **more)


def recorded(
    output: OutputOptions, source: Path, *, until: int = 1000, back: int = 1000, refused: str = ""
) -> tuple[list[Grade], Heard]:
    """The grades of a class after a batch whose gradebook is away for a while, and what was said."""
    heard = Heard()
    output.out.mkdir(exist_ok=True)
    with a_context(output.course) as context, open_gradebook(output.out) as book:
        away: Any = Away(book, until, back, refused)
        grade_class(list_class(source), context, output, jobs=1, progress=heard, book=away)
        return book.grades("tiny"), heard


def test_each_result_is_recorded_and_a_second_batch_adds_nothing(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"bob": Act(correct=5), "cy": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    source = write_class(tmp_path / "class", "ada", "bob", "cy")
    grades, _ = recorded(output, source)
    assert {grade.student.name: grade.points for grade in grades} == {"ada": 100, "bob": 30, "cy": None}
    again, _ = recorded(output, source)
    assert [grade.model_dump(exclude={"status"}) for grade in again][:2] == [
        grade.model_dump(exclude={"status"}) for grade in grades
    ][:2]
    with open_gradebook(output.out) as book:
        assert len(book.history("ada")) == 1


def test_a_gradebook_that_goes_away_and_comes_back_misses_nothing(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    grades, heard = recorded(output, write_class(tmp_path / "class", *"abcde"), until=2, back=1)
    assert [grade.points for grade in grades] == [100] * 5
    assert heard.said[0].startswith("The gradebook does not answer: The gradebook is gone.")
    assert heard.said[1] == "The gradebook is there again: 3 results were recorded late."


def test_a_gradebook_that_stays_away_stops_nothing_and_the_next_batch_makes_up_for_it(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    source = write_class(tmp_path / "class", *"abcde")
    grades, heard = recorded(output, source, until=2)
    assert [grade.points for grade in grades] == [100, 100, None, None, None]
    assert "3 results are not in the gradebook" in heard.said[-1]
    assert "Start the server." in heard.said[-1]
    with (output.out / "gradebook.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [row["points"] for row in csv.DictReader(file)] == ["100"] * 5
    grades, heard = recorded(output, source)
    assert [grade.points for grade in grades] == [100] * 5
    assert heard.said == []
    assert len(stage.runs) == 5


@pytest.mark.parametrize("until", [1, 1000])
def test_a_row_that_the_gradebook_does_not_take_is_broken_and_all_others_are_recorded(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: int
) -> None:
    stage = Stage().install(monkeypatch)
    source = write_class(tmp_path / "class", *"abcde")
    grades, heard = recorded(output, source, until=until, back=1, refused="c")
    assert [grade.points for grade in grades] == [100, 100, None, 100, 100]
    assert "c: is not in the gradebook: The gradebook refused a step." in heard.said
    rows = {row["student"]: row["status"] for row in json.loads((output.out / "batch.json").read_text())}
    assert rows == {"a": "graded", "b": "graded", "c": "broken", "d": "graded", "e": "graded"}
    grades, _ = recorded(output, source)
    assert [grade.points for grade in grades] == [100] * 5
    assert len(stage.runs) == 5, "what was run is not run again"


def test_class_page_and_csv_show_overrides_and_the_result_keeps_the_rubrics_points(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=5)}).install(monkeypatch)
    source = write_class(tmp_path / "class", "ada", "bob")
    recorded(output, source)
    with open_gradebook(output.out) as book:
        book.override("ada", author="Prof. X", reason="The room was too hot.", points=77)
    recorded(output, source)
    with (output.out / "gradebook.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["ada"]["points"], rows["ada"]["passed"], rows["bob"]["points"]) == ("77", "yes", "100")
    assert "override" in rows["ada"]["flags"]
    assert ">77<" in (output.out / "index.html").read_text(encoding="utf-8").replace("\n", "").replace(" ", "")
    stored = load_result(output.out / "ada")
    assert stored is not None
    assert stored.points == 30


def test_a_disk_that_is_full_ends_the_batch_with_a_clear_line_and_loses_nothing(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    source = write_class(tmp_path / "class", *"abcde")
    full = [2]

    def save_evidence(*words: Any) -> None:
        full[0] -= 1
        if full[0] < 0:
            raise Infrastructure("could not be written (No space left on device).", "Make room.")
        store.save_evidence(*words)

    def write_whole(path: Path, data: bytes) -> None:
        if full[0] < 0:
            raise Infrastructure(f"{path}: could not be written (No space left on device).", "Make room.")

    monkeypatch.setattr(grade_one, "save_evidence", save_evidence)
    monkeypatch.setattr("grader.core.workspace.write_whole", write_whole)
    with pytest.raises(Infrastructure, match=r"can't be written to any more.*No space left"):
        recorded(output, source)
    assert not (output.out / "c" / "result.json").exists(), "a full disk is nobody's mark"
    monkeypatch.undo()
    again = Stage().install(monkeypatch)
    grades, _ = recorded(output, source)
    assert [grade.points for grade in grades] == [100] * 5
    assert again.runs == ["c", "d", "e"]
    assert stage.runs[:2] == ["a", "b"]


def test_trouble_is_told_as_it_comes_with_its_reason(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"bob": Act(faults=(FAULT, FAULT))}).install(monkeypatch)
    source = write_class(tmp_path / "class", "ada", "bob")
    (source / "cy.py").write_bytes(b"")
    _, heard = recorded(output, source)
    assert heard.ended == [
        ("ada", "100 of 100 points", False),
        ("bob", "no mark (broken): the sandbox did not start", True),
        ("cy", "0 of 100 points (explained): cy.py: is empty.", True),
    ]


def test_an_entry_that_intake_could_not_read_is_a_row_and_a_group_is_recorded_for_each_member(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    source = write_class(tmp_path / "class", "ada")
    members = (Student(name="Ada L.", identity="1"), Student(name="Bob M.", identity="2"))
    entries = [
        Entry(student="group 1", path=source / "ada.py", members=members),
        Entry(student="cy", path=source / "cy.zip", problem="cy.zip: is a bomb.", remedy="Hand in code."),
        Entry(student="dan", path=source / "nothing", handed_in=False, problem="nothing was handed in."),
    ]
    output.out.mkdir()
    with a_context(output.course) as context, open_gradebook(output.out) as book:
        rows, _ = grade_class(entries, context, output, jobs=1, progress=Silent(), book=book)
        grades = {grade.student.name: (grade.points, grade.submissions) for grade in book.grades()}
    assert [(row.student, row.status) for row in rows] == [
        ("group 1", Status.GRADED), ("cy", Status.EXPLAINED), ("dan", Status.EXPLAINED),
    ]  # fmt: skip
    assert (rows[1].checks[0].reason, rows[1].checks[0].hint) == ("cy.zip: is a bomb.", "Hand in code.")
    assert grades == {"Ada L.": (100, 1), "Bob M.": (100, 1), "cy": (0, 1), "dan": (None, 0)}
    assert stage.runs == ["group 1"]


def test_rows_are_small_and_come_back_as_they_were(output: OutputOptions) -> None:
    rows = Rows()
    results = [a_result(student=f"s{number}") for number in range(5)]
    for place in (3, 0, 4, 1):
        rows.put(place, results[place])
    assert list(rows) == [results[0], results[1], results[3], results[4]]
    assert (rows[-1], rows[1:3], rows.at(3), len(rows)) == (results[4], [results[1], results[3]], results[3], 4)
    assert rows.has(0)
    assert not rows.has(2)
    rows.put(0, results[2])
    assert rows[0] == results[2]


def test_the_clock_of_the_wall_measures_nothing() -> None:
    package = Path(collect.__file__).parent
    telling = re.compile(r"\btime\.time\(\)|\bfrom time import .*\btime\b(?!_)")
    assert not [path for path in package.rglob("*.py") if telling.search(path.read_text(encoding="utf-8"))]
