"""What a class needs a person for: checks that many lost points by, and flags, each with the students concerned. Pure.

One student's row in the table of a class. Pure.

A whole class as a report shows it: rows, counts, the spread of points and accuracies, what needs a person. Pure.
"""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.core.grades import flags_of, grades_of, is_of, with_grade
from grader.core.limits import write_duration
from grader.core.results import Flag, Grade, Outcome, Result, Status
from grader.core.text import cleaned, joined, number, one_line, shorten, visible
from grader.pages.language import many, say
from grader.pages.plots import AccuracyStrip, SeedSpread, Segment
from grader.pages.verdicts import NOTHING, grade_verdict, points_word, standing, status_word
from grader.pages.wording import (
    CAUSES,
    ISOLATION,
    SERVE,
    STATUSES,
    Tone,
    accuracy_percent,
    flag_word,
    reference_words,
    substitute_warning,
)

NAMED = 60  # students of one trouble who are named
TROUBLES = 15

# What nobody has to look at: said of every student of a class, or decided by a person already.
QUIET = frozenset({"substitute_data", "late", "override", "excused"})


@dataclass(frozen=True)
class Whom:
    """A student with the address of the report, and what is said of this one."""

    student: str
    href: str | None
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class CommonTrouble:
    """A check that students stumble over, with how many and whom."""

    title: str
    failed: int
    partly: int
    of: int
    share: float
    whom: tuple[Whom, ...]
    more: int


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that a person should look at, and for whom."""

    title: str
    tone: Tone
    count: int
    whom: tuple[Whom, ...]
    more: int


Linked = tuple[Result, str | None]  # a result whose text is visible already, with the address of its report


def find_troubles(linked: Sequence[Linked]) -> tuple[CommonTrouble, ...]:
    """Checks that somebody lost points by, the most frequent first; what was skipped, or never run, has another cause."""
    found: dict[tuple[str, str], list[tuple[Outcome, Whom]]] = {}
    handed_in = sum(not result.absent for result, _ in linked)
    for result, href in linked:
        for check in () if result.unread else result.checks:
            if check.out_of > 0 and check.outcome in (Outcome.FAILED, Outcome.PARTIAL):
                found.setdefault((check.name, check.title), []).append((check.outcome, _whom(result, href)))
    troubles = [_trouble(title, concerned, handed_in) for (_, title), concerned in found.items()]
    return tuple(sorted(troubles, key=lambda t: (-t.failed, -t.partly, str(t.title)))[:TROUBLES])


def find_attention(linked: Sequence[Linked]) -> tuple[Attention, ...]:
    """Submissions that broke, those for review, and every flag that is for a person; what we broke comes first."""
    groups = [
        _attention(
            say(STATUSES[Status.BROKEN]), "ours", [_whom(r, h, r.ending.message) for r, h in linked if _broke(r)]
        ),
        _attention(
            say(STATUSES[Status.NEEDS_REVIEW]),
            "warn",
            [_whom(r, h) for r, h in linked if _waits(r) and not any(map(_asks, r.flags))],
        ),
    ]
    raised = [(result, href, flag) for result, href in linked for flag in flags_of(result) if _asks(flag)]
    for kind in dict.fromkeys(flag.kind for _, _, flag in raised):
        concerned = [_whom(result, href, flag.reason) for result, href, flag in raised if flag.kind == kind]
        groups.append(_attention(flag_word(kind), "warn", concerned))
    return tuple(group for group in groups if group.count)


def student_name(result: Result) -> str:
    """A student's name as a page shows it."""
    return one_line(result.student, 120) or "(no name)"


def _trouble(title: str, concerned: Sequence[tuple[Outcome, Whom]], of: int) -> CommonTrouble:
    failed = sum(outcome is Outcome.FAILED for outcome, _ in concerned)
    whom = [
        Whom(who.student, who.href, "" if outcome is Outcome.FAILED else say("partly")) for outcome, who in concerned
    ]
    return CommonTrouble(
        title=say(one_line(title, 200)),
        failed=failed,
        partly=len(concerned) - failed,
        of=of,
        share=len(concerned) / of,
        whom=tuple(whom[:NAMED]),
        more=max(len(whom) - NAMED, 0),
    )


def _attention(title: str, tone: Tone, whom: Sequence[Whom]) -> Attention:
    return Attention(title=title, tone=tone, count=len(whom), whom=tuple(whom[:NAMED]), more=max(len(whom) - NAMED, 0))


def _whom(result: Result, href: str | None, words: str = "") -> Whom:
    return Whom(student_name(result), href, one_line(words, 300))


def _broke(result: Result) -> bool:
    return result.status is Status.BROKEN


def _waits(result: Result) -> bool:
    """Whether it is for review, and nobody decided yet."""
    return result.status is Status.NEEDS_REVIEW and any(grade.override is None for grade in grades_of(result))


def _asks(flag: Flag) -> bool:
    return flag.kind not in QUIET


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One student in the class table; `order_…` are what columns are sorted by, `standing` what they are filtered by."""

    student: str
    submission: str
    href: str | None
    why_no_report: str
    standing: str
    tone: Tone
    mark: str
    status: str
    points: str
    order_points: float
    passed: str
    grade: str
    order_grade: float
    why_grade: str
    accuracy: str
    order_accuracy: float
    flags: tuple[str, ...]
    time: str
    order_time: float
    ending: str
    ending_detail: str


def write_row(result: Result, grade: Grade, href: str | None, *, marked: bool) -> ClassRow:
    """The row of one student: a result whose text is visible already, and what the student gets for it."""
    alone = with_grade(result, grade) if result.members else result
    found = grade_verdict(result, grade)
    detail = one_line(result.ending.message, 300)
    reason: str = detail or found.headline
    wall = result.ending.wall_s
    order = -2.0 if grade.excused else -1.0 if grade.points is None else grade.points
    return ClassRow(
        student=student_name(result) if not result.members else one_line(grade.student.name, 120),
        submission=one_line(result.submission, 120),
        href=href,
        why_no_report="" if href else say("no report: {reason}", reason=reason),
        standing=standing(grade),
        tone=found.tone,
        mark=found.mark,
        status=status_word(grade),
        points=number(result.points) if marked else "–",
        order_points=result.points if marked else -1.0,
        passed="–" if grade.excused or grade.points is None else say("yes") if grade.passed else say("no"),
        grade=say("excused") if grade.excused else points_word(grade),
        order_grade=order,
        why_grade=joined(_why(result, grade), "; "),
        accuracy=accuracy_percent(result.accuracy) if result.accuracy else "–",
        order_accuracy=result.accuracy.value if result.accuracy else -1.0,
        flags=tuple(flag_word(kind) for kind in dict.fromkeys(flag.kind for flag in flags_of(alone))),
        time=write_duration(wall) if wall > 0 else "–",
        order_time=wall,
        ending="–" if result.absent else say(CAUSES[result.ending.cause]),
        ending_detail=detail,
    )


def _why(result: Result, grade: Grade) -> Iterator[str]:
    """Why the grade is not what the rubric says of this result."""
    if grade.override is not None:
        who = one_line(grade.override.author, 60)
        reason = one_line(grade.override.reason, 200)
        if grade.excused:
            yield say("excused by {who}: {reason}", who=who, reason=reason)
        else:
            yield say("set by {who}: {reason}", who=who, reason=reason)
    elif grade.penalty is not None and grade.penalty.points:
        lost = number(grade.penalty.points)
        yield many(grade.penalty.days, "{n} day late: -{points}", "{n} days late: -{points}", points=lost)
    if grade.provisional:
        yield say("provisional")
    if not is_of(grade, result):
        yield say("of another hand-in or run: {what}", what=one_line(grade.submission, 60))


BINS = 10


@dataclass(frozen=True, kw_only=True)
class ClassView:
    """Everything a class page says."""

    title: str
    warning: str
    unsandboxed: str
    submissions: int
    rows: tuple[ClassRow, ...]
    graded: bool  # there is a gradebook, and grades may differ from points
    tally: tuple[tuple[str, int, Tone, str], ...]
    strip: tuple[Segment, ...]
    bins: tuple[int, ...]
    without_mark: str
    pass_share: float | None
    accuracies: AccuracyStrip | None
    figures: tuple[tuple[str, str], ...]
    flagged: int
    attention: tuple[Attention, ...]
    troubles: tuple[CommonTrouble, ...]
    setting: tuple[tuple[str, str], ...]


def class_view(
    results: Sequence[Result],
    *,
    title: str,
    links: Mapping[str, str],
) -> ClassView:
    """A class, sorted by student: a row for each one, and for each member of a group.

    `links` maps a student to the relative address of the report.
    """
    known = sorted(((result.student, cleaned(result)) for result in results), key=lambda item: item[0].casefold())
    clean = [result for _, result in known]
    graded = [(result, grade) for result in clean for grade in grades_of(result)]
    marked = [(result, grade) for result, grade in graded if has_mark(grade)]
    pass_shares = Counter(result.pass_mark / grade.out_of for result, grade in marked)
    tally = _tally([grade for _, grade in graded])
    linked: list[Linked] = [(result, safe_href(links.get(student))) for student, result in known]
    left_out = len(graded) - len(marked)
    return ClassView(
        title=say(one_line(title)),
        warning=_warning(clean),
        unsandboxed=_unsandboxed(clean),
        submissions=sum(not result.absent for result in clean),
        rows=_rows(known, links),
        graded=any(result.grade or result.members for result in clean),
        tally=tally,
        strip=tuple(
            Segment(say("{n} {what}", n=n, what=word), n / len(graded), tone, True) for word, n, tone, _ in tally if n
        ),
        bins=_bins([grade for _, grade in marked]),
        without_mark=_without_mark(left_out),
        pass_share=pass_shares.most_common(1)[0][0] if marked else None,
        accuracies=_accuracies(clean),
        figures=_figures(clean, [grade for _, grade in marked]),
        flagged=_flagged(clean),
        attention=find_attention(linked),
        troubles=find_troubles(linked),
        setting=_setting(clean),
    )


def safe_href(address: str | None) -> str | None:
    """A relative address fit for a link, percent-encoded where it was not, or None."""
    if not address or address.startswith(("/", "\\")):
        return None
    return quote(address, safe="/%", errors="replace") or None  # a colon is encoded too: no address has a scheme


def has_mark(grade: Grade) -> bool:
    """Whether there are points to speak of."""
    return grade.points is not None and grade.out_of > 0


def _rows(known: Sequence[tuple[str, Result]], links: Mapping[str, str]) -> tuple[ClassRow, ...]:
    """A row for each grade; a member's own page is linked where there is one, else the group's."""
    rows = []
    for student, result in known:
        marked = result.status is not Status.BROKEN and not result.absent and result.out_of > 0
        for grade in grades_of(result):
            own = links.get(grade.student.name) if result.members else None
            rows.append(write_row(result, grade, safe_href(own or links.get(student)), marked=marked))
    return tuple(sorted(rows, key=lambda row: row.student.casefold())) if len(rows) > len(known) else tuple(rows)


def _flagged(results: Sequence[Result]) -> int:
    return sum(bool(flags_of(result)) for result in results)


def _tally(grades: Sequence[Grade]) -> tuple[tuple[str, int, Tone, str], ...]:
    words: list[tuple[str, str, Tone]] = [
        ("passed", say("passed"), "good"),
        ("below", say("below the pass mark"), "bad"),
        ("explained", say(STATUSES[Status.EXPLAINED]), "bad"),
        ("needs_review", say(STATUSES[Status.NEEDS_REVIEW]), "warn"),
        ("broken", say(STATUSES[Status.BROKEN]), "ours"),
        ("excused", say("excused"), "calm"),
        ("absent", say(NOTHING), "calm"),
    ]
    found = Counter(map(standing, grades))
    return tuple((word, found[key], tone, key) for key, word, tone in words)


def _warning(results: Sequence[Result]) -> str:
    touched = [result for result in results if any(flag.kind == "substitute_data" for flag in result.flags)]
    if not touched:
        return ""
    reason = next(one_line(flag.reason) for flag in touched[0].flags if flag.kind == "substitute_data")
    whom = say("This holds for everyone.")
    if len(touched) < len(results):
        whom = say("This holds for {n} of {all} students.", n=len(touched), all=len(results))
    return joined((substitute_warning(), whom, shorten(reason, 500)))


def _unsandboxed(results: Sequence[Result]) -> str:
    n = sum(result.isolation == "none" and bool(result.evidence) for result in results)
    if not n:
        return ""
    return many(
        n,
        "{n} submission of {all} ran without a sandbox.",
        "{n} submissions of {all} ran without a sandbox.",
        all=len(results),
    )


def _without_mark(n: int) -> str:
    return (
        many(n, "{n} student without a mark is not drawn.", "{n} students without a mark are not drawn.") if n else ""
    )


def _bins(grades: Sequence[Grade]) -> tuple[int, ...]:
    found = Counter(min(max(int(BINS * (g.points or 0) / g.out_of + 1e-9), 0), BINS - 1) for g in grades)
    return tuple(found[i] for i in range(BINS))


def _accuracies(results: Sequence[Result]) -> AccuracyStrip | None:
    """All accuracies with the threshold and the reference that they share; what differs is not drawn."""
    known = [(student_name(r), r.accuracy.value) for r in results if r.accuracy]
    if not known:
        return None
    thresholds = {r.accuracy.threshold for r in results if r.accuracy}
    references = {(r.baseline, r.accuracy.judged) for r in results if r.accuracy and r.baseline}
    band = None
    if len(references) == 1:
        spread, judged = references.pop()
        label = say("reference: {words}", words=reference_words(spread, judged))
        band = SeedSpread(label=label, lowest=spread.lowest, mean=spread.mean, highest=spread.highest)
    threshold = thresholds.pop() if len(thresholds) == 1 else None
    return AccuracyStrip(accuracies=tuple(known), threshold=threshold, reference=band)


def _figures(results: Sequence[Result], marked: Sequence[Grade]) -> tuple[tuple[str, str], ...]:
    accuracies = sorted((r.accuracy for r in results if r.accuracy), key=lambda a: a.value)
    figures: list[tuple[str, str]] = []
    if marked:
        middle = number(statistics.median(grade.points or 0 for grade in marked))
        outs = {grade.out_of for grade in marked}
        alike = len(outs) == 1
        figures.append(
            (say("median points"), say("{n} of {all}", n=middle, all=number(outs.pop())) if alike else middle)
        )
    if accuracies:
        figures.append((say("median accuracy"), accuracy_percent(accuracies[len(accuracies) // 2])))
        figures.append((say("best accuracy"), accuracy_percent(accuracies[-1])))
    references = {(r.baseline, r.accuracy.judged) for r in results if r.baseline and r.accuracy}
    if len(references) == 1:
        figures.append((say("reference"), reference_words(*references.pop())))
    times = sorted(result.ending.wall_s for result in results if result.ending.wall_s > 0)
    if times:
        figures.append((say("median run time"), write_duration(times[len(times) // 2])))
        figures.append((say("longest run"), write_duration(times[-1])))
        figures.append((say("all runs together"), write_duration(sum(times))))
    return (*figures, (say("with a flag"), say("{n} of {all}", n=_flagged(results), all=len(results))))


def _setting(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    named: tuple[tuple[str, Sequence[str]], ...] = (
        (say("assignment"), [result.assignment for result in results]),
        (say("dataset"), [result.dataset for result in results]),
        (say("judged on"), [say(one_line(result.judged_on)) for result in results]),
        (say("data served"), [say(SERVE[result.serve][0]) for result in results if result.dataset]),
        (say("isolation"), [say(ISOLATION[result.isolation][0]) for result in results]),
        (say("seed"), [str(result.seed) for result in results]),
    )
    return tuple((name, _listed(values)) for name, values in named)


def _listed(values: Sequence[str]) -> str:
    known = (one_line(visible(v), 120) if isinstance(v, str) else v for v in values if v)
    found = Counter(known).most_common()
    if len(found) == 1:
        return found[0][0]
    listed: list[str] = [say("{what} ({n})", what=value, n=n) for value, n in found[:5]]
    if len(found) > 5:
        listed.append(many(len(found) - 5, "{n} other", "{n} others"))
    return joined(listed, ", ") or say("none")
