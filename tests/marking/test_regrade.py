"""Stored evidence is marked again in milliseconds: who moved is said, and nothing is half done."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.core.errors import UsageError
from grader.core.evidence import Evidence
from grader.core.grades import HandIn
from grader.core.progress import Silent
from grader.core.results import Result, Status, Student
from grader.core.store import EVIDENCE, Stored, load_evidence, load_result, save_result
from grader.course.course import Course
from grader.gradebook import Gradebook, open_gradebook
from grader.marking import publish
from grader.marking import regrade as regrading
from grader.marking.mark import mark_attempts
from grader.marking.publish import OutputOptions
from grader.marking.regrade import Move, regrade, render_again
from grader.pages.html import student_page
from grader.run.batch import grade_class
from tests.fakes import (
    RUBRIC,
    Act,
    Stage,
    a_context,
    a_result,
    a_rubric,
    data_of,
    list_class,
    run_cli,
    write_class,
    write_course,
    write_rubric,
)
from tests.pages.builders import an_accuracy

LENIENT = RUBRIC.replace("at_least = 0.8", "at_least = 0.7")
STRICT = RUBRIC.replace("at_least = 0.8", "at_least = 0.95")
ACTS = {"ada": Act(correct=10), "bob": Act(correct=7), "cy": Act(correct=9), "dee": Act(model=False)}


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutputOptions:
    """A class that was graded: four that ran, and one that could not be read."""
    course = write_course(tmp_path / "course")
    output = OutputOptions(out=tmp_path / "out", course=course)
    folder = write_class(tmp_path / "class", *ACTS)
    (folder / "eve.docx").write_text("words")
    Stage(ACTS).install(monkeypatch)
    with a_context(course) as context:
        grade_class(list_class(folder), context, output, jobs=1, progress=Silent())
    return output


def moved(moves: list[Move]) -> dict[str, tuple[float | None, float]]:
    return {move.new.student: (move.old.points if move.old else None, move.new.points) for move in moves if move.moved}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_rubric_moves_nobody_and_changes_no_result(output: OutputOptions) -> None:
    before = snapshot(output.out)
    moves = regrade(a_rubric(output.course), output, dry_run=False)
    assert [move.new.student for move in moves] == list(ACTS)
    assert moved(moves) == {}
    assert snapshot(output.out) == before


def test_another_threshold_moves_who_it_concerns_and_says_why(output: OutputOptions) -> None:
    write_rubric(output.course.root, LENIENT)
    moves = regrade(a_rubric(output.course), output, dry_run=False)
    assert moved(moves) == {"bob": (30, 100)}
    (bob,) = (move for move in moves if move.moved)
    assert bob.reasons() == ["accuracy 0 -> 70"]
    assert bob.words() == "bob: 30 (not passed) -> 100 (passed)  accuracy 0 -> 70"
    assert bob.plain() == {"student": "bob", "old": 30, "new": 100, "passed": True, "why": ["accuracy 0 -> 70"]}
    written = load_result(output.out / "bob")
    assert written is not None
    assert (written.points, written.passed) == (100, True)
    assert moved(regrade(a_rubric(output.course), output, dry_run=False)) == {}


def test_a_move_from_review_to_graded_says_so_even_where_no_point_moved(output: OutputOptions) -> None:
    ada = load_result(output.out / "ada")
    assert ada is not None
    doubtful = ada.model_copy(update={"status": Status.NEEDS_REVIEW})
    move = Move(old=doubtful, new=ada, folder=output.out / "ada")
    assert move.moved
    assert move.words() == "ada: 100 (passed, provisional) -> 100 (passed)  needs review -> graded"


def test_a_dry_run_says_the_same_and_writes_nothing(output: OutputOptions) -> None:
    write_rubric(output.course.root, STRICT)
    before = snapshot(output.out)
    dry = regrade(a_rubric(output.course), output, dry_run=True)
    assert moved(dry) == {"cy": (100, 30)}
    assert snapshot(output.out) == before
    assert moved(regrade(a_rubric(output.course), output, dry_run=False)) == moved(dry)


def test_the_class_page_keeps_the_rows_of_those_who_could_not_be_read(output: OutputOptions) -> None:
    write_rubric(output.course.root, LENIENT)
    regrade(a_rubric(output.course), output, dry_run=False)
    rows = {row["student"]: row["points"] for row in json.loads((output.out / "batch.json").read_text())}
    assert rows == {"ada": 100, "bob": 100, "cy": 100, "dee": 20, "eve": 0}


def test_a_row_of_what_could_not_be_read_gets_the_maximum_and_the_pass_mark_of_today(output: OutputOptions) -> None:
    before = load_result(output.out / "eve")
    assert before is not None and before.unread
    write_rubric(output.course.root, RUBRIC.replace("points = 70", "points = 50").replace("= 60", "= 40"))
    regrade(a_rubric(output.course), output, dry_run=False)
    after = load_result(output.out / "eve")
    assert after is not None
    assert (before.out_of, before.pass_mark, after.out_of, after.pass_mark) == (100, 60, 80, 40)
    same = {"checks", "out_of", "pass_mark"}
    assert after.model_dump(exclude=same) == before.model_dump(exclude=same)
    assert [(check.out_of, check.reason) for check in after.checks] == [
        (most, before.checks[0].reason) for most in (20, 10, 50)
    ]


def test_a_hand_in_that_could_not_be_read_is_not_marked_by_the_evidence_of_an_earlier_one(
    output: OutputOptions,
) -> None:
    unread = load_result(output.out / "eve")
    assert unread is not None
    save_result(output.out / "ada", unread.model_copy(update={"student": "ada"}))
    moves = regrade(a_rubric(output.course), output, dry_run=False)
    assert "ada" not in [move.new.student for move in moves]
    rows = {row["student"]: row["points"] for row in json.loads((output.out / "batch.json").read_text())}
    assert rows["ada"] == 0


def test_evidence_without_a_result_is_marked_for_the_first_time(output: OutputOptions) -> None:
    (output.out / "ada" / "result.json").unlink()
    moves = regrade(a_rubric(output.course), output, dry_run=True)
    assert moved(moves) == {"ada": (None, 100)}
    assert moves[0].words() == "ada: nothing -> 100 (passed)"


def test_evidence_of_another_assignment_is_refused_and_nothing_is_written(output: OutputOptions) -> None:
    other = output.course.root / "assignments" / "other"
    other.mkdir()
    (other / "assignment.toml").write_text(LENIENT)
    before = snapshot(output.out)
    said = run_cli(
        "regrade", "other", output.out, "--course", output.course.root, "--data", data_of(output.course.root)
    )
    assert said.code == 2
    assert "is evidence for tiny, not for other. Type `grader regrade tiny" in said.err
    assert snapshot(output.out) == before


def test_evidence_on_other_images_is_refused_and_nothing_is_written(output: OutputOptions, tmp_path: Path) -> None:
    other = write_course(tmp_path / "other", LENIENT, judged_seed=9)
    before = snapshot(output.out)
    with pytest.raises(UsageError, match="judged on other images"):
        regrade(a_rubric(other), output, dry_run=False)
    assert snapshot(output.out) == before


@pytest.mark.parametrize("damage", ["cut", "predictions", "of-another-assignment", "a-bug-of-ours"])
def test_damaged_evidence_of_one_student_costs_that_row_and_no_other(
    output: OutputOptions, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = output.out / "dee" / "evidence" / EVIDENCE
    if damage == "cut":
        evidence.write_text(evidence.read_text()[:-5])
    elif damage == "predictions":
        (output.out / "dee" / "evidence" / "predictions.npy").write_bytes(b"better")
        found = load_evidence(output.out / "ada" / "evidence").evidence
        evidence.write_text(found.model_copy(update={"student": "dee"}).model_dump_json(by_alias=True))
    elif damage == "of-another-assignment":
        evidence.write_text(evidence.read_text().replace('"assignment": "tiny"', '"assignment": "other"'))
    else:
        monkeypatch.setattr(regrading, "mark_attempts", breaking_for("dee"))
    write_rubric(output.course.root, LENIENT)
    before = snapshot(output.out / "dee")
    said = run_cli("regrade", "tiny", output.out, *course_words(output.course))
    assert said.code == 3
    assert said.out == "bob: 30 (not passed) -> 100 (passed)  accuracy 0 -> 70\n1 of 4 moved.\n"
    assert said.err.startswith("trouble: dee: can't be marked again: ")
    assert snapshot(output.out / "dee") == before, "what was found before stands"
    rows = {row["student"]: row["points"] for row in json.loads((output.out / "batch.json").read_text())}
    assert rows == {"ada": 100, "bob": 100, "cy": 100, "dee": 20, "eve": 0}


def breaking_for(student: str) -> Callable[..., Result]:
    def mark(runs: tuple[Stored, ...], *more: Any, **words: Any) -> Result:
        if runs[0].evidence.student == student:
            raise OverflowError("integer division result too large for a float")
        return mark_attempts(runs, *more, **words)

    return mark


def test_a_page_that_can_not_be_made_is_a_page_without_the_notebook_and_a_line(
    output: OutputOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(result: Result, evidence: Evidence | None, **more: Any) -> str:
        if result.student == "cy" and evidence is not None:
            raise IndexError("tuple index out of range")
        return student_page(result, evidence, **more)

    for path in output.out.rglob("report.html"):
        path.unlink()
    monkeypatch.setattr(publish, "student_page", page)
    said = run_cli("report", output.out, *course_words(output.course))
    assert (said.code, said.out) == (3, f"Class page: {output.out / 'index.html'}\n")
    assert said.err.splitlines() == [
        "trouble: cy: its page could not be written in full: IndexError: tuple index out of range"
    ]
    assert len(list(output.out.glob("*/report.html"))) == 5
    said = run_cli("regrade", "tiny", output.out, *course_words(output.course))
    assert (said.code, said.out) == (3, "0 of 4 moved.\n") and said.err.count("trouble: cy") == 1


def test_who_is_in_the_gradebook_and_has_no_evidence_is_named(output: OutputOptions) -> None:
    with open_gradebook(output.out) as book:
        record(book, output)
    shutil.rmtree(output.out / "ada")
    for words in (("regrade", "tiny", output.out), ("report", output.out)):
        said = run_cli(*words, *course_words(output.course))
        assert said.code == 0
        assert said.err == f"note: 1 student of the gradebook has no results in {output.out}: ada.\n"
    assert "1 student of the gradebook has no results" in run_cli("export", "junit", output.out).err


def test_an_export_leaves_out_a_result_that_can_not_be_read_and_says_so(output: OutputOptions) -> None:
    (output.out / "ada" / "result.json").write_text("{", encoding="utf-8")
    for name in ("junit", "csv", "github"):
        said = run_cli("export", name, output.out)
        assert said.code == 3
        assert "trouble: ada/result.json can't be read, so it is left out" in said.err
        assert "bob" in said.out and re.search(r"\bada\b", said.out) is None  # tokens are hexadecimal


def test_a_folder_without_evidence_is_refused(output: OutputOptions, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no stored evidence"):
        regrade(a_rubric(output.course), OutputOptions(out=tmp_path / "empty", course=output.course), dry_run=False)


def test_what_it_was_compared_with_stays_unless_another_folder_is_named(output: OutputOptions, tmp_path: Path) -> None:
    compared = RUBRIC + '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "other"\n'
    write_rubric(output.course.root, compared)
    write_rubric(output.course.root, LENIENT, assignment="other")
    rubric = a_rubric(output.course)
    earlier = a_result(assignment="other", student="ada", judged_on=rubric.judged_on)
    save_result(tmp_path / "earlier" / "ada", earlier)
    named = OutputOptions(out=output.out, course=output.course, earlier=tmp_path / "earlier")
    first = {move.new.student: move.new for move in regrade(rubric, named, dry_run=False)}
    assert [item.source for item in first["ada"].compared] == ["other of the same student"]
    again = {move.new.student: move.new for move in regrade(rubric, output, dry_run=False)}
    assert again["ada"].compared == first["ada"].compared


def test_pages_are_written_again_from_what_is_stored(output: OutputOptions) -> None:
    before = snapshot(output.out)
    for path in output.out.rglob("*.html"):
        path.unlink()
    assert render_again(a_rubric(output.course), output) == output.out / "index.html"
    assert snapshot(output.out) == before
    with pytest.raises(UsageError, match="holds no results"):
        render_again(a_rubric(output.course), OutputOptions(out=output.course.root, course=output.course))


SPY = """
import sys
started = []
WATCHED = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "pty.spawn"}
sys.addaudithook(lambda event, args: started.append(event) if event in WATCHED else None)
from grader.cli import main
sys.argv = ["grader", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
HEAVY = ("tensorflow", "keras", "nbclient", "jupyter_client", "zmq", "ipykernel", "mlxtend", "matplotlib")
print([name for name in HEAVY if name in sys.modules], started)
"""


def test_regrading_loads_no_tensorflow_and_starts_no_process(output: OutputOptions) -> None:
    write_rubric(output.course.root, LENIENT)
    words = ["regrade", "tiny", str(output.out), *map(str, course_words(output.course))]
    done = subprocess.run([sys.executable, "-W", "error", "-c", SPY, *words], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "bob: 30 (not passed) -> 100 (passed)  accuracy 0 -> 70", "1 of 4 moved.", "[] []",
    ], done.stderr  # fmt: skip


def course_words(course: Course) -> tuple[str | Path, ...]:
    return ("--course", course.root, "--data", data_of(course.root))


def test_the_command_line_prints_moves_and_json(output: OutputOptions) -> None:
    write_rubric(output.course.root, LENIENT)
    said = run_cli("regrade", "tiny", output.out, "--dry-run", *course_words(output.course))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "1 of 4 moved; nothing was written (--dry-run)."
    said = run_cli("regrade", "tiny", output.out, "--json", *course_words(output.course))
    assert [move["student"] for move in json.loads(said.out)] == ["bob"]
    said = run_cli("report", output.out, *course_words(output.course))
    assert said.out == f"Class page: {output.out / 'index.html'}\n"


OWN = """
from grader.checks.base import Case, NoParameters, Score, check

@check(parameters=NoParameters, rests_on="facts")
def neat(case: Case, parameters: NoParameters) -> Score:
    "The code is neat"
    return Score(share=SHARE)
"""


def test_a_check_of_ones_own_that_is_edited_and_put_back_gives_the_first_mark_again(output: OutputOptions) -> None:
    rubric = RUBRIC + '\n[[check]]\nuse = "mine:neat"\npoints = 10\n'
    code = output.course.assignment_file("tiny").parent / "mine.py"
    points = []
    for share in ("0.0", "1.0", "0.0"):
        code.write_text(OWN.replace("SHARE", share), encoding="utf-8")
        write_rubric(output.course.root, rubric)
        with open_gradebook(output.out) as book:
            record(book, output)
            regrade(a_rubric(output.course), output, dry_run=False, book=book)
            points.append([grade.points for grade in book.grades(student="ada")])
    assert points == [[100], [110], [100]]


def record(book: Gradebook, output: OutputOptions) -> None:
    """That ada handed in what lies in her folder, as a batch says it."""
    evidence = load_evidence(output.out / "ada" / "evidence").evidence
    found = HandIn(student=Student(name="ada"), digest=evidence.submission.sha256, name="ada.py", folder="ada")
    result = load_result(output.out / "ada")
    assert result is not None
    book.record(result, found, rubric_digest="of the batch") if not known(book) else None


def known(book: Gradebook) -> bool:
    return bool(book.hand_ins("tiny"))


def test_what_it_was_compared_with_decides_a_mark_so_its_change_back_stands(
    output: OutputOptions, tmp_path: Path
) -> None:
    compared = RUBRIC + '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "other"\n'
    write_rubric(output.course.root, compared)
    write_rubric(output.course.root, LENIENT, assignment="other")
    rubric, points = a_rubric(output.course), []
    for name, accuracy in (("low", 0.1), ("high", 1.0), ("low", 0.1)):
        earlier = a_result(assignment="other", student="ada", judged_on=rubric.judged_on, accuracy=an_accuracy(1))
        assert earlier.accuracy is not None
        of = earlier.accuracy.model_copy(update={"value": accuracy})
        save_result(tmp_path / name / "ada", earlier.model_copy(update={"accuracy": of}))
        named = OutputOptions(out=output.out, course=output.course, earlier=tmp_path / name)
        with open_gradebook(output.out) as book:
            record(book, output)
            regrade(rubric, named, dry_run=False, book=book)
            points.append([grade.points for grade in book.grades(student="ada")])
    assert points == [[110], [100], [110]]


def test_a_result_that_can_not_be_read_costs_no_row(output: OutputOptions) -> None:
    (output.out / "ada" / "result.json").write_text("{", encoding="utf-8")
    (output.out / "eve" / "result.json").write_text("{", encoding="utf-8")
    render_again(a_rubric(output.course), output)
    rows = {
        row["student"]: (row["status"], row["points"]) for row in json.loads((output.out / "batch.json").read_text())
    }
    assert rows["ada"] == ("graded", 100), "made again of the evidence"
    assert rows["eve"] == ("broken", 0) and len(rows) == 5
    assert load_result(output.out / "ada") is not None


def test_lists_for_a_spreadsheet_say_that_they_are_utf_8(output: OutputOptions) -> None:
    assert (output.out / "gradebook.csv").read_bytes().startswith(b'\xef\xbb\xbf"student"')
    assert run_cli("export", "csv", output.out).out.startswith('\ufeff"assignment"')
    assert run_cli("export", "nbgrader", output.out).out.startswith('"assignment"'), "programs read its first column"
