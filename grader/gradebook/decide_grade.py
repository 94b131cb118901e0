"""Decides a grade: which submission counts, what lateness takes from it, what a person decided. Pure.

`GradeBasis` is all that it is decided from; `share_out` gives each assignment of a course its part of a student's slip days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from pydantic import AwareDatetime

from grader.core.decision_log import CheckPoints, Review
from grader.core.evidence import Value
from grader.core.grades import DECIDED_BEFORE, LATE_WITHOUT_TIME, Extension, Rules
from grader.core.results import AuditOutcome, Grade, ModelSource, Override, Penalty, SlipDays, Status, Student
from grader.core.text import rounded
from grader.gradebook.late_penalty import DAY, describe_lateness, effective_due, lateness_cost, slip_days_worth

LAST = datetime.max.replace(tzinfo=UTC)  # of a hand-in without a time, which is never late


class MarkedCheck(Value):
    """What a result gives for one check, by its label. `awaiting`: a person gives its points."""

    label: str
    title: str
    points: float
    out_of: float
    awaiting: bool = False


class Marked(Value):
    """The result that stands for one submission. `sequence` counts a student's submissions as they were first seen.

    `checks` are those of which a person decides points, or is to; the others need not be among them. `digest` is what was
    handed in (SHA-256), empty where it could not be read.
    """

    sequence: int
    submission: str
    status: Status
    points: float
    out_of: float
    pass_mark: float
    passed: bool
    submitted: AwareDatetime | None = None
    marked_late: bool = False
    flags: tuple[str, ...] = ()
    folder: str = ""
    evidence: str | None = None
    checks: tuple[MarkedCheck, ...] = ()
    digest: str = ""
    source: ModelSource | None = None
    audit: AuditOutcome | None = None


class GradeBasis(Value):
    """All that a student's grade is decided from, beside the assignment's rules.

    `slip_days` is how many of the course's are left when it is this assignment's turn; None where the course has none.
    """

    student: Student
    marked: tuple[Marked, ...] = ()
    extension: Extension | None = None
    override: Override | None = None
    review: Review | None = None
    slip_days: int | None = None

    def grade(self, rules: Rules) -> Grade:
        """The grade that follows from the results that stand for a student's submissions, and from what people decided.

        What was decided of single checks changes what a submission earned, and lateness takes from that, beyond the slip
        days that there are for it; an override or excuse wins over all of it.
        """
        due, review = effective_due(rules.due, self.extension), self.review
        counted = self._counted(rules, self.slip_days or 0)
        if counted is not None:
            review = of_todays_checks(review, counted.marked.checks)
        grade = Grade(
            student=self.student, assignment=rules.assignment, title=rules.title, points=None, out_of=rules.out_of,
            passed=False, submissions=len(self.marked), due=None if due is None else due.isoformat(), review=review,
        )  # fmt: skip
        if counted is not None:
            grade = grade.model_copy(update=_of_counted(counted, due, review, self.slip_days))
            grade = grade.model_copy(update={"comment": _comment(grade)})
        return grade if self.override is None else grade.model_copy(update=_of_override(self.override, counted, rules))

    def slipped(self, rules: Rules, slip_days: int) -> tuple[datetime, int]:
        """When the submission that counts was handed in, and how many of so many slip days would be spent on it.

        An excused student spends none: there is nothing to be late with.
        """
        counted = self._counted(rules, slip_days)
        if counted is None or (self.override is not None and self.override.excused):
            return LAST, 0
        return counted.marked.submitted or LAST, counted.slipped

    def _counted(self, rules: Rules, slip_days: int) -> "_Assessed | None":
        """The submission that counts, where so many slip days may be spent on it."""
        due = effective_due(rules.due, self.extension)
        return _choose(
            [_assess(item, rules, due, of_todays_checks(self.review, item.checks), slip_days) for item in self.marked],
            rules,
        )


@dataclass(frozen=True)
class _Assessed:
    """One submission after people's decisions and lateness; `points` is None where our own fault left nothing to count.

    `awaits` names the checks whose points a person must still give; `points` are what there is without them. `slipped` are
    the slip days that it spends.
    """

    marked: Marked
    points: float | None
    penalty: Penalty | None
    accepted: bool
    awaits: tuple[str, ...] = ()
    slipped: int = 0


def share_out(budget: int, works: Mapping[str, tuple[Rules, GradeBasis]]) -> dict[str, int]:
    """How many of a student's slip days for a course are left when it is an assignment's turn, by its id.

    Days go to the submissions that count, in the order in which they were handed in. Which one counts may depend on the days
    that are left (`submissions = "best"`), so of all assignments whose turn has not come the earliest is looked for anew.
    Nothing that was spent is ever stored, so no day can be spent twice, and whatever changes (an extension, another hand-in,
    a moved deadline, an excuse) changes it at once.
    """
    left, waiting, found = budget, dict(works), dict[str, int]()
    while waiting:
        turns = {name: basis.slipped(rules, left) for name, (rules, basis) in waiting.items()}
        name = min(turns, key=lambda name: (turns[name][0], name))
        found[name] = left
        left -= turns[name][1]
        if not left:  # nothing that comes later can spend anything
            return found | {other: 0 for other in waiting if other != name}
        del waiting[name]
    return found


def of_todays_checks(review: Review | None, checks: Sequence[MarkedCheck]) -> Review | None:
    """What people decided, by the labels that a result's checks have today.

    A rubric that uses a check once more changes its label: then the one of the same title is meant.
    """
    if review is None or not review.checks or not checks:
        return review
    titles = {check.label: check.title for check in checks}
    decided = {}
    for item in review.checks:
        label, kind = item.check, item.check.partition(" (")[0]
        if item.title and titles.get(label) != item.title:
            same = (
                other for other, title in titles.items() if title == item.title and other.partition(" (")[0] == kind
            )
            label = next(same, label)
        decided[label] = item.model_copy(update={"check": label})
    return review.model_copy(update={"checks": tuple(decided.values())})


def earned_after(marked: Marked, review: Review | None) -> float:
    """The points of a submission after what people decided of its checks, in all, and by comments: from 0 to `out_of`."""
    points = marked.points
    if review is None or not review.changes_points:
        return points
    given = {check.label: check for check in marked.checks}
    points += sum(
        min(item.points, given[item.check].out_of) - given[item.check].points  # a rubric may give fewer by now
        for item in review.checks
        if item.check in given
    )
    points += sum(comment.points for comment in review.comments)
    points += review.adjustment.points if review.adjustment is not None else 0.0
    return max(0.0, min(round(points, 6), marked.out_of))


def _assess(marked: Marked, rules: Rules, due: datetime | None, review: Review | None, slip_days: int) -> _Assessed:
    """What people's decisions and lateness leave of one submission's points."""
    lateness = timedelta(0) if due is None or marked.submitted is None else marked.submitted - due
    days = lateness_cost(lateness, rules, out_of=marked.out_of)[0]
    after = rules.late.after
    accepted = after is None or lateness <= timedelta(seconds=after) or days == 0
    slipped = slip_days_worth(lateness, rules, slip_days) if accepted else 0
    cost = rounded(lateness_cost(lateness - slipped * DAY, rules, out_of=marked.out_of)[1])  # as it is shown
    if marked.status is Status.BROKEN:
        return _Assessed(marked, None, None, accepted, slipped=slipped)
    decided = {item.check for item in review.checks} if review is not None else set()
    awaits = tuple(check.title for check in marked.checks if check.awaiting and check.label not in decided)
    earned = earned_after(marked, review)
    left = max(0.0, rounded(earned - cost)) if accepted else 0.0
    left = min(left, earned)  # rounding gives nothing away
    if days == 0:
        return _Assessed(marked, earned, None, accepted=True, awaits=awaits)
    words = describe_lateness(days, slipped, cost, rules, accepted=accepted)
    penalty = Penalty(days=days, points=round(earned - left, 6), words=words)
    return _Assessed(marked, left, penalty, accepted, awaits, slipped)


def _choose(assessed: Sequence[_Assessed], rules: Rules) -> _Assessed | None:
    """The submission that counts: one that came too late to be accepted only where there is no other."""
    candidates = [item for item in assessed if item.accepted] or list(assessed)
    if not candidates:
        return None
    if rules.submissions == "best":
        return max(candidates, key=lambda item: (-1.0 if item.points is None else item.points, -item.marked.sequence))
    timed = all(item.marked.submitted is not None for item in candidates)
    return max(candidates, key=lambda item: (_instant(item.marked) if timed else 0, item.marked.sequence))


def _instant(marked: Marked) -> float:
    return marked.submitted.timestamp() if marked.submitted is not None else 0.0


def _of_counted(
    counted: _Assessed, due: datetime | None, review: Review | None, slip_days: int | None
) -> dict[str, object]:
    """The fields of a grade that the submission that counts fills."""
    marked, penalty = counted.marked, counted.penalty
    slipped = None if slip_days is None else SlipDays(spent=counted.slipped, left=slip_days - counted.slipped)
    points = None if counted.awaits else counted.points
    # Points that a person gives need no verdict of ours; what takes points away, or changes nothing, passes nobody.
    judged = marked.status in (Status.GRADED, Status.NEEDS_REVIEW)
    reached = marked.passed or judged or earned_after(marked, review) > marked.points
    return {
        "points": points,
        "out_of": marked.out_of,
        "passed": points is not None and reached and points >= marked.pass_mark,
        "awaits": counted.awaits,
        "earned": None if counted.points is None else marked.points,
        "status": marked.status,
        "penalty": penalty,
        "submission": marked.submission,
        "submitted": None if marked.submitted is None else _iso(marked.submitted, due),
        "slip_days": slipped,
        "flags": (*marked.flags, *_raised(marked, review)),
        "folder": marked.folder,
        "evidence": marked.evidence,
        "source": marked.source,
        "audit": marked.audit,
    }


def _comment(grade: Grade) -> str:
    """What the student is told of lateness, where it cost points or slip days."""
    if not (words := grade.lateness):
        return ""
    left = f" Slip days left: {grade.slip_days.left}." if grade.slip_days is not None else ""
    return f"{words[0].upper()}{words[1:]}.{left}"


def _raised(marked: Marked, review: Review | None) -> Iterator[str]:
    """What a person should know beside the result's own flags."""
    if marked.marked_late and marked.submitted is None:
        yield LATE_WITHOUT_TIME
    if review is not None and (
        any(run != marked.evidence for run in review.evidence)
        or any(_of_another_check(item, marked.checks) for item in review.checks)
    ):
        yield DECIDED_BEFORE


def _of_another_check(item: CheckPoints, checks: Sequence[MarkedCheck]) -> bool:
    """Whether the check that points were decided of is gone, is called otherwise today, or gives fewer points."""
    check = next((check for check in checks if check.label == item.check), None)
    return check is None or item.points > check.out_of or bool(item.title and item.title != check.title)


def _of_override(override: Override, counted: _Assessed | None, rules: Rules) -> dict[str, object]:
    """The fields of a grade that a person's decision fills. The reason stays with the instructors."""
    pass_mark = rules.pass_mark if counted is None else counted.marked.pass_mark
    points = None if override.excused else override.points
    found: dict[str, object] = {
        "points": points, "passed": points is not None and points >= pass_mark, "override": override,
        "comment": override.comment, "awaits": (),
    }  # fmt: skip
    return {**found, "slip_days": None} if override.excused else found


def _iso(moment: datetime, due: datetime | None) -> str:
    """A moment as people write it where the deadline was written, else in UTC."""
    zone: tzinfo = UTC if due is None or due.tzinfo is None else due.tzinfo
    try:
        return moment.astimezone(zone).isoformat()
    except OverflowError:
        return moment.isoformat()
