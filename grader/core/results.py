"""Results and the grades beside them, as `result.json` promises both to machines.

A *result* is what the rubric says of one submission. A *grade* is what a student gets: after lateness, and as a person
decided. Values only; `grades` says how a grade comes about.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from grader.core.decision_log import Review
from grader.core.evidence import Cause, CourseEnvironment, Ending, Isolation, Maker, Serve, Smoke, Value

SCHEMA = 1
ModelSource = Literal["trained", "handed-in"]
AuditOutcome = Literal["confirmed", "not confirmed", "not judged", "due"]


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"  # a check it needs failed
    BROKEN = "broken"  # our fault: nobody loses a mark by it unseen
    AWAITING = "awaiting"  # a person gives its points, and has not yet


class Status(StrEnum):
    """What became of a submission."""

    GRADED = "graded"
    EXPLAINED = "explained"  # nothing could be judged, and the report says why
    NEEDS_REVIEW = "needs_review"  # a person must look before the mark stands
    BROKEN = "broken"  # our fault


class CheckResult(Value):
    """One check's finding; `rests_on` says whether facts, the kernel's own claims or a person carry it."""

    name: str
    title: str
    outcome: Outcome
    points: float
    out_of: float
    reason: str = ""
    hint: str = ""
    rests_on: Literal["facts", "claims", "person"] = "facts"


def write_labels(checks: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Labels of checks, of which names and titles are given: the title is part of it where a name occurs several times."""
    found = tuple(checks)
    often = Counter(name for name, _ in found)
    return tuple(name if often[name] == 1 else f"{name} ({title})" for name, title in found)


def labels_of(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    """Each check's label: its name, with its title behind it where a rubric uses the check several times."""
    return write_labels((check.name, check.title) for check in checks)


def labelled(checks: Iterable[CheckResult]) -> dict[str, CheckResult]:
    """The checks by their label."""
    found = tuple(checks)
    return dict(zip(labels_of(found), found, strict=True))


class Accuracy(Value):
    """Accuracy on the judged images: fractions; `interval` is the exact 95 % binomial interval.

    `confusion[i][j]` counts images of class i that were predicted as class j. `granted`: it is below the threshold, but
    the rubric leaves the doubt to the student, and it counts as reached. `full`: points rise in proportion from the
    threshold to this accuracy; it is not written where they don't, so that a result says what it always said.
    """

    value: float
    correct: int
    judged: int
    interval: tuple[float, float]
    verdict: Literal["pass", "borderline", "fail"] | None = None
    threshold: float | None = None
    granted: bool = False
    full: float | None = None
    confusion: tuple[tuple[int, ...], ...] = ()

    @model_serializer(mode="wrap")
    def _without_full(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = write(self)
        if self.full is None:
            written.pop("full", None)
        return written


class Counterexample(Value):
    """A call that goes wrong, made as small as can be: arguments by name, what came, and what is right.

    Values are texts for people. `returned`: whether `got` is an answer; else it says what happened, after "it".
    """

    arguments: tuple[tuple[str, str], ...]
    got: str
    wanted: str
    returned: bool = True


class GroupFinding(Value):
    """Cases of one kind: how many were tried; of the first that is wrong, what is wrong and the call.

    `shown` is the `counterexample` in lines of text.
    """

    title: str
    tried: int
    right: bool
    fault: str = ""
    shown: str = ""
    counterexample: Counterexample | None = None


class FunctionFinding(Value):
    """A function that a module is asked for; `problem` says why it could not be called at all.

    `line` is where its definition begins: of the file, and in a notebook of the code cell number `cell`.
    """

    name: str
    signature: str
    problem: str = ""
    groups: tuple[GroupFinding, ...] = ()
    line: int | None = None
    cell: int | None = None

    @property
    def first_wrong(self) -> GroupFinding | None:
        """The first kind of cases with a call that goes wrong."""
        return next((group for group in self.groups if group.counterexample is not None), None)


class ModelSummary(Value):
    """Which network was graded.

    `source`: whether it is what the run trained, or the `file` that was handed in; then `maker` says whether the code builds
    that very network, and `differences` what tells the two apart.
    """

    chosen: str | None = None
    candidates: tuple[str, ...] = ()
    parameters: int | None = None
    input_shape: tuple[int | None, ...] | None = None
    preprocessing: str | None = None
    family: str | None = None
    source: ModelSource | None = None
    file: str | None = None
    maker: Maker | None = None
    differences: tuple[str, ...] = ()


class Flag(Value):
    """Something a person should look at; never a verdict. What is for the instructor stands on no student's page."""

    kind: str
    reason: str
    audience: Literal["everyone", "instructor"] = "everyone"


class Comparison(Value):
    """An accuracy to be better than: another exercise of the same student, what that one asks for, or its baseline.

    Of the student's own, `right` tells image by image whether it was recognised: bits in base64, first image first, empty
    where its predictions are not stored. Then `only_here` and `only_there` count the images that one of the two networks
    alone recognised, and `p_value` is McNemar's. A baseline has its number of `runs` and their range instead; what is merely
    asked for was `judged` on no image.
    """

    assignment: str
    source: str  # "exercise1 of the same student", "what exercise1 asks for", "the reference baseline of exercise1"
    accuracy: float
    judged: int
    judged_on: str = ""
    right: str = ""
    only_here: int | None = None
    only_there: int | None = None
    p_value: float | None = None
    runs: int | None = None
    lowest: float | None = None
    highest: float | None = None


class Attempt(Value):
    """One run of a submission; `evidence` is its digest. `counted`: its accuracy stands, or is part of the mean."""

    seed: int
    accuracy: float | None
    correct: int | None
    judged: int | None
    points: float
    evidence: str
    counted: bool


BY_LOT = "drawn by lot"  # how the reason of an audit begins that the lot named


class AuditFinding(Value):
    """What came of training the network after all whose handed-in file was judged, on the same images.

    `why` it was drawn. Accuracies are fractions; `margin` is how much worse the trained one may be. `only_handed_in` and
    `only_trained` count the images that one of the two alone recognised. `due`: it is drawn, and not trained yet.
    """

    why: str
    outcome: AuditOutcome
    handed_in: float | None = None
    trained: float | None = None
    margin: float | None = None
    only_handed_in: int | None = None
    only_trained: int | None = None
    p_value: float | None = None
    evidence: str = ""
    reason: str = ""

    @property
    def by_lot(self) -> bool:
        """Whether the lot named it, and not a flag alone."""
        return self.why.startswith(BY_LOT)


class Spread(Value):
    """What the reference solution reaches over `seeds` runs on the same images: accuracies as fractions.

    `standard_deviation` is the sample's, `interval` the 95 % t interval of the mean: None from a single run.
    """

    assignment: str
    seeds: int
    mean: float
    standard_deviation: float | None
    interval: tuple[float, float] | None
    lowest: float
    highest: float


class Student(Value):
    """A student of a class.

    `name` is unique within a batch. `identity` is the institution's number (from a roster), or the login where there is
    no number; `participant` the number by which the learning platform's download knows the student (Moodle's participant,
    Canvas' user id).
    """

    name: str
    identity: str = ""
    login: str = ""
    email: str = ""
    participant: str = ""
    group: str = ""


class Override(Value):
    """A person's decision on one grade: points, or an excuse. It wins over every result and survives regrades.

    `comment` is for the student; `reason` is for colleagues, and no file of a single student holds it.
    """

    points: float | None
    excused: bool
    author: str
    reason: str = ""
    time: str
    comment: str = ""


class Penalty(Value):
    """What lateness costs: days begun after the deadline and its extensions, points, and the rule in words."""

    days: int
    points: float
    words: str


class SlipDays(Value):
    """Of the slip days that a student has for the course: `spent` on this submission, and `left` after it."""

    spent: int
    left: int


class Grade(Value):
    """What one student gets for one assignment.

    `earned` are the points by the rubric of the submission that counts, `points` what is left after what people decided of
    its checks (`review`) and after `penalty`, or what `override` says; None where nothing was handed in, nothing could be
    marked, a person must still give points (`awaits` names those checks), or an excuse was given. `comment` is what the
    student may be told of it, beside the comments in `review`. `folder` is the student's folder below the batch's,
    `submitted` and `due` are ISO times with an offset. `evidence` is the digest of the run that counts; None where nobody
    could tell. `slip_days` is None where the course has none, or nothing was handed in. `source` says which way the mark was
    reached (None: no network), `audit` what training a handed-in network after all gave.
    """

    student: Student
    assignment: str
    title: str
    points: float | None
    out_of: float
    passed: bool
    earned: float | None = None
    status: Status | None = None
    penalty: Penalty | None = None
    override: Override | None = None
    review: Review | None = None
    awaits: tuple[str, ...] = ()
    submission: str = ""
    submissions: int = 0
    submitted: str | None = None
    due: str | None = None
    comment: str = ""
    flags: tuple[str, ...] = ()
    folder: str = ""
    evidence: str | None = None
    slip_days: SlipDays | None = None
    source: ModelSource | None = None
    audit: AuditOutcome | None = None

    @property
    def excused(self) -> bool:
        """Whether a person excused the student."""
        return self.override is not None and self.override.excused

    @property
    def decided(self) -> bool:
        """Whether a person decided the points."""
        return self.override is not None and not self.override.excused

    @property
    def changed_by_person(self) -> bool:
        """Whether points in all rest on what a person decided below an override."""
        return self.override is None and self.review is not None and self.review.changes_points

    @property
    def lateness(self) -> str:
        """How late it was, and what that cost, in words; empty where it cost neither points nor slip days."""
        spent = self.slip_days is not None and self.slip_days.spent > 0
        return self.penalty.words if self.penalty is not None and (self.penalty.points or spent) else ""

    @property
    def provisional(self) -> bool:
        """Whether a person must look at it before it stands."""
        looked_at = self.review is not None and self.review.looked_at
        return self.status is Status.NEEDS_REVIEW and self.override is None and not looked_at


class Result(Value):
    """What `result.json` holds: the mark, each check's finding, and where it all came from.

    All but `grade` and `members` is what the rubric says of the submission. `grade` is what the student gets, `members`
    what each member of a group gets instead; empty where there is no gradebook (`grades.grades_of` reads them).
    """

    schema_: int = Field(default=SCHEMA, alias="schema")
    assignment: str
    title: str
    student: str
    submission: str
    status: Status
    points: float
    out_of: float
    pass_mark: float
    passed: bool
    isolation: Isolation
    dataset: str
    serve: Serve
    judged_on: str
    accuracy: Accuracy | None
    attempts: tuple[Attempt, ...] = ()
    compared: tuple[Comparison, ...] = ()
    baseline: Spread | None = None
    audit: AuditFinding | None = None
    model: ModelSummary
    functions: tuple[FunctionFinding, ...] = ()
    checks: tuple[CheckResult, ...]
    flags: tuple[Flag, ...] = ()
    shims: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ending: Ending
    evidence: str
    versions: dict[str, str]
    environment: CourseEnvironment | None = None  # None: the course adds nothing to what notebooks may import
    smoke: Smoke | None = None  # a smoke run, and no mark
    seed: int
    started: str
    grade: Grade | None = None
    members: tuple[Grade, ...] = ()

    @property
    def absent(self) -> bool:
        """Whether nothing was handed in: there is nothing that checks could have found."""
        return self.ending.cause is Cause.NOT_RUN and not self.submission

    @property
    def unread(self) -> bool:
        """Whether the submission was never run, so that what checks say is not what somebody lost points by."""
        return self.ending.cause is Cause.NOT_RUN

    @property
    def without_loss(self) -> bool:
        """Whether nothing that was looked at took points off, which is what a smoke run can say."""
        left_open = (Outcome.SKIPPED, Outcome.AWAITING)
        return all(check.points >= check.out_of or check.outcome in left_open for check in self.checks)
