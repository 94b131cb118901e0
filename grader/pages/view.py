"""One submission as a report shows it: a Result and its Evidence as ready words and plain numbers. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.checks.cell_and_line import Places
from grader.core.evidence import Evidence
from grader.core.grades import LATE_WITHOUT_TIME, flags_of, shared_grade, standing_checks
from grader.core.limits import Limits
from grader.core.results import CheckResult, FunctionFinding, Grade, GroupFinding, Outcome, Result, Status
from grader.core.text import cleaned, cleaned_evidence, joined, one_line, shorten
from grader.pages.accuracy import AccuracyView, ConfusionView, Mistake, accuracy_view, confusion_view
from grader.pages.cells import NotebookView, notebook_view
from grader.pages.decisions import CommentsView, CommentView, comments_view, decision_words
from grader.pages.headline import Headline, points_word, write_headline
from grader.pages.language import many, number, say, translated, write_duration, write_moment, write_size
from grader.pages.network import ModelView, model_view
from grader.pages.plots import Segment
from grader.pages.training import TrainingView, training_view
from grader.pages.wording import (
    ADVICE,
    ADVICE_MARK,
    BASIS,
    CAUSES,
    ISOLATION,
    MARKS,
    OUTCOMES,
    SERVE,
    TONES,
    Tone,
    case_lines,
    flag_word,
    place_of,
    substitute_warning,
)

MOST_SHOWN = 6_000  # characters of one case
LONG = 1_200  # characters of a reason or a hint


@dataclass(frozen=True)
class GroupView:
    """One kind of cases as a row."""

    tone: Tone
    mark: str
    word: str
    title: str
    tried: str
    fault: str
    shown: str
    open: bool


@dataclass(frozen=True, kw_only=True)
class FunctionView:
    """One function: how it is called, what is wrong with it as a whole, and its kinds of cases."""

    signature: str
    place: str
    right: str
    problem: str
    groups: tuple[GroupView, ...]


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """One check as a row."""

    number: int
    tone: Tone
    mark: str
    outcome: str
    looked_at: bool  # and found wanting by no fault of ours: a hint is a next step
    title: str
    points: str
    decision: str  # that a person decided the points, and what the check gave
    reason: str
    hint: str
    comments: tuple[CommentView, ...]
    basis: str
    basis_kind: str


@dataclass(frozen=True, kw_only=True)
class StudentView:
    """Everything a student's page says, in the order it says it."""

    title: str
    student: str
    submission: str
    verdict: Headline
    absent: bool  # nothing was handed in: the page is one sentence
    points: str  # what the student gets
    provisional: bool
    earned: str  # by the checks below, as a person decided some of them
    comments: CommentsView
    out_of: str
    pass_mark: str
    strip: tuple[Segment, ...]
    pass_share: float | None
    next_step: CheckView | None
    warning: str
    unsandboxed: str
    notices: tuple[tuple[str, str], ...]  # what to know before reading on: title and text
    serve_note: str
    functions: tuple[FunctionView, ...]
    has_network: bool  # an exercise in functions has neither data nor a network
    accuracy: AccuracyView | None
    why_no_accuracy: str
    judged_on: str
    checks: tuple[CheckView, ...]
    bases: tuple[tuple[str, str, str], ...]  # on what the checks rest: word, kind and what it means
    model: ModelView
    training: TrainingView | None
    confusion: ConfusionView | None
    mistakes: tuple[Mistake, ...]
    notebook: NotebookView | None
    ending: str
    ending_message: str
    ending_tone: Tone
    run: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    shims: tuple[str, ...]
    provenance: tuple[tuple[str, str, str], ...]


def student_view(
    result: Result,
    evidence: Evidence | None,
    *,
    classes: Sequence[str] = (),
    limits: Limits | None = None,
    mistakes: tuple[Mistake, ...] = (),
) -> StudentView:
    """A submission's page.

    `classes` are class names in order, `limits` what the run might use at most; `mistakes` are given where the images
    that decide the mark may be shown.
    """
    result = cleaned(result)
    evidence = None if evidence is None else cleaned_evidence(evidence.as_it_counts)
    standing = standing_checks(result)
    notebook = _notebook(evidence)
    comments = comments_view(result, {cell.number: cell.source for cell in notebook.cells} if notebook else {})
    checks = _checks(result.checks, standing, comments)
    grade = shared_grade(result)
    return StudentView(
        title=say(result.title),
        student=one_line(result.student, 200) or say("(no name)"),
        submission=one_line(result.submission, 200),
        verdict=write_headline(result),
        absent=result.absent,
        points="–" if grade is None else points_word(grade),
        provisional=grade is not None and grade.provisional,
        earned="–" if result.status is Status.BROKEN else number(_sum(standing, result)),
        comments=comments,
        out_of=number(result.out_of),
        pass_mark=number(result.pass_mark),
        strip=strip(standing),
        pass_share=result.pass_mark / result.out_of if result.out_of > 0 else None,
        next_step=_most_to_gain(standing, checks) if grade is not None and _advises(result, grade) else None,
        warning="" if result.absent else _warning(result),
        unsandboxed=say(ISOLATION["none"][1]) if result.isolation == "none" and not result.absent else "",
        notices=_notices(result),
        serve_note=_serve_note(result, evidence),
        functions=tuple(_function(finding, result.submission) for finding in result.functions),
        has_network=bool(result.dataset or result.accuracy or result.model.chosen),
        accuracy=accuracy_view(result),
        why_no_accuracy=_why_no_accuracy(result, evidence),
        judged_on=translated(one_line(result.judged_on or "", 200)),
        checks=checks,
        bases=_bases(checks),
        model=model_view(result, evidence),
        training=None if result.model.source == "handed-in" else training_view(result, evidence),
        confusion=confusion_view(result.accuracy, classes),
        mistakes=mistakes if result.accuracy else (),
        notebook=notebook,
        ending=say(CAUSES[result.ending.cause]),
        ending_message=shorten(translated(result.ending.message), LONG),
        ending_tone="good" if result.ending.cause == "finished" else "bad",
        run=tuple(_run(result, limits)),
        notes=tuple(shorten(translated(note), LONG) for note in result.notes),
        shims=tuple(shorten(translated(shim), LONG) for shim in result.shims),
        provenance=tuple((name, one_line(value, 1_000), said) for name, value, said in _provenance(result, evidence)),
    )


def _notebook(evidence: Evidence | None) -> NotebookView | None:
    if evidence is None or not evidence.claims.cells:
        return None
    return notebook_view(
        evidence.claims.cells, evidence.submission.markdown, evidence.submission.counts, file=Places.of(evidence).file
    )


def strip(checks: Sequence[CheckResult]) -> tuple[Segment, ...]:
    """What was earned, check by check, then what was lost, as shares of all points."""
    total = sum(item.out_of for item in checks)
    if total <= 0:
        return ()
    earned, lost = [], []
    for item in checks:
        label = say(
            "{title}: {points} of {all}",
            title=say(one_line(item.title)), points=number(item.points), all=number(item.out_of),
        )  # fmt: skip
        if item.points > 0:
            earned.append(Segment(label, item.points / total, TONES[item.outcome], True))
        if item.points < item.out_of:
            lost.append(Segment(label, (item.out_of - item.points) / total, TONES[item.outcome], False))
    return (*earned, *lost)


def _sum(standing: Sequence[CheckResult], result: Result) -> float:
    """The points of the checks as they stand: the result's own where nobody decided one."""
    changed = sum(now.points - before.points for now, before in zip(standing, result.checks, strict=True))
    return result.points + changed


def _checks(
    found: Sequence[CheckResult], standing: Sequence[CheckResult], comments: CommentsView
) -> tuple[CheckView, ...]:
    """A row for each check as it stands, with what was said of it."""
    return tuple(
        _check(number, before, now, comments.checks.get(number, ()))
        for number, (before, now) in enumerate(zip(found, standing, strict=True), 1)
    )


def _check(position: int, before: CheckResult, item: CheckResult, comments: tuple[CommentView, ...]) -> CheckView:
    open_advice = item.out_of <= 0 and item.outcome in (Outcome.FAILED, Outcome.PARTIAL)
    found = item.outcome not in (Outcome.SKIPPED, Outcome.BROKEN)  # else nothing was measured or reported
    return CheckView(
        number=position,
        tone="calm" if open_advice else TONES[item.outcome],
        mark=ADVICE_MARK if open_advice else MARKS[item.outcome],
        outcome=say(ADVICE if open_advice else OUTCOMES[item.outcome]),
        looked_at=item.outcome not in (Outcome.SKIPPED, Outcome.BROKEN, Outcome.AWAITING),
        title=say(shorten(item.title, 300)),
        points=_points(item),
        decision=decision_words(before, item),
        reason=_reason(before, item),
        hint=""
        if item.outcome is Outcome.SKIPPED
        else shorten(translated(item.hint), LONG),  # each of them says the same
        comments=comments,
        basis=say(BASIS[item.rests_on][0]) if found else "",
        basis_kind="measured" if item.rests_on == "facts" else "told",
    )


def _bases(checks: Sequence[CheckView]) -> tuple[tuple[str, str, str], ...]:
    """What the words beside the checks mean, of those that stand there."""
    kinds = {check.basis: check.basis_kind for check in checks if check.basis}
    return tuple((say(word), kinds[say(word)], say(meaning)) for word, meaning in BASIS.values() if say(word) in kinds)


def _points(item: CheckResult) -> str:
    if item.out_of <= 0:
        return say("no points")
    return f"{'–' if item.outcome is Outcome.AWAITING else number(item.points)} / {number(item.out_of)}"


def _reason(before: CheckResult, item: CheckResult) -> str:
    """A check's reason; none of one that waited for a person, who has been there."""
    given = before.outcome is Outcome.AWAITING and item.outcome is not Outcome.AWAITING
    return "" if given else shorten(translated(item.reason), LONG)


def _function(finding: FunctionFinding, file: str) -> FunctionView:
    """A function of a module: where it stands, which kinds of cases are right, and a small one that is not."""
    first = next((group for group in finding.groups if group.shown), None)  # where to begin
    right = sum(group.right for group in finding.groups)
    return FunctionView(
        signature=shorten(finding.signature, 200),
        place=place_of(finding, file),
        right=many(
            len(finding.groups),
            "{right} of {n} kind of cases right",
            "{right} of {n} kinds of cases right",
            right=right,
        ),
        problem=shorten(translated(finding.problem), 600),
        groups=() if finding.problem else tuple(_group(group, group is first) for group in finding.groups),
    )


def _group(group: GroupFinding, first: bool) -> GroupView:
    outcome = Outcome.PASSED if group.right else Outcome.FAILED if group.tried else Outcome.SKIPPED
    tone: Tone = "good" if group.right else "bad" if group.tried else "calm"
    return GroupView(
        tone=tone,
        mark=MARKS[outcome],
        word=say("right") if group.right else say("wrong") if group.tried else say("not tried"),
        title=shorten(translated(group.title), 200),
        tried=many(group.tried, "{n} case", "{n} cases") if group.right else "",
        fault=say("It {fault}", fault=shorten(translated(group.fault), 600)) if group.fault else "",
        shown=shorten("\n".join(case_lines(group)), MOST_SHOWN),
        open=first,
    )


def _advises(result: Result, grade: Grade) -> bool:
    """Whether a page says what would gain most: not to who has nothing, and not where a person decided or has yet to."""
    return not (result.absent or grade.override or grade.provisional)


def _most_to_gain(checks: Sequence[CheckResult], views: Sequence[CheckView]) -> CheckView | None:
    """The failed or partial check with the most points left in it, if it has a hint to give."""
    open_ends = [
        (item.out_of - item.points, -position, view)
        for position, (item, view) in enumerate(zip(checks, views, strict=True))
        if item.outcome in (Outcome.FAILED, Outcome.PARTIAL) and item.points < item.out_of and item.hint
    ]
    return max(open_ends, key=lambda item: item[:2])[2] if open_ends else None


def _warning(result: Result) -> str:
    reasons = [translated(one_line(flag.reason)) for flag in result.flags if flag.kind == "substitute_data"]
    return joined((substitute_warning(), shorten(reasons[0], 600))) if reasons else ""


def _notices(result: Result) -> tuple[tuple[str, str], ...]:
    """The flags that students may see: a flag that may name another student is for the instructor alone."""
    unclear = (flag for flag in flags_of(result) if flag.kind == LATE_WITHOUT_TIME)
    return tuple(
        (flag_word(flag.kind), shorten(translated(flag.reason), LONG))
        for flag in (*result.flags, *unclear)
        if flag.audience == "everyone" and flag.kind != "substitute_data"
    )


def _serve_note(result: Result, evidence: Evidence | None) -> str:
    ran = evidence is not None and evidence.claims.cells
    return say(SERVE["sealed"][1]) if ran and result.dataset and result.serve == "sealed" else ""


def _why_no_accuracy(result: Result, evidence: Evidence | None) -> str:
    if result.accuracy is not None:
        return ""
    if evidence is None:
        return say("There is no record of a run: the submission could not be read, or it was not run.")
    judgement = evidence.facts.judgement
    return shorten(translated(judgement.reason or evidence.claims.problem or ""), LONG) or say("No network was judged.")


def _run(result: Result, limits: Limits | None) -> Iterator[tuple[str, str]]:
    """What the run used, and what it might use."""

    def of(used: str, most: str) -> str:
        return say("{n} of {all}", n=used, all=most) if most else used

    ending = result.ending
    yield say("time"), of(write_duration(ending.wall_s), write_duration(limits.wall) if limits else "")
    if ending.cpu_s is not None:
        yield say("processor time"), write_duration(ending.cpu_s)
    if ending.peak_mb is not None:
        yield (
            say("peak memory"),
            of(write_size(ending.peak_mb * (1 << 20)), write_size(limits.memory) if limits else ""),
        )
    if limits is not None:
        yield say("longest cell allowed"), write_duration(limits.cell)
    if ending.cell is not None:
        yield say("ended in cell"), str(ending.cell)


def _provenance(result: Result, evidence: Evidence | None) -> Iterator[tuple[str, str, str]]:
    """Where the mark comes from: name, value, and what the value means."""
    isolation, meaning = ISOLATION[result.isolation]
    yield say("isolation"), say(isolation), say(meaning)
    if result.dataset:
        yield say("dataset"), result.dataset, ""
    if result.judged_on:
        yield say("judged on"), translated(result.judged_on), ""
    if result.dataset:
        served, meaning = SERVE[result.serve]
        yield say("data served"), say(served), say(meaning)
    same = say("the same seed, data and software give the same run, except for the last digits")
    yield say("seed"), str(result.seed), same
    yield say("started"), write_moment(result.started), ""
    yield say("versions"), ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items())), ""
    if result.environment is not None:
        added = ", ".join(f"{name} {version}" for name, version in result.environment.pins.items())
        yield say("packages of the course"), added, say("what the course adds to what notebooks may import")
    yield say("evidence"), result.evidence, say("digest of submission, data, environment and seed")
    if evidence is None:
        return
    yield say("submission"), evidence.submission.sha256, say("SHA-256 of the files as they were handed in")
    if evidence.data_digest:
        what = say("SHA-256 of the dataset") if result.dataset else say("SHA-256 of the hidden cases")
        yield say("data"), evidence.data_digest, what
    if evidence.facts.model is not None:
        yield say("network"), evidence.facts.model.sha256, say("SHA-256 of the file with the trained network")
    if evidence.facts.judgement.predictions is not None:
        predictions = say("SHA-256 of what the network said about the judged images")
        yield say("predictions"), evidence.facts.judgement.predictions, predictions
