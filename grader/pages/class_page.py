"""A whole class as a report shows it: a row for each student, points and accuracies, what needs a person. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.core.evidence import Cause
from grader.core.grades import flags_of, grades_of, is_of, standing_checks, with_grade
from grader.core.metrics import chance_of_catching, more_than_chance
from grader.core.results import AuditFinding, Flag, Grade, Outcome, Result, Spread, Status
from grader.core.text import cleaned, joined, one_line
from grader.pages.accuracy import reference_band
from grader.pages.headline import AWAITING, NOTHING, points_word, standing, status_word, write_grade_headline
from grader.pages.language import many, number, percent, say, translated, write_duration
from grader.pages.plots import AccuracyStrip, Segment
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

MOST_CHECKS = 15  # of those that the class lost points by
BINS = 10  # of the histogram of points
MOST_PAIRS = 100  # with similar code; the review desk has all of them
LONGEST_NAME = 120
CHEATS = (1, 2, 5)  # of which it is told how likely a lot would have found one

# What nobody has to look at: said of every student of a class, or decided by a person already.
QUIET = frozenset({"substitute_data", "late", "override", "excused", "points_decided"})
UNTOUCHED_BY_A_LOOK = frozenset({"awaits_person", "decided_before"})  # these still ask for a decision

Linked = tuple[Result, str | None]  # a result whose text is visible already, with the address of its report


@dataclass(frozen=True)
class Whom:
    """A student with the address of the report, and what is said of this one."""

    student: str
    href: str | None
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class FailedCheck:
    """A check that students lost points by, with how many and whom."""

    title: str
    failed: int
    partly: int
    share: float
    whom: tuple[Whom, ...]


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that a person should look at, and for whom."""

    title: str
    tone: Tone
    whom: tuple[Whom, ...]


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One student in the class table; `order_…` are what columns are sorted by, `standing` what they are filtered by."""

    student: str
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
    network: str
    time: str
    order_time: float
    ending: str
    ending_detail: str


@dataclass(frozen=True)
class AuditsView:
    """What a class page says of handed-in networks; `alarming`: more audits failed than chance explains."""

    sentences: tuple[str, ...]
    alarming: str


@dataclass(frozen=True, kw_only=True)
class SimilarPair:
    """Two submissions and each one's share of its own code; `folder`: of which the second is, "" where it is of the class.

    `longest`: the lines of their longest stretch, 0 where it is not known.
    """

    first: str
    second: str
    folder: str
    of_first: float
    of_second: float
    longest: int


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """A pair as a row shows it: each one's name, address and share; the folder of the second, their longest stretch."""

    names: tuple[str, str]
    hrefs: tuple[str | None, str | None]
    shares: tuple[str, str]
    folder: str
    longest: str


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
    audits: AuditsView | None
    failed_checks: tuple[FailedCheck, ...]
    pairs: tuple[PairRow, ...]
    more_pairs: int
    setting: tuple[tuple[str, str], ...]


def class_view(
    results: Sequence[Result], *, title: str, links: Mapping[str, str], pairs: Sequence[SimilarPair] = ()
) -> ClassView:
    """A class, sorted by student: a row for each one, and for each member of a group.

    `links` maps a student to the relative address of the report; `pairs` have similar code, the closest first.
    """
    ordered = sorted(results, key=lambda result: result.student.casefold())
    linked = [(cleaned(result), safe_href(links.get(result.student))) for result in ordered]
    clean = [result for result, _ in linked]
    graded = [(result, grade) for result in clean for grade in grades_of(result)]
    marked = [(result, grade) for result, grade in graded if grade.points is not None and grade.out_of > 0]
    pass_shares = Counter(result.pass_mark / grade.out_of for result, grade in marked)
    tally = _tally([grade for _, grade in graded])
    left_out = len(graded) - len(marked)
    without_mark = many(
        left_out, "{n} student without a mark is not drawn.", "{n} students without a mark are not drawn."
    )
    flagged = sum(bool(flags_of(result)) for result in clean)
    return ClassView(
        title=say(one_line(title)),
        warning=_warning(clean),
        unsandboxed=_unsandboxed(clean),
        submissions=sum(not result.absent for result in clean),
        rows=_rows(linked, links),
        graded=any(result.grade or result.members for result in clean),
        tally=tally,
        strip=tuple(
            Segment(say("{n} {what}", n=n, what=word), n / len(graded), tone, True) for word, n, tone, _ in tally if n
        ),
        bins=_bins([grade for _, grade in marked]),
        without_mark=without_mark if left_out else "",
        pass_share=pass_shares.most_common(1)[0][0] if marked else None,
        accuracies=_accuracies(linked),
        figures=_figures(clean, [grade for _, grade in marked], flagged),
        flagged=flagged,
        attention=_attention(linked),
        audits=audits_view(clean),
        pairs=pair_rows(pairs, {name: safe_href(href) for name, href in links.items()}),
        more_pairs=max(0, len(pairs) - MOST_PAIRS),
        failed_checks=_failed_checks(linked),
        setting=_setting(clean),
    )


def safe_href(address: str | None) -> str | None:
    """A relative address fit for a link, percent-encoded where it was not, or None."""
    if not address or address.startswith(("/", "\\")):
        return None
    return quote(address, safe="/%", errors="replace") or None  # a colon is encoded too: no address has a scheme


def _rows(linked: Sequence[Linked], links: Mapping[str, str]) -> tuple[ClassRow, ...]:
    """A row for each grade; a member's own page is linked where there is one, else the group's."""
    rows = []
    for result, href in linked:
        for grade in grades_of(result):
            own = safe_href(links.get(grade.student.name)) if result.members else None
            rows.append(class_row(result, grade, own or href))
    return tuple(sorted(rows, key=lambda row: row.student.casefold())) if len(rows) > len(linked) else tuple(rows)


def class_row(result: Result, grade: Grade, href: str | None) -> ClassRow:
    """One student of a result as a row; `href` is the address of the report."""
    alone = with_grade(result, grade) if result.members else result
    found = write_grade_headline(result, grade)
    detail = one_line(translated(result.ending.message), 300)
    wall = result.ending.wall_s
    has_points = result.status is not Status.BROKEN and not result.absent and result.out_of > 0
    return ClassRow(
        student=one_line(grade.student.name, 120) if result.members else _student_name(result),
        href=href,
        why_no_report="" if href else say("no report: {reason}", reason=detail or found.headline),
        standing=standing(grade),
        tone=found.tone,
        mark=found.mark,
        status=status_word(grade),
        points=number(result.points) if has_points else "–",
        order_points=result.points if has_points else -1.0,
        passed="–" if grade.excused or grade.points is None else say("yes") if grade.passed else say("no"),
        grade=say("excused") if grade.excused else points_word(grade),
        order_grade=-2.0 if grade.excused else -1.0 if grade.points is None else grade.points,
        why_grade=joined(_why_grade(result, grade), "; "),
        accuracy=accuracy_percent(result.accuracy) if result.accuracy else "–",
        order_accuracy=result.accuracy.value if result.accuracy else -1.0,
        flags=tuple(flag_word(kind) for kind in dict.fromkeys(flag.kind for flag in flags_of(alone))),
        network=network_words(grade),
        time=write_duration(wall) if wall > 0 else "–",
        order_time=wall,
        ending="–" if result.absent else say(CAUSES[result.ending.cause]),
        ending_detail="" if result.absent or result.ending.cause is Cause.FINISHED else detail,
    )


def _student_name(result: Result) -> str:
    return one_line(result.student, 120) or say("(no name)")


def _why_grade(result: Result, grade: Grade) -> Iterator[str]:
    """Why the grade is not what the rubric says of this result."""
    if grade.override is not None:
        who, reason = one_line(grade.override.author, 60), one_line(grade.override.reason, 200)
        if grade.excused:
            yield say("excused by {who}: {reason}", who=who, reason=reason)
        else:
            yield say("set by {who}: {reason}", who=who, reason=reason)
    else:
        if grade.awaits:
            yield say("awaits a person: {what}", what=one_line(", ".join(map(say, grade.awaits)), 200))
        if grade.review is not None and grade.review.changes_points:
            yield say("points decided by {who}", who=one_line(", ".join(grade.review.deciders), 120))
        if grade.penalty is not None and grade.penalty.points:
            lost = number(grade.penalty.points)
            yield many(grade.penalty.days, "{n} day late: -{points}", "{n} days late: -{points}", points=lost)
    if grade.slip_days is not None and grade.slip_days.spent:
        yield many(grade.slip_days.spent, "{n} slip day spent", "{n} slip days spent")
    if grade.provisional:
        yield say("provisional")
    if not is_of(grade, result):
        yield say("from another submission or run: {what}", what=one_line(grade.submission, 60))


def _failed_checks(linked: Sequence[Linked]) -> tuple[FailedCheck, ...]:
    """Checks that somebody lost points by, the most frequent first; what was skipped, or never run, has another cause."""
    found: dict[tuple[str, str], list[Whom]] = {}
    failures: Counter[tuple[str, str]] = Counter()
    handed_in = sum(not result.absent for result, _ in linked)
    for result, href in linked:
        for check in () if result.unread else standing_checks(result):
            if check.out_of > 0 and check.outcome in (Outcome.FAILED, Outcome.PARTIAL):
                failed = check.outcome is Outcome.FAILED
                key = (check.name, check.title)
                found.setdefault(key, []).append(Whom(_student_name(result), href, "" if failed else say("partly")))
                failures[key] += failed
    checks = [
        FailedCheck(
            title=say(one_line(key[1], 200)),
            failed=failures[key],
            partly=len(whom) - failures[key],
            share=len(whom) / handed_in,
            whom=tuple(whom),
        )
        for key, whom in found.items()
    ]
    return tuple(sorted(checks, key=lambda check: (-check.failed, -check.partly, check.title))[:MOST_CHECKS])


def _attention(linked: Sequence[Linked]) -> tuple[Attention, ...]:
    """Submissions that broke, those for review, and every flag that is for a person; what we broke comes first."""

    def asks(result: Result, flag: Flag) -> bool:
        """Whether somebody must look, and nobody has yet."""
        looked_at = all(grade.review is not None and grade.review.looked_at for grade in grades_of(result))
        return flag.kind not in QUIET and not (looked_at and flag.kind not in UNTOUCHED_BY_A_LOOK)

    def waits(result: Result) -> bool:
        """Whether it is for review, nobody decided yet, and no flag says why."""
        undecided = any(grade.provisional for grade in grades_of(result))
        return undecided and not any(asks(result, flag) for flag in result.flags)

    def whom(result: Result, href: str | None, words: str = "") -> Whom:
        return Whom(_student_name(result), href, one_line(translated(words), 300))

    broken = [whom(result, href, result.ending.message) for result, href in linked if result.status is Status.BROKEN]
    groups: list[tuple[str, Tone, list[Whom]]] = [
        (say(STATUSES[Status.BROKEN]), "ours", broken),
        (say(STATUSES[Status.NEEDS_REVIEW]), "warn", [whom(result, href) for result, href in linked if waits(result)]),
    ]
    flagged: dict[str, list[Whom]] = {}
    for result, href in linked:
        for flag in (flag for flag in flags_of(result) if asks(result, flag)):
            flagged.setdefault(flag.kind, []).append(whom(result, href, flag.reason))
    groups += [(flag_word(kind), "warn", concerned) for kind, concerned in flagged.items()]
    return tuple(
        Attention(title=title, tone=tone, whom=tuple(concerned)) for title, tone, concerned in groups if concerned
    )


def _tally(grades: Sequence[Grade]) -> tuple[tuple[str, int, Tone, str], ...]:
    words: list[tuple[str, str, Tone]] = [
        ("passed", say("passed"), "good"),
        ("below", say("below the pass mark"), "bad"),
        ("explained", say(STATUSES[Status.EXPLAINED]), "bad"),
        (AWAITING, say("awaiting a person"), "warn"),
        ("needs_review", say(STATUSES[Status.NEEDS_REVIEW]), "warn"),
        ("broken", say(STATUSES[Status.BROKEN]), "ours"),
        ("excused", say("excused"), "calm"),
        ("absent", say(NOTHING), "calm"),
    ]
    found = Counter(map(standing, grades))
    return tuple((word, found[key], tone, key) for key, word, tone in words)


def _warning(results: Sequence[Result]) -> str:
    reasons = [[flag.reason for flag in result.flags if flag.kind == "substitute_data"] for result in results]
    touched = [reason[0] for reason in reasons if reason]
    if not touched:
        return ""
    whom = say("This holds for everyone.")
    if len(touched) < len(results):
        whom = say("This holds for {n} of {all} students.", n=len(touched), all=len(results))
    return joined((substitute_warning(), whom, one_line(translated(touched[0]), 500)))


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


def _bins(grades: Sequence[Grade]) -> tuple[int, ...]:
    found = Counter(min(max(int(BINS * (g.points or 0) / g.out_of + 1e-9), 0), BINS - 1) for g in grades)
    return tuple(found[i] for i in range(BINS))


def _shared_reference(results: Sequence[Result]) -> tuple[Spread, int] | None:
    """What the reference solution reaches, and on how many images, where it is the same for everyone."""
    found = {(r.baseline, r.accuracy.judged) for r in results if r.baseline and r.accuracy}
    return found.pop() if len(found) == 1 else None


def _accuracies(linked: Sequence[Linked]) -> AccuracyStrip | None:
    """All accuracies with the threshold and the reference that they share; what differs is not drawn."""
    results = [result for result, _ in linked if result.accuracy]
    known = [(_student_name(r), r.accuracy.value) for r in results if r.accuracy]
    if not known:
        return None
    thresholds = {r.accuracy.threshold for r in results if r.accuracy}
    reference = _shared_reference(results)
    return AccuracyStrip(
        accuracies=tuple(known),
        links=tuple(href for result, href in linked if result.accuracy),
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        reference=reference_band(*reference) if reference else None,
    )


def _figures(results: Sequence[Result], marked: Sequence[Grade], flagged: int) -> tuple[tuple[str, str], ...]:
    figures: list[tuple[str, str]] = []
    if marked:
        middle = number(statistics.median(grade.points or 0 for grade in marked))
        outs = {grade.out_of for grade in marked}
        of_all = say("{n} of {all}", n=middle, all=number(outs.pop())) if len(outs) == 1 else middle
        figures.append((say("median points"), of_all))
    accuracies = sorted((r.accuracy for r in results if r.accuracy), key=lambda a: a.value)
    if accuracies:
        figures.append((say("median accuracy"), accuracy_percent(accuracies[len(accuracies) // 2])))
        figures.append((say("best accuracy"), accuracy_percent(accuracies[-1])))
    if reference := _shared_reference(results):
        figures.append((say("reference"), reference_words(*reference)))
    times = sorted(result.ending.wall_s for result in results if result.ending.wall_s > 0)
    if times:
        figures.append((say("median run time"), write_duration(times[len(times) // 2])))
        figures.append((say("longest run"), write_duration(times[-1])))
        figures.append((say("all runs together"), write_duration(sum(times))))
    return (*figures, (say("with a flag"), say("{n} of {all}", n=flagged, all=len(results))))


def _setting(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    """What the results were obtained with; where values differ, the five most common ones with their counts."""

    def listed(values: Sequence[str]) -> str:
        found = Counter(one_line(value, 120) for value in values if value).most_common()
        if len(found) == 1:
            return found[0][0]
        shown = [say("{what} ({n})", what=value, n=n) for value, n in found[:5]]
        others = many(len(found) - 5, "{n} other", "{n} others") if len(found) > 5 else ""
        return joined((*shown, others), ", ") or say("none")

    return (
        (say("assignment"), listed([result.assignment for result in results])),
        (say("dataset"), listed([result.dataset for result in results])),
        (say("judged on"), listed([translated(one_line(result.judged_on)) for result in results])),
        (say("data served"), listed([say(SERVE[result.serve][0]) for result in results if result.dataset])),
        (say("isolation"), listed([say(ISOLATION[result.isolation][0]) for result in results])),
        (say("seed"), listed([str(result.seed) for result in results])),
    )


def pair_rows(pairs: Sequence[SimilarPair], links: Mapping[str, str | None]) -> tuple[PairRow, ...]:
    """The closest pairs. `links` maps a student to the relative address of the report."""
    return tuple(
        PairRow(
            names=(one_line(pair.first, LONGEST_NAME), one_line(pair.second, LONGEST_NAME)),
            hrefs=(links.get(pair.first), None if pair.folder else links.get(pair.second)),
            shares=(percent(pair.of_first, 0), percent(pair.of_second, 0)), folder=one_line(pair.folder, LONGEST_NAME),
            longest=many(pair.longest, "{n} line", "{n} lines") if pair.longest else "–",
        )
        for pair in pairs[:MOST_PAIRS]
    )  # fmt: skip


def network_words(grade: Grade) -> str:
    """In a cell of a table: which way the mark was reached, and what an audit gave."""
    way = {"trained": say("trained here"), "handed-in": say("handed in"), None: "–"}[grade.source]
    match grade.audit:
        case "confirmed":
            return say("{way}; audit: confirmed", way=way)
        case "not confirmed":
            return say("{way}; audit: not confirmed", way=way)
        case "not judged":
            return say("{way}; audit: no network to judge", way=way)
        case "due":
            return say("{way}; audit: not trained yet", way=way)
    return way


def audits_view(results: Sequence[Result]) -> AuditsView | None:
    """None for a class whose networks were all trained here."""
    judged = [result for result in results if result.model.source == "handed-in" and result.model.maker != "no network"]
    if not judged:
        return None
    audits = [result.audit for result in judged if result.audit is not None]
    drawn = [audit for audit in audits if audit.by_lot and audit.outcome != "due"]
    failed = sum(audit.outcome != "confirmed" for audit in drawn)
    alarm = ""
    if more_than_chance(failed, len(drawn)):
        alarm = say(
            "{failed} of {audited} audits that the lot named did not confirm the handed-in network. That is more than seeds "
            "and chance explain: have everybody trained (`--train always`).",
            failed=failed, audited=len(drawn),
        )  # fmt: skip
    return AuditsView(sentences=tuple(_class_sentences(results, judged, audits)), alarming=alarm)


def _class_sentences(
    results: Sequence[Result], judged: Sequence[Result], audits: Sequence[AuditFinding]
) -> Iterator[str]:
    yield many(
        len(judged), "{n} network of {all} was judged as it was handed in.",
        "{n} networks of {all} were judged as they were handed in.", all=len(results),
    )  # fmt: skip
    found = Counter(audit.outcome for audit in audits)
    lot = sum(audit.by_lot for audit in audits)
    if audits:
        yield say(
            "{n} of them were audited, {lot} by lot: {confirmed} confirmed, {failed} not confirmed, {unjudged} without a "
            "network that could be judged, {due} not trained yet.",
            n=len(audits), lot=lot, confirmed=found["confirmed"], failed=found["not confirmed"],
            unjudged=found["not judged"], due=found["due"],
        )  # fmt: skip
    known = sum(result.model.maker == "same" for result in judged)
    if lot and known:
        chances = (chance_of_catching(cheats, of=known, audited=lot) for cheats in CHEATS)
        one, two, five = (percent(chance, 0) for chance in chances)
        yield say(
            "A lot of {lot} among {n} names at least one of 1, 2 or 5 networks that the code does not train with a chance "
            "of {one}, {two} or {five}.",
            lot=lot, n=known, one=one, two=two, five=five,
        )  # fmt: skip
