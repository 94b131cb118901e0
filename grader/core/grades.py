"""Grades: which submission counts, what lateness costs, what a person decided. Pure.

First the values (rules, hand-ins, extensions, the events of a student's history, and `GradeBasis`, which makes a grade of
them), then what lateness costs, how a course's slip days are shared out, and what is read from a result and its grades.
`Grade` itself stands in `results`, since a result names its grade.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from pydantic import AwareDatetime

from grader.core.assignment import Assignment, CountedSubmission, Late
from grader.core.evidence import Value
from grader.core.results import AuditOutcome, CheckResult, Flag, ModelSource, Outcome, Result, Status, labels_of
from grader.core.results import Grade as Grade
from grader.core.results import Override as Override
from grader.core.results import Penalty as Penalty
from grader.core.results import SlipDays as SlipDays
from grader.core.results import Student as Student
from grader.core.review import CheckPoints, Review
from grader.core.text import number, rounded


class Extension(Value):
    """More time for one student: until `due`, or `seconds` more than everybody has. Exactly one of them is given."""

    due: AwareDatetime | None = None
    seconds: float | None = None


class Enrolment(Value):
    """A student who is expected to have a grade for an assignment, whether anything is handed in or not."""

    student: Student
    extension: Extension | None = None


class HandIn(Value):
    """What one student handed in, and when.

    `digest` is the submission's SHA-256, empty where it could not be read; `name` the file's. `submitted` is what the
    learning platform says, None where it says nothing; `marked_late` is its mark without a time (Canvas' LATE), None where
    nobody could tell. `folder` is the student's folder below the batch's. What is empty or None here leaves what the
    gradebook knows as it is.
    """

    student: Student
    digest: str
    name: str
    submitted: AwareDatetime | None = None
    marked_late: bool | None = None
    folder: str = ""


class Rules(Value):
    """What an assignment says of grades beyond its checks: which submission counts, when it is due, what lateness costs."""

    assignment: str
    title: str
    out_of: float
    pass_mark: float
    submissions: CountedSubmission = "last"
    due: datetime | None = None
    late: Late = Late()

    @classmethod
    def of(cls, assignment: Assignment) -> "Rules":
        """The rules that a rubric states."""
        return cls(
            assignment=assignment.id, title=assignment.title, out_of=assignment.out_of, pass_mark=assignment.pass_mark,
            submissions=assignment.submissions, due=assignment.due, late=assignment.late,
        )  # fmt: skip


class Event(Value):
    """One line of a student's history: a result or a person's decision; `before` are the points that stood until then.

    `changed` names the checks that moved, old to new; `rubric` is the rubric's digest and `grader` the version that marked.
    `subject` is the check, the comment's number, or who is to look at it; `taken_back`: what was decided does not stand
    any more.
    """

    time: str
    assignment: str
    kind: Literal["result", "override", "excuse", "revoke", "check", "adjustment", "comment", "looked_at", "assigned"]
    points: float | None
    out_of: float
    before: float | None = None
    submission: str = ""
    status: Status | None = None
    passed: bool | None = None  # a result's own; a decision's follows from the pass mark
    changed: tuple[str, ...] = ()
    rubric: str = ""
    grader: str = ""
    author: str = ""
    reason: str = ""
    comment: str = ""
    subject: str = ""
    taken_back: bool = False


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


class Judged(Value):
    """The accuracy of the submission that counts for a student, on so many images; `evidence` is the digest of its run."""

    student: Student
    accuracy: float
    judged: int
    evidence: str


DAY = timedelta(days=1)
LAST = datetime.max.replace(tzinfo=UTC)  # of a hand-in without a time, which is never late
LATE_WITHOUT_TIME, LATER_RUN_BROKE, DECIDED_BEFORE = "late_without_time", "later_run_broke", "decided_before"
# Keys of a rubric that change no points of stored evidence.
NO_PART_OF_A_MARK = {"submissions", "due", "late", "run", "audit"}


def rubric_digest(assignment: Assignment, data_digest: str, code_digest: str = "") -> str:
    """SHA-256 of all that decides a result: the rubric's checks and pass mark, and the data it is judged on.

    `data_digest` is `Rubric.data_digest`, `code_digest` that of the course's own checks. The rules of grades (deadline,
    lateness, which submission counts) are no part, nor are the limits of a run.
    """
    plain = assignment.model_dump(mode="json", by_alias=True, exclude=NO_PART_OF_A_MARK)
    text = json.dumps([plain, data_digest, *([code_digest] if code_digest else [])], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


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


def effective_due(due: datetime | None, extension: Extension | None) -> datetime | None:
    """The deadline for one student. An extension never shortens; without a deadline nothing is late."""
    if due is None or extension is None:
        return due
    later = due if extension.due is None else max(due, extension.due)
    try:
        return later + timedelta(seconds=extension.seconds or 0)
    except OverflowError:  # the year 9999
        return later


def lateness_cost(lateness: timedelta, rules: Rules, *, out_of: float) -> tuple[int, float]:
    """Days begun after the deadline and the points they cost, where the submission is accepted.

    A day is 24 hours, so that a change of the clocks costs nobody a day.
    """
    if lateness <= timedelta(seconds=rules.late.grace):
        return 0, 0.0
    days = -(-lateness // DAY)
    return days, out_of * min(_by_days(rules, days), rules.late.most)


def _by_days(rules: Rules, days: int) -> float:
    """The share that so many days cost if nothing caps it: three times 0.15 is the 0.45 of `most`, and no hair less."""
    return round(rules.late.per_day * days, 9)


def slip_days_worth(lateness: timedelta, rules: Rules, available: int) -> int:
    """How many of the slip days that are there are spent: the fewest that save most. Each moves the deadline by 24 hours.

    It follows from times and rules alone, so another mark of the work spends no day, and gives none back.
    """
    days, cost = lateness_cost(lateness, rules, out_of=1.0)
    most = available if rules.late.most_slip_days is None else min(available, rules.late.most_slip_days)
    if not cost or most <= 0:
        return 0
    costs = [lateness_cost(lateness - spent * DAY, rules, out_of=1.0)[1] for spent in range(min(most, days) + 1)]
    return costs.index(min(costs))


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
    words = _words(days, slipped, cost, rules, accepted=accepted)
    penalty = Penalty(days=days, points=round(earned - left, 6), words=words)
    return _Assessed(marked, left, penalty, accepted, awaits, slipped)


def _words(days: int, slipped: int, cost: float, rules: Rules, *, accepted: bool) -> str:
    late = f"handed in after the deadline, on day {days}"
    if not accepted:
        return f"{late}, when nothing was accepted any more"
    if slipped:
        late += f", for which {'1 slip day is' if slipped == 1 else f'{slipped} slip days are'} spent"
    if cost == 0:
        return f"{late}; this costs nothing"
    capped = _by_days(rules, days - slipped) > rules.late.most
    rule = f"{100 * rules.late.per_day:.4g} % of all points for each day begun{' beyond that' if slipped else ''}"
    return f"{late}: {number(cost)} points off ({rule}{f', at most {100 * rules.late.most:.4g} %' if capped else ''})"


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


def plain_grade(result: Result) -> Grade:
    """What a result gives where there is no gradebook: no lateness, no decision."""
    awaits = tuple(check.title for check in result.checks if check.outcome is Outcome.AWAITING)
    nothing = result.status is Status.BROKEN or result.absent
    return Grade(
        student=Student(name=result.student), assignment=result.assignment, title=result.title,
        points=None if nothing or awaits else result.points, earned=None if nothing else result.points,
        out_of=result.out_of, passed=result.passed and not awaits, awaits=() if nothing else awaits,
        status=None if result.absent else result.status, submission=result.submission,
        submissions=int(not result.absent), flags=tuple(flag.kind for flag in result.flags), evidence=result.evidence,
        source=result.model.source, audit=result.audit.outcome if result.audit is not None else None,
    )  # fmt: skip


def grades_of(result: Result) -> tuple[Grade, ...]:
    """What the student of a result gets, or each member of a group: the one value that every page, line and file shows."""
    if result.members:
        return result.members
    return (result.grade or plain_grade(result),)


def standing_checks(result: Result) -> tuple[CheckResult, ...]:
    """The checks with the points that stand: a person's, where one decided them of all whose result it is."""
    grade = shared_grade(result)
    if grade is None or grade.review is None or grade.status is Status.BROKEN:
        return result.checks
    decided = {item.check: item.points for item in grade.review.checks}
    labels = labels_of(result.checks)
    places = {label: place for place, label in enumerate(labels)}  # of two with one label the last, as in the points
    return tuple(
        _with_points(check, decided[label]) if label in decided and places[label] == place else check
        for place, (label, check) in enumerate(zip(labels, result.checks, strict=True))
    )


def _with_points(check: CheckResult, points: float) -> CheckResult:
    points = min(points, check.out_of)
    outcome = Outcome.PASSED if points >= check.out_of else Outcome.PARTIAL if points > 0 else Outcome.FAILED
    hint = "" if outcome is Outcome.PASSED else check.hint
    return check.model_copy(update={"points": points, "outcome": outcome, "rests_on": "person", "hint": hint})


def shared_grade(result: Result) -> Grade | None:
    """The grade of a result that is one student's, or the same for all of a group; None where the members' differ."""
    first, *others = grades_of(result)
    alone = {"student": first.student}
    return first if all(other.model_copy(update=alone) == first for other in others) else None


def with_grade(result: Result, grade: Grade | None) -> Result:
    """The result with the grade of its student beside it."""
    return result.model_copy(update={"grade": grade, "members": ()})


def with_members(result: Result, grades: Sequence[Grade]) -> Result:
    """The result with the grade of each member of its group beside it."""
    ordered = sorted(grades, key=lambda grade: grade.student.name.casefold())
    return result.model_copy(update={"grade": None, "members": tuple(ordered)})


def is_of(grade: Grade, result: Result) -> bool:
    """Whether a grade was made of this very result, and not of another hand-in or run of the student."""
    if grade.evidence is None:
        return True
    same = grade.evidence == result.evidence
    return same and (bool(grade.evidence) or grade.submission == result.submission)


def flags_of(result: Result) -> tuple[Flag, ...]:
    """What a person should know of a result and its grades: the rubric's flags, lateness, decisions."""
    grades = grades_of(result)
    several = len(grades) > 1
    raised = [
        flag.model_copy(update={"reason": f"{grade.student.name}: {flag.reason}"}) if several else flag
        for grade in grades
        for flag in _grade_flags(grade)
    ]
    return (*result.flags, *raised)


def _grade_flags(grade: Grade) -> Iterator[Flag]:
    if grade.override is not None:
        reason = f"{grade.override.reason} ({grade.override.author})".strip()
        yield Flag(kind="excused" if grade.excused else "override", reason=reason, audience="instructor")
    elif grade.awaits:
        yield Flag(kind="awaits_person", reason=f"a person gives the points of {', '.join(grade.awaits)}")
    if grade.review is not None and grade.review.changes_points and grade.override is None:
        yield Flag(kind="points_decided", reason=_decided_words(grade.review), audience="instructor")
    if grade.override is None and grade.penalty is not None and grade.penalty.points:
        yield Flag(kind="late", reason=grade.penalty.words)
    if LATE_WITHOUT_TIME in grade.flags:
        unclear = "the platform marks it as late and gives no time, so no points were taken off: a person decides"
        yield Flag(kind=LATE_WITHOUT_TIME, reason=unclear)
    if DECIDED_BEFORE in grade.flags and grade.override is None:
        before = (
            "points were decided on an earlier hand-in, run or rubric of this student: look whether they still stand"
        )
        yield Flag(kind=DECIDED_BEFORE, reason=before, audience="instructor")
    if LATER_RUN_BROKE in grade.flags:
        broke = "a later run broke by a fault of ours, so what was found before it stands"
        yield Flag(kind=LATER_RUN_BROKE, reason=broke)


def _decided_words(review: Review) -> str:
    """What people decided of points, and why, in one line for colleagues."""
    said = [f"{item.check}: {item.points:g} ({_who(item.author, item.reason)})" for item in review.checks]
    if (change := review.adjustment) is not None:
        said.append(f"{change.points:+g} in all ({_who(change.author, change.reason)})")
    said += [f"{item.points:+g} for “{item.text}” ({item.author})" for item in review.comments if item.points]
    return "; ".join(said)


def _who(author: str, reason: str) -> str:
    return f"{author}: {reason}" if reason else author
