"""`grader lint`: whether an assignment can be given to students. Faults must be mended; remarks are to be thought about.

Texts are read as they are; starter and reference solution are run for a moment each, as a smoke run, and what a smoke run
can't tell, the accuracy, is looked up in the reference's recorded baseline. `full` runs the reference as a hand-in is.
"""

import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.checks.accuracy import NeededAccuracy
from grader.checks.base import Planned
from grader.checks.manual import Manual
from grader.core.errors import DataError, GraderError, RubricError, SubmissionError, UsageError
from grader.core.evidence import Isolation
from grader.core.progress import Progress, Silent
from grader.core.results import CheckResult, Outcome
from grader.core.text import did_you_mean
from grader.course.baselines import read_baseline
from grader.course.course import REFERENCES, Course
from grader.course.environment import NotInstalled, open_environment
from grader.course.rubric import Rubric, open_rubric, plan_checks
from grader.marking.accuracy_to_beat import compare
from grader.selfcheck.check_submission import check_submission, open_selfcheck
from grader.selfcheck.own_files import read_own

POINTS_ROW = re.compile(r"^\|(?P<what>.*)\|\s*(?P<points>\d+(?:\.\d+)?)\s*\|\s*$", re.MULTILINE)
LONGEST_TITLE = 70


@dataclass(frozen=True, kw_only=True)
class LintFinding:
    """Something about an assignment; a `fault` must be mended, anything else is to be thought about."""

    fault: bool
    where: str
    said: str
    remedy: str = ""

    def words(self) -> str:
        """One line for a terminal."""
        return f"{'fault' if self.fault else 'remark'}: {self.where}: {self.said}{f' {self.remedy}' if self.remedy else ''}"


@dataclass(frozen=True, kw_only=True)
class Means:
    """How an assignment is tried: where data lies, by which sandbox, whether the reference is run in full."""

    data: Path | None = None
    isolation: Isolation | None = None
    full: bool = False


def lint_assignment(
    course: Course, assignment: str, means: Means | None = None, progress: Progress | None = None
) -> list[LintFinding]:
    """Everything that is to be said about `assignment`. Raises UsageError where there is none."""
    means, progress = means or Means(), progress or Silent()
    if assignment in course.assignment_folders() and assignment not in course.assignment_ids():
        where = str(course.root / "assignments" / assignment)
        return [_fault(where, "holds no assignment.toml.", "Write the rubric, or remove the folder.")]
    path = course.assignment_file(assignment)
    try:
        with suppress(NotInstalled):
            open_environment(course)
    except RubricError as error:
        return [_fault(str(course.root), error.message.removeprefix(f"{course.root}/"), error.remedy)]
    try:
        planned = plan_checks(course, course.assignment(assignment))
    except RubricError as error:
        return [_fault(str(path), error.message.removeprefix(f"{path}: "), error.remedy)]
    found = [*_look_at_texts(course, assignment, planned), *_look_at_own_checks(path, planned)]
    try:
        rubric = open_rubric(course, assignment, means.data)
    except GraderError as error:
        return [*found, _fault(assignment, error.message, error.remedy)]
    if rubric.dataset is not None and rubric.dataset.substitute_for is not None:
        return [
            *found,
            _remark(assignment, "uses data that only stands in for another: starter and reference are there."),
        ]
    found += _try_starter(course, rubric, means, progress)
    found += _try_reference(course, rubric, means, progress)
    return found


def _fault(where: str, said: str, remedy: str = "") -> LintFinding:
    return LintFinding(fault=True, where=where, said=said, remedy=remedy)


def _remark(where: str, said: str, remedy: str = "") -> LintFinding:
    return LintFinding(fault=False, where=where, said=said, remedy=remedy)


def _look_at_texts(course: Course, assignment: str, planned: tuple[Planned, ...]) -> Iterator[LintFinding]:
    """The exercise as students read it, against the rubric."""
    rubric = course.assignment(assignment)
    path = course.assignment_file(assignment).with_name("README.md")
    if rubric.out_of != 100:
        yield _remark(assignment, f"the points add up to {rubric.out_of:g}, not to 100.")
    if rubric.pass_mark <= sum(item.spec.points for item in planned if item.check.rests_on == "claims"):
        yield _fault(
            assignment, f"what rests on a notebook's own word alone reaches the pass mark of {rubric.pass_mark:g}.",
            "Give checks of the network more points: a hostile notebook can claim the others.",
        )  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        yield _fault(str(path), "can't be read.", "Write the exercise as students read it.")
        return
    rows = [row for row in POINTS_ROW.finditer(text) if "*" not in row["what"]]  # the sum is set in bold
    told = sum(float(row["points"]) for row in rows)
    if not rows:
        yield _remark(str(path), "has no table of points.", "End each line of it with the points: | what | 10 |.")
    elif told != rubric.out_of:
        yield _fault(str(path), f"promises {told:g} points; the rubric has {rubric.out_of:g}.", "Mend one of them.")
    if re.search(rf"(?<![\d.]){rubric.pass_mark:g}(?![\d.])", text) is None:
        yield _remark(str(path), f"does not say that {rubric.pass_mark:g} points are needed to pass.")


def _look_at_own_checks(path: Path, planned: tuple[Planned, ...]) -> Iterator[LintFinding]:
    for item in planned:
        if ":" not in item.check.name:
            continue
        text = inspect.getdoc(item.check.run) or ""
        if not text or len(item.check.title) > LONGEST_TITLE:
            yield _fault(
                item.check.name, f"its title, the docstring's first sentence, has {len(item.check.title)} characters.",
                f"Write one of at most {LONGEST_TITLE}: it stands in every report.",
            )  # fmt: skip
        missing = [name for name in item.check.parameters.model_fields if f"`{name}`" not in text]
        if missing:
            yield _fault(
                item.check.name, f"its docstring does not explain {', '.join(f'`{name}`' for name in missing)}."
            )


def _try_starter(course: Course, rubric: Rubric, means: Means, progress: Progress) -> Iterator[LintFinding]:
    """What a student is given to begin with must not pass already."""
    home = course.assignment_file(rubric.assignment.id).parent
    path = next((home / name for name in ("starter.ipynb", "starter.py") if (home / name).is_file()), None)
    if path is None:
        yield _remark(str(home), "holds no starter (starter.ipynb or starter.py).")
        return
    try:
        yield from _look_at_tags(rubric, path)
        checks = _run(course, rubric, path, means, progress, full=False)
    except SubmissionError as error:
        yield _fault(str(path), error.message, error.remedy)
        return
    earned = sum(check.points for check in checks)
    if earned >= rubric.assignment.pass_mark:
        yield _fault(str(path), f"already earns {earned:g} points, and {rubric.assignment.pass_mark:g} pass.")
    elif all(
        check.outcome is Outcome.PASSED for check in checks if check.out_of and check.outcome is not Outcome.SKIPPED
    ):
        yield _fault(str(path), "fails no check: there is nothing left to do.")


def _look_at_tags(rubric: Rubric, path: Path) -> Iterator[LintFinding]:
    """The cells that a person is to look at must be in what students are given: a tag is nothing that they write."""
    script = read_own(path).script
    tagged = (*script.tags, *(cell.tags for cell in script.markdown))
    there = tuple(dict.fromkeys(tag for tags in tagged for tag in tags))
    for item in rubric.planned:
        tag = item.parameters.tag if isinstance(item.parameters, Manual) else ""
        if tag and tag not in there:
            yield _fault(
                str(path), f"has no cell with the tag `{tag}`, which `{item.title}` shows{did_you_mean(tag, there)}.",
                "Tag the cell in Jupyter, or change `shows`.",
            )  # fmt: skip


def _try_reference(course: Course, rubric: Rubric, means: Means, progress: Progress) -> Iterator[LintFinding]:
    """The reference solution must earn every point: else the exercise can't be done as it is set."""
    try:
        path = course.reference(rubric.assignment.id)
    except UsageError:
        folder = course.reference_folder(rubric.assignment.id)
        yield _fault(str(folder), f"holds no reference solution ({' or '.join(REFERENCES)}).", "Write one.")
        return
    try:
        checks = _run(course, rubric, path, means, progress, full=means.full)
    except SubmissionError as error:
        yield _fault(str(path), error.message, error.remedy)
        return
    for check in checks:
        decided = check.outcome is not Outcome.SKIPPED or not _rests_on_judging(rubric, check)
        decided = decided and check.outcome is not Outcome.AWAITING  # a person gives those points
        if check.out_of and decided and check.points < check.out_of:
            said = f"`{check.name}` ({check.title}): {check.points:g} of {check.out_of:g} points: {check.reason or 'failed'}"
            yield _fault(str(path), f"{said}.", check.hint)
    if not means.full and rubric.functions is None:
        yield from _look_at_baseline(course, rubric)


def _rests_on_judging(rubric: Rubric, check: CheckResult) -> bool:
    return any(item.check.judged for item in rubric.planned if item.check.name == check.name)


def _run(
    course: Course, rubric: Rubric, path: Path, means: Means, progress: Progress, *, full: bool
) -> tuple[CheckResult, ...]:
    with open_selfcheck(
        course, rubric.assignment.id, full=full, isolation=means.isolation, data=means.data, seed=0, progress=progress
    ) as opened:
        checked, _ = check_submission(read_own(path), opened, progress)
    return checked.result.checks


def _look_at_baseline(course: Course, rubric: Rubric) -> Iterator[LintFinding]:
    """What a smoke run leaves open, by the accuracies that the reference reached when it was measured."""
    name = rubric.assignment.id
    try:
        baseline = read_baseline(course.baseline_file(name))
    except DataError as error:
        yield _fault(name, error.message, error.remedy)
        return
    if baseline is None or rubric.dataset is None or baseline.data_digest != rubric.dataset.digest:
        yield _remark(
            name,
            "nobody has measured what the reference reaches.",
            f"Type `grader baseline {name} --seeds 3{course.option()}`.",
        )
        return
    for item in rubric.planned:
        if isinstance(item.parameters, NeededAccuracy) and baseline.summary.lowest < item.parameters.rule[-1].at:
            yield _fault(
                name, f"all points for `accuracy` need {item.parameters.rule[-1].at:.2%}; the reference reached "
                f"{baseline.summary.lowest:.2%} in its worst of {len(baseline.runs)} runs.", "Ask for less, or improve it.",
            )  # fmt: skip
    for other in compare(rubric, student="", earlier=None, course=course).values():
        bar = other.accuracy if other.highest is None else other.highest
        if baseline.summary.lowest <= bar:
            yield _fault(name, f"the reference is not always better than {bar:.2%}, {other.source}.")
