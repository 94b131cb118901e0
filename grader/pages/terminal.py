"""A result in a terminal or a log: plain lines without colours or control characters. Pure."""

from collections.abc import Iterator, Sequence

from grader.core.grades import flags_of, grades_of, with_grade
from grader.core.limits import write_duration, write_size
from grader.core.results import CheckResult, Grade, Outcome, Result
from grader.core.text import cleaned, count, defused, number, one_line, percent
from grader.pages.decisions import comments_of, with_decisions
from grader.pages.headline import points_word, write_grade_headline, write_headline
from grader.pages.language import many, translated
from grader.pages.network import handed_in_view
from grader.pages.wording import (
    CAUSES,
    ISOLATION,
    MARKS,
    SERVE,
    accuracy_percent,
    accuracy_sentence,
    counterexample_lines,
    interval_percent,
    reference_sentence,
    substitute_warning,
)

NAME = 28  # columns of a student's name in a row


def summary(result: Result, *, fold: bool = False) -> list[str]:
    """One submission in lines: what became of it, each check with reason and next step, how it ran, flags.

    `fold`: checks that were skipped for one reason share a line.
    """
    return [_defused_line(line) for line in _summary(cleaned(result), fold)]


def _summary(result: Result, fold: bool) -> Iterator[str]:
    found = write_headline(result)
    yield f"{one_line(result.student)} · {one_line(result.assignment)} · {one_line(result.submission or 'nothing')}"
    yield f"{found.mark} {found.headline}. {found.sentence}"
    yield from (f"From your instructor: {one_line(comment)}" for comment in comments_of(result))
    if result.absent:
        return
    if any(flag.kind == "substitute_data" for flag in result.flags):
        yield f"! {substitute_warning()}"
    if result.isolation == "none":
        yield "! It ran without a sandbox."
    yield from _accuracy(result)
    known = handed_in_view(result)
    if known is not None:
        yield f"Network: {known.sentence}"
        yield from (f"  {one_line(line)}" for line in known.differences)
        yield from [f"  {known.audit}"] if known.audit else []
    yield ""
    checks = with_decisions(result).checks
    for check in fold_skipped(checks) if fold else checks:
        given = "–" if check.outcome is Outcome.AWAITING else number(check.points)
        points = "advice" if check.out_of <= 0 else f"{given}/{number(check.out_of)}"
        yield f"  {MARKS[check.outcome]} {points:>7}  {one_line(check.title)}"
        yield from [f"{' ' * 13}{one_line(check.reason)}"] if check.reason else []
        yield from [f"{' ' * 13}→ {one_line(check.hint)}"] if check.hint else []
    yield ""
    cases = list(counterexample_lines(result))
    yield from [*cases, ""] if cases else []
    ending = result.ending
    used = write_duration(ending.wall_s)
    used += "" if ending.cpu_s is None else f", {write_duration(ending.cpu_s)} of processor time"
    used += "" if ending.peak_mb is None else f", {write_size(ending.peak_mb * (1 << 20))} of memory at most"
    yield f"Run: {CAUSES[ending.cause]}. {one_line(ending.message)} ({used})"
    data = f" Data: {one_line(result.dataset)}, {SERVE[result.serve][0]}." if result.dataset else ""
    yield f"Isolation: {ISOLATION[result.isolation][0]}.{data}"
    yield from (f"Flag: {one_line(flag.kind)}: {one_line(flag.reason)}" for flag in result.flags)
    yield from (f"Made to work on the way: {one_line(shim)}" for shim in result.shims)
    yield from (f"Note: {one_line(note)}" for note in result.notes)


def _accuracy(result: Result) -> Iterator[str]:
    accuracy = result.accuracy
    if accuracy is None:
        yield from ["Accuracy: not measured."] if result.dataset else []
        return
    of = f"{count(accuracy.correct)} of {count(accuracy.judged)} on {one_line(result.judged_on)}"
    yield f"Accuracy: {accuracy_percent(accuracy)} ({of}; 95 % interval {interval_percent(accuracy)})"
    if accuracy.threshold is not None:
        yield f"  {accuracy_sentence(accuracy)}"
    if result.baseline is not None:
        yield f"  {reference_sentence(result.baseline, accuracy)}"
    for other in result.compared:
        yield f"  to compare with: {percent(other.accuracy, 2)}, {one_line(other.source)}"


def row(result: Result) -> str:
    """One submission in one line of a batch; a group's in one for each member."""
    result = cleaned(result)
    return "\n".join(_row(result, grade) for grade in grades_of(result))


def _row(result: Result, grade: Grade) -> str:
    alone = with_grade(result, grade) if result.members else result
    found = write_headline(result) if result.smoke is not None else write_grade_headline(result, grade)
    name = one_line(grade.student.name if result.members else result.student, NAME)
    nothing = "excused" if grade.excused else "nothing" if grade.status is None else "no mark"
    nothing = "awaits" if grade.awaits else nothing
    points = nothing if grade.points is None else f"{points_word(grade)}/{number(grade.out_of)}"
    accuracy = accuracy_percent(result.accuracy) if result.accuracy else "–"
    kinds = dict.fromkeys(flag.kind for flag in flags_of(alone) if not grade.excused)
    flags = "".join(f", {one_line(kind)}" for kind in kinds)
    ending = "" if result.ending.cause == "finished" or result.absent else f" ({CAUSES[result.ending.cause]})"
    return _defused_line(
        f"{found.mark} {name:<{NAME}} {points:>9} {accuracy:>9}  {found.headline.lower()}{ending}{flags}"
    )


def _defused_line(line: str) -> str:
    return defused(line.replace("\u00a0", " ").rstrip())


def fold_skipped(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """The checks in their order; those that were skipped for one reason as one, where the first of them stands.

    Seven lines of one reason would hide the one that matters. It has the points of all of them; its title is their number
    and the reason.
    """
    folded = []
    for check in checks:
        alike = [other for other in checks if other.outcome is Outcome.SKIPPED and other.reason == check.reason]
        if check.outcome is not Outcome.SKIPPED or not check.reason or len(alike) == 1:
            folded.append(check)
        elif check is alike[0]:
            folded.append(_together(alike))
    return folded


def _together(checks: Sequence[CheckResult]) -> CheckResult:
    reason = translated(checks[0].reason)
    title = many(len(checks), "{n} check skipped: {reason}", "{n} checks skipped: {reason}", reason=reason)
    points, out_of = (sum(getattr(check, name) for check in checks) for name in ("points", "out_of"))
    return checks[0].model_copy(update={"title": title, "points": points, "out_of": out_of, "reason": "", "hint": ""})
