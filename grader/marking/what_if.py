"""What would become of a class by other numbers in the rubric: every grade before and after, in milliseconds; no trace.

All that checks found of every stored run is read once and kept without pictures and predictions. Then other points, another
pass mark or deadline are arithmetic, and of the checks only those are run again whose parameters changed. What comes out is
what `regrade` would make of it, which tests compare.
"""

import gc
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.checks.accuracy import accuracy_of
from grader.checks.registry import RubricChecks, built_in
from grader.core.assignment import assignment_of
from grader.core.evidence import Evidence
from grader.core.grades import LATER_RUN_BROKE, Rules, plain_grade
from grader.core.results import CheckResult, Grade, Outcome, Result, Status, labelled
from grader.core.store import EVIDENCE, RESULT, Stored
from grader.course.course import Course
from grader.course.rubric import Rubric, plan_checks
from grader.gradebook.decide_grade import GradeBasis, Marked, MarkedCheck
from grader.marking.accuracy_to_beat import Earlier, index_earlier
from grader.marking.mark import SeenRun, count_points, look_at_run, mark, result_of
from grader.marking.publish import OutputOptions
from grader.marking.regrade import Move, StoredRow, explained_again, folders_in, never_run, read_row, unmarked
from grader.marking.repeated_runs import EVIDENCE_FOLDER, load_attempts
from grader.marking.rubric_numbers import NumberChange, Raw, with_changes

NEED_ALL = frozenset({"better_than", "computes"})  # built-in checks that look at predictions, or at calls
BINS = 10  # of a histogram


def rubric_with(today: Rubric, raw: Raw, changes: Iterable[NumberChange], course: Course) -> Rubric:
    """Today's rubric, whose file has the tables `raw`, with other numbers. Raises RubricError, in words, as a file does."""
    path = course.assignment_file(today.assignment.id)
    assignment = assignment_of(with_changes(raw, changes), path)
    return replace(today, assignment=assignment, planned=plan_checks(course, assignment))


@dataclass(frozen=True, kw_only=True)
class KnownRun:
    """One run as today's rubric marks it: what was seen, without what is large, and the checks with today's points."""

    seen: SeenRun
    result: Result
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, kw_only=True)
class OtherNumbers:
    """A rubric with other numbers: the places of checks that have to be run again, and of those with other points."""

    rubric: Rubric
    checks: RubricChecks
    again: frozenset[int]
    weighed: frozenset[int]
    foreign: bool  # one of them may look at all of a run

    @classmethod
    def of(cls, rubric: Rubric, today: Rubric) -> "OtherNumbers":
        """What is other in a rubric than in today's, which has the same checks."""
        pairs = list(zip(rubric.planned, today.planned, strict=True))
        changed = {new.check.name for new, old in pairs if new.spec.parameters != old.spec.parameters}
        checks, ours = RubricChecks.of(rubric.planned), built_in()
        again = frozenset(
            place for place, (item, _) in enumerate(pairs) if changed and checks.hangs_on(item.check, changed)
        )
        run = {rubric.planned[place].check for place in again}
        foreign = any(check.name in NEED_ALL or ours.get(check.name) is not check for check in run)
        weighed = frozenset(place for place, (new, old) in enumerate(pairs) if new.spec != old.spec)
        return cls(rubric=rubric, checks=checks, again=again, weighed=weighed, foreign=foreign)


@dataclass(frozen=True, kw_only=True)
class _KnownRow:
    """A submission that was read; `runs` are its known runs by their number, and by how many images are counted."""

    stamp: object
    row: StoredRow | Result | Move | None
    runs: dict[tuple[int, int | None], KnownRun]


class ClassEvidence:
    """The stored runs of a class, kept as far as marking needs them; all methods may be called from several threads."""

    def __init__(self, rubric: Rubric, output: OutputOptions, earlier: Earlier | None = None) -> None:
        self.rubric, self._output = rubric, output
        self._earlier = earlier or index_earlier(output.earlier)
        self._rows: dict[Path, _KnownRow] = {}
        self._lock = threading.RLock()

    def read(self) -> None:
        """Read what is new or changed below the batch's folder."""
        with self._lock:
            folders = folders_in(self._output.out)
            for gone in self._rows.keys() - set(folders):
                del self._rows[gone]
            known = {folder: row.stamp for folder, row in self._rows.items()}
            changed = {folder: stamp for folder in folders if (stamp := _stamp(folder)) != known.get(folder)}
            for folder, stamp in changed.items():
                self._rows[folder] = self._read_row(folder, stamp)
            if changed:  # what was read stays for long: collecting garbage in all of it takes longer than a change does
                gc.collect()
                gc.freeze()

    def mark(self, rubric: Rubric) -> list[Move]:
        """What becomes of every submission by a rubric that differs from today's in numbers alone; files are not touched."""
        with self._lock:
            self.read()
            other = OtherNumbers.of(rubric, self.rubric)
            found = (self._mark_row(folder, known, other) for folder, known in self._rows.items())
            return [move for move in found if move is not None]

    def _read_row(self, folder: Path, stamp: object) -> _KnownRow:
        runs: dict[tuple[int, int | None], KnownRun] = {}
        try:
            row: StoredRow | Result | Move | None = read_row(self.rubric, folder, self._output, self._earlier)
            if isinstance(row, StoredRow):
                runs = {(number, None): self._know(row, run, None) for number, run in enumerate(row.runs)}
                small = tuple(Stored(evidence=known.seen.case.evidence, outputs=None) for known in runs.values())
                row = replace(row, runs=small)
        except Exception as error:  # as in `regrade`: one folder costs nobody else anything
            row = unmarked(self.rubric, folder, error)
        return _KnownRow(stamp=stamp, row=row, runs=runs)

    def _mark_row(self, folder: Path, known: _KnownRow, other: OtherNumbers) -> Move | None:
        row = known.row
        if isinstance(row, Result):
            return Move(old=row, new=explained_again(other.rubric, row), folder=folder)
        if not isinstance(row, StoredRow):
            return row
        whole: list[Stored] = []

        def load(number: int) -> Stored:
            if not whole:
                whole.extend(load_attempts(folder))
            return whole[number]

        def mark_run(run: Stored, counted: int | None) -> Result:
            number = next(place for place, own in enumerate(row.runs) if own is run)
            if other.foreign or run.evidence.smoke is not None:
                return mark(load(number), other.rubric, row.compared, counted=counted)
            if (number, counted) not in known.runs:
                known.runs[number, counted] = self._know(row, load(number), counted)
            return mark_known(known.runs[number, counted], other)

        try:
            return row.mark(other.rubric, mark_run)
        except Exception as error:
            return unmarked(other.rubric, folder, error)

    def _know(self, row: StoredRow, run: Stored, counted: int | None) -> KnownRun:
        """What today's rubric makes of a run."""
        seen = look_at_run(run, self.rubric, row.compared, counted=counted)
        outputs = seen.case.outputs if seen.case.measured is None else None
        small = replace(seen.case, evidence=_small(run.evidence), outputs=outputs, calls=())
        checks = tuple(found.result(item) for found, item in zip(seen.found, self.rubric.planned, strict=True))
        return KnownRun(seen=replace(seen, case=small), result=result_of(seen, self.rubric), checks=checks)


def mark_known(run: KnownRun, other: OtherNumbers) -> Result:
    """The result of a run by other numbers, as `mark` makes it."""
    planned, seen, checks = other.rubric.planned, run.seen, list(run.checks)
    for place in other.again | other.weighed:
        found = other.checks.look(planned[place], seen.case) if place in other.again else seen.found[place]
        checks[place] = found.result(planned[place])
    accuracy = accuracy_of(seen.case, planned)
    counts = count_points(seen, other.rubric, accuracy, tuple(checks))
    assignment = other.rubric.assignment
    return run.result.model_copy(
        update={
            "status": counts.status, "points": counts.points, "passed": counts.passed, "checks": counts.checks,
            "flags": counts.flags, "accuracy": accuracy, "out_of": assignment.out_of, "pass_mark": assignment.pass_mark,
        }
    )  # fmt: skip


def _small(evidence: Evidence) -> Evidence:
    """Evidence without the texts and pictures of cells; that there is a picture is kept."""
    cells = tuple(
        cell.model_copy(
            update={
                "outputs": tuple(
                    output.model_copy(update={"text": "", "png": output.png and "-"}) for output in cell.outputs
                )
            }
        )
        for cell in evidence.claims.cells
    )
    return evidence.model_copy(update={"claims": evidence.claims.model_copy(update={"cells": cells})})


def _stamp(folder: Path) -> object:
    """What changes where a folder's result or evidence is written again."""
    stamps = []
    for place in (folder / RESULT, folder / EVIDENCE_FOLDER / EVIDENCE, folder / f"{EVIDENCE_FOLDER}-2" / EVIDENCE):
        try:
            stamps.append(place.stat().st_mtime_ns)
        except OSError:
            stamps.append(0)
    return tuple(stamps)


@dataclass(frozen=True, kw_only=True)
class GradeMove:
    """A student who would get something else, and why; `folder` is where the submission lies, None where nothing does."""

    before: Grade
    after: Grade
    why: tuple[str, ...]
    folder: Path | None


@dataclass(frozen=True, kw_only=True)
class LeftGrade:
    """A student whose submission can't be marked again, and why: what it got stays."""

    student: str
    folder: Path | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A class before and after: who moves, how many pass, how many are in each tenth of the points.

    `troubles`: folders that can't be marked again, and why; `left`: whose submission that counts is not marked again
    though nothing is damaged. `above`: whose override, which stays, is above the new maximum.
    """

    moved: tuple[GradeMove, ...]
    students: int
    passed: tuple[int, int]
    bins: tuple[tuple[int, ...], tuple[int, ...]]
    pass_share: tuple[float, float]
    troubles: tuple[tuple[Path, str], ...] = ()
    left: tuple[LeftGrade, ...] = ()
    above: tuple[GradeMove, ...] = ()


def preview(moves: Sequence[Move], rubric: Rubric, rules: Rules, bases: Iterable[GradeBasis]) -> Preview:
    """What everybody would get if the class were marked by `rubric`, beside what they get.

    `moves` are of `ClassEvidence.mark`, `rules` and `bases` what the gradebook knows.
    """
    known = list(bases)
    new_rules, marks = Rules.of(rubric.assignment), _NewMarks(moves)
    pairs = [(basis.grade(rules), _with_marks(basis, marks).grade(new_rules)) for basis in known]
    left = _left_grades(known, [after for _, after in pairs], marks, rubric)
    names = {grade.student.name for grade, _ in pairs}
    folders = {grade.folder for grade, _ in pairs if grade.folder}
    beside = [move for move in moves if move.new.student not in names and move.folder.name not in folders]
    pairs += [(plain_grade(move.old or move.new), plain_grade(move.new)) for move in beside]
    moved, above = [], []
    for before, after in pairs:
        move = marks.move_of(after.folder, after.student.name)
        folder = move.folder if move else None
        if gets(before) != gets(after):
            why = (*(move.reasons() if move else ()), *_why_beside(before, after, rules, new_rules))
            moved.append(GradeMove(before=before, after=after, why=why, folder=folder))
        if above_maximum(after) and not above_maximum(before):
            above.append(GradeMove(before=before, after=after, why=(), folder=folder))
    before_all, after_all = [old for old, _ in pairs], [new for _, new in pairs]
    return Preview(
        moved=tuple(sorted(moved, key=lambda move: move.after.student.name.casefold())), students=len(pairs),
        passed=(sum(grade.passed for grade in before_all), sum(grade.passed for grade in after_all)),
        bins=(bins_of(before_all), bins_of(after_all)),
        pass_share=(_share(rules.pass_mark, rules.out_of), _share(new_rules.pass_mark, new_rules.out_of)),
        troubles=tuple((move.folder, move.trouble) for move in moves if move.trouble), left=left,
        above=tuple(above),
    )  # fmt: skip


def above_maximum(grade: Grade) -> bool:
    """Whether a person's points are more than there are."""
    return grade.override is not None and grade.points is not None and grade.points > grade.out_of


NOT_STORED = "no evidence of it is stored here"
NOT_KNOWN = "what is stored here is another hand-in than the one that counts in the gradebook"


def _left_grades(
    known: Sequence[GradeBasis], grades: Sequence[Grade], marks: "_NewMarks", rubric: Rubric
) -> tuple[LeftGrade, ...]:
    """The students whose grade follows from a submission without a new result; what is damaged has its own trouble."""
    found = []
    for basis, grade in zip(known, grades, strict=True):
        items = [
            item
            for item in basis.marked
            if marks.find(item) is None and (rubric.assignment.submissions == "best" or _counts(item, grade))
        ]
        move = marks.move_of(items[0].folder if items else grade.folder, grade.student.name)
        unknown = not basis.marked and move is not None and not move.new.absent
        if (items or unknown) and not (move and move.trouble):
            why = NOT_KNOWN if unknown or (move and move.submission) else NOT_STORED
            found.append(LeftGrade(student=grade.student.name, folder=move.folder if move else None, why=why))
    return tuple(found)


def _counts(item: Marked, grade: Grade) -> bool:
    """Whether a grade follows from this submission."""
    return (item.folder, item.submission, item.evidence) == (grade.folder, grade.submission, grade.evidence)


def gets(grade: Grade) -> tuple[object, ...]:
    """What a student gets: where two of these differ, the student moves."""
    return grade.points, grade.passed, grade.provisional, grade.awaits


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def bins_of(grades: Iterable[Grade]) -> tuple[int, ...]:
    """How many grades are in each tenth of the points; those without points in none."""
    bins = [0] * BINS
    for grade in grades:
        if grade.points is not None:
            share = _share(grade.points, grade.out_of)
            bins[min(BINS - 1, max(0, int(round(share * BINS, 9))))] += 1
    return tuple(bins)


def _why_beside(before: Grade, after: Grade, rules: Rules, new_rules: Rules) -> Iterable[str]:
    """What moved a grade beside the points of checks."""
    old, new = (grade.penalty.points if grade.penalty else 0.0 for grade in (before, after))
    if old != new:
        yield f"lateness {old:g} -> {new:g} points off"
    if before.passed != after.passed and rules.pass_mark != new_rules.pass_mark:
        yield f"pass mark {rules.pass_mark:g} -> {new_rules.pass_mark:g}"


class _NewMarks:
    """The new results as the gradebook knows their hand-ins: by folder and digest; what never ran by folder and name."""

    def __init__(self, moves: Sequence[Move]) -> None:
        sound = [move for move in moves if not move.trouble]
        self._run = {(move.folder.name, move.submission): move.new for move in sound if move.submission}
        self._unrun = {(move.folder.name, move.new.submission): move.new for move in sound if never_run(move.new)}
        self._by_folder = {move.folder.name: move for move in moves}
        self._by_student = {move.new.student: move for move in moves}

    def find(self, item: Marked) -> Result | None:
        """The new result of a submission that was marked again."""
        found = self._run.get((item.folder, item.digest)) if item.digest else None
        return found if found is not None or item.evidence else self._unrun.get((item.folder, item.submission))

    def move_of(self, folder: str, student: str) -> Move | None:
        """What became of the folder in which a submission lies, else of its student."""
        return self._by_folder.get(folder) or self._by_student.get(student)


def _with_marks(basis: GradeBasis, marks: _NewMarks) -> GradeBasis:
    """A student's basis with the new results of those submissions that were marked again."""
    decided = basis.review is not None and bool(basis.review.checks)
    marked = tuple(
        item if new is None else _marked(item, new, decided=decided)
        for item in basis.marked
        for new in (marks.find(item),)
    )
    return basis.model_copy(update={"marked": marked})


def _marked(before: Marked, new: Result, *, decided: bool) -> Marked:
    """A submission with its new result; what was found before a fault of ours stands, as in the gradebook.

    `decided`: people decided points of its checks.
    """
    if new.status is Status.BROKEN and before.status is not Status.BROKEN:
        return before.model_copy(update={"flags": tuple(dict.fromkeys((*before.flags, LATER_RUN_BROKE)))})
    shown = labelled(new.checks) if decided or any(c.outcome is Outcome.AWAITING for c in new.checks) else {}
    checks = tuple(
        MarkedCheck(
            label=label, title=check.title, points=check.points, out_of=check.out_of,
            awaiting=check.outcome is Outcome.AWAITING,
        )
        for label, check in shown.items()
    )  # fmt: skip
    return before.model_copy(
        update={
            "status": new.status, "points": new.points, "out_of": new.out_of, "pass_mark": new.pass_mark,
            "passed": new.passed, "flags": tuple(flag.kind for flag in new.flags), "evidence": new.evidence,
            "checks": checks,
        }
    )  # fmt: skip
