"""A whole class as a report shows it: rows, counts, the spread of points and accuracies, what needs a person. Pure."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.grading_rules import flags_of, grades_of
from grader.limits import write_duration
from grader.report.class_plots import AccuracyStrip
from grader.report.phrases import Phrase, Text, joined, many, say
from grader.report.plots import Band, Segment
from grader.report.rows import Row, write_row
from grader.report.troubles import Attention, Linked, Trouble, find_attention, find_troubles, student_name
from grader.report.verdicts import NOTHING, standing
from grader.report.visible import cleaned, one_line, shorten, visible
from grader.report.words import (
    ISOLATION,
    SERVE,
    STATUSES,
    Tone,
    accuracy_percent,
    number,
    reference_words,
    shipped,
    substitute_warning,
)
from grader.results import Grade, Result, Status

BINS = 10


@dataclass(frozen=True, kw_only=True)
class ClassView:
    """Everything a class page says."""

    title: Text
    warning: Text
    unsandboxed: Text
    submissions: int
    rows: tuple[Row, ...]
    graded: bool  # there is a gradebook, and grades may differ from points
    tally: tuple[tuple[Phrase, int, Tone, str], ...]
    strip: tuple[Segment, ...]
    bins: tuple[int, ...]
    without_mark: Text
    pass_share: float | None
    accuracies: AccuracyStrip | None
    figures: tuple[tuple[Phrase, Text], ...]
    flagged: int
    attention: tuple[Attention, ...]
    troubles: tuple[Trouble, ...]
    setting: tuple[tuple[Phrase, Text], ...]


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
        title=shipped(one_line(title)),
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


def _rows(known: Sequence[tuple[str, Result]], links: Mapping[str, str]) -> tuple[Row, ...]:
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


def _tally(grades: Sequence[Grade]) -> tuple[tuple[Phrase, int, Tone, str], ...]:
    words: list[tuple[str, Phrase, Tone]] = [
        ("passed", say("passed"), "good"),
        ("below", say("below the pass mark"), "bad"),
        ("explained", STATUSES[Status.EXPLAINED], "bad"),
        ("needs_review", STATUSES[Status.NEEDS_REVIEW], "warn"),
        ("broken", STATUSES[Status.BROKEN], "ours"),
        ("excused", say("excused"), "calm"),
        ("absent", NOTHING, "calm"),
    ]
    found = Counter(map(standing, grades))
    return tuple((word, found[key], tone, key) for key, word, tone in words)


def _warning(results: Sequence[Result]) -> Text:
    touched = [result for result in results if any(flag.kind == "substitute_data" for flag in result.flags)]
    if not touched:
        return ""
    reason = next(one_line(flag.reason) for flag in touched[0].flags if flag.kind == "substitute_data")
    whom: Phrase = say("This holds for everyone.")
    if len(touched) < len(results):
        whom = say("This holds for {n} of {all} students.", n=len(touched), all=len(results))
    return joined((substitute_warning(), whom, shorten(reason, 500)))


def _unsandboxed(results: Sequence[Result]) -> Text:
    n = sum(result.isolation == "none" and bool(result.evidence) for result in results)
    if not n:
        return ""
    return many(
        n,
        "{n} submission of {all} ran without a sandbox.",
        "{n} submissions of {all} ran without a sandbox.",
        all=len(results),
    )


def _without_mark(n: int) -> Text:
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
        band = Band(label=label, lowest=spread.lowest, mean=spread.mean, highest=spread.highest)
    threshold = thresholds.pop() if len(thresholds) == 1 else None
    return AccuracyStrip(accuracies=tuple(known), threshold=threshold, reference=band)


def _figures(results: Sequence[Result], marked: Sequence[Grade]) -> tuple[tuple[Phrase, Text], ...]:
    accuracies = sorted((r.accuracy for r in results if r.accuracy), key=lambda a: a.value)
    figures: list[tuple[Phrase, Text]] = []
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


def _setting(results: Sequence[Result]) -> tuple[tuple[Phrase, Text], ...]:
    named: tuple[tuple[Phrase, Sequence[Text]], ...] = (
        (say("assignment"), [result.assignment for result in results]),
        (say("dataset"), [result.dataset for result in results]),
        (say("judged on"), [shipped(one_line(result.judged_on)) for result in results]),
        (say("data served"), [SERVE[result.serve][0] for result in results if result.dataset]),
        (say("isolation"), [ISOLATION[result.isolation][0] for result in results]),
        (say("seed"), [str(result.seed) for result in results]),
    )
    return tuple((name, _listed(values)) for name, values in named)


def _listed(values: Sequence[Text]) -> Text:
    known = (shorten(one_line(visible(v)), 120) if isinstance(v, str) else v for v in values if v)
    found = Counter(known).most_common()
    if len(found) == 1:
        return found[0][0]
    listed: list[Text] = [say("{what} ({n})", what=value, n=n) for value, n in found[:5]]
    if len(found) > 5:
        listed.append(many(len(found) - 5, "{n} other", "{n} others"))
    return joined(listed, ", ") or say("none")
