"""One submission as a report shows it: a Result and its Evidence as ready words and plain numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from grader.evidence import Evidence
from grader.limits import Limits, write_duration, write_size
from grader.report.accuracy import AccuracyView, ConfusionView, accuracy_view, confusion_view
from grader.report.cells import NotebookView, notebook_view
from grader.report.classroom import flag_word
from grader.report.functions import FunctionView, function_views
from grader.report.network import ModelView, TrainingView, model_view, training_view
from grader.report.plots import Segment
from grader.report.visible import cleaned, cleaned_evidence, one_line, shorten
from grader.report.words import (
    BASIS,
    CAUSES,
    ISOLATION,
    MARKS,
    OUTCOMES,
    SERVE,
    TONES,
    Tone,
    Verdict,
    number,
    substitute_warning,
    verdict,
)
from grader.results import CheckResult, Outcome, Result, Status

LONG = 2_000  # characters of a reason or a hint


@dataclass(frozen=True)
class Notice:
    """Something to know before reading on."""

    tone: Tone
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """One check as a row."""

    number: int
    tone: Tone
    mark: str
    outcome: str
    title: str
    name: str
    points: str
    share: float | None
    reason: str
    hint: str
    basis: str
    basis_kind: str
    basis_words: str


@dataclass(frozen=True, kw_only=True)
class StudentView:
    """Everything a student's page says, in the order it says it."""

    title: str
    assignment: str
    student: str
    submission: str
    verdict: Verdict
    points: str
    out_of: str
    pass_mark: str
    strip: tuple[Segment, ...]
    pass_share: float | None
    next_step: CheckView | None
    warning: str
    unsandboxed: str
    notices: tuple[Notice, ...]
    serve_note: str
    functions: tuple[FunctionView, ...]
    has_network: bool  # an exercise in functions has neither data nor a network
    accuracy: AccuracyView | None
    why_no_accuracy: str
    judged_on: str
    checks: tuple[CheckView, ...]
    model: ModelView
    training: TrainingView | None
    confusion: ConfusionView | None
    notebook: NotebookView | None
    ending: str
    ending_message: str
    ending_tone: Tone
    run: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    shims: tuple[str, ...]
    provenance: tuple[tuple[str, str, str], ...]


def student_view(
    result: Result, evidence: Evidence | None, *, classes: Sequence[str] = (), limits: Limits | None = None
) -> StudentView:
    """A submission's page; `classes` are class names in order, `limits` what the run might use at most."""
    result = cleaned(result)
    evidence = None if evidence is None else cleaned_evidence(evidence)
    checks = tuple(_check(number, item) for number, item in enumerate(result.checks, 1))
    judged = result.status is not Status.BROKEN
    return StudentView(
        title=result.title,
        assignment=result.assignment,
        student=shorten(one_line(result.student), 200) or "(no name)",
        submission=shorten(one_line(result.submission), 200),
        verdict=verdict(result),
        points=number(result.points) if judged else "–",
        out_of=number(result.out_of),
        pass_mark=number(result.pass_mark),
        strip=strip(result.checks),
        pass_share=result.pass_mark / result.out_of if result.out_of > 0 else None,
        next_step=_most_to_gain(result.checks, checks),
        warning=_warning(result),
        unsandboxed=ISOLATION["none"][1] if result.isolation == "none" else "",
        notices=tuple(_notice(flag.kind, flag.reason) for flag in result.flags if flag.kind != "substitute_data"),
        serve_note=_serve_note(result, evidence),
        functions=function_views(result.functions),
        has_network=bool(result.dataset or result.accuracy or result.model.chosen),
        accuracy=accuracy_view(result),
        why_no_accuracy=_why_no_accuracy(result, evidence),
        judged_on=shorten(one_line(result.judged_on or ""), 200),
        checks=checks,
        model=model_view(result, evidence),
        training=training_view(result, evidence),
        confusion=confusion_view(result.accuracy, classes),
        notebook=notebook_view(evidence.claims.cells) if evidence and evidence.claims.cells else None,
        ending=CAUSES[result.ending.cause],
        ending_message=shorten(result.ending.message, LONG),
        ending_tone="good" if result.ending.cause == "finished" else "bad",
        run=_run(result, limits),
        notes=tuple(shorten(note, LONG) for note in (*result.notes, *(evidence.submission.notes if evidence else ()))),
        shims=tuple(shorten(shim, LONG) for shim in result.shims),
        provenance=_provenance(result, evidence),
    )


def strip(checks: Sequence[CheckResult]) -> tuple[Segment, ...]:
    """What was earned, check by check, then what was lost, as shares of all points."""
    total = sum(item.out_of for item in checks)
    if total <= 0:
        return ()
    said = {id(item): f"{one_line(item.title)}: {number(item.points)} of {number(item.out_of)}" for item in checks}
    earned = [Segment(said[id(c)], c.points / total, TONES[c.outcome], True) for c in checks if c.points > 0]
    lost = [
        Segment(said[id(c)], (c.out_of - c.points) / total, TONES[c.outcome], False)
        for c in checks
        if c.points < c.out_of
    ]
    return (*earned, *lost)


def _check(position: int, item: CheckResult) -> CheckView:
    advice = item.out_of <= 0
    return CheckView(
        number=position,
        tone=TONES[item.outcome],
        mark=MARKS[item.outcome],
        outcome=OUTCOMES[item.outcome],
        title=shorten(item.title, 300),
        name=item.name,
        points="advice" if advice else f"{number(item.points)} / {number(item.out_of)}",
        share=None if advice else item.points / item.out_of,
        reason=shorten(item.reason, LONG),
        hint=shorten(item.hint, LONG),
        basis=BASIS[item.rests_on][0],
        basis_kind="measured" if item.rests_on == "facts" else "told",
        basis_words=BASIS[item.rests_on][1],
    )


def _most_to_gain(checks: Sequence[CheckResult], views: Sequence[CheckView]) -> CheckView | None:
    """The failed or partial check with the most points left in it, if it has a hint to give."""
    open_ends = [
        (item.out_of - item.points, -position, view)
        for position, (item, view) in enumerate(zip(checks, views, strict=True))
        if item.outcome in (Outcome.FAILED, Outcome.PARTIAL) and item.points < item.out_of and item.hint
    ]
    return max(open_ends, key=lambda item: item[:2])[2] if open_ends else None


def _warning(result: Result) -> str:
    reasons = [one_line(flag.reason) for flag in result.flags if flag.kind == "substitute_data"]
    return f"{substitute_warning(result.dataset)} {shorten(reasons[0], 600)}".strip() if reasons else ""


def _notice(kind: str, reason: str) -> Notice:
    word = flag_word(kind)
    return Notice("warn", f"{word[:1].upper()}{word[1:]}", shorten(reason, LONG))


def _serve_note(result: Result, evidence: Evidence | None) -> str:
    ran = evidence is not None and evidence.claims.cells
    return SERVE["sealed"][1] if ran and result.dataset and result.serve == "sealed" else ""


def _why_no_accuracy(result: Result, evidence: Evidence | None) -> str:
    if result.accuracy is not None:
        return ""
    if evidence is None:
        return "There is no record of a run: the submission could not be read, or it was not run."
    judgement = evidence.facts.judgement
    return shorten(judgement.reason or evidence.claims.problem or "No network was judged.", LONG)


def _run(result: Result, limits: Limits | None) -> tuple[tuple[str, str], ...]:
    ending = result.ending
    facts = [("time", write_duration(ending.wall_s) + (f" of {write_duration(limits.wall)}" if limits else ""))]
    if ending.cpu_s is not None:
        facts.append(("processor time", write_duration(ending.cpu_s)))
    if ending.peak_mb is not None:
        most = f" of {write_size(limits.memory)}" if limits else ""
        facts.append(("peak memory", write_size(ending.peak_mb * (1 << 20)) + most))
    if limits is not None:
        facts.append(("longest cell allowed", write_duration(limits.cell)))
    if ending.cell is not None:
        facts.append(("ended in cell", str(ending.cell)))
    return tuple(facts)


def _provenance(result: Result, evidence: Evidence | None) -> tuple[tuple[str, str, str], ...]:
    """Where the mark comes from: name, value, and what the value means."""
    isolation, meaning = ISOLATION[result.isolation]
    served = ("data served", SERVE[result.serve][0], SERVE[result.serve][1])
    rows = [
        ("isolation", isolation, meaning),
        *([("dataset", result.dataset, "")] if result.dataset else ()),
        *([("judged on", result.judged_on, "")] if result.judged_on else ()),
        *([served] if result.dataset else ()),
        ("seed", str(result.seed), "the same seed, data and software give the same run, but for the last digits"),
        ("started", result.started, ""),
        ("versions", ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items())), ""),
        ("evidence", result.evidence, "digest of submission, data, environment and seed"),
    ]
    if evidence is not None:
        rows.append(("submission", evidence.submission.sha256, "SHA-256 of the files as they were handed in"))
        what = "dataset" if result.dataset else "hidden cases"
        rows += [("data", evidence.data_digest, f"SHA-256 of the {what}")] if evidence.data_digest else []
    return tuple((name, shorten(one_line(value), 1_000), meaning) for name, value, meaning in rows)
