"""A whole class as a report shows it: rows, counts, the spread of points, and what went wrong most often. Pure."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.report.plots import Segment
from grader.report.visible import cleaned, one_line, shorten, visible
from grader.report.words import (
    CAUSES,
    ISOLATION,
    SERVE,
    STATUSES,
    Tone,
    accuracy_percent,
    number,
    plural,
    reference_words,
    substitute_warning,
    verdict,
)
from grader.results import Outcome, Result, Status

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Row:
    """One student in the class table; `order_…` are what columns are sorted by."""

    student: str
    submission: str
    href: str | None
    why_no_report: str
    tone: Tone
    mark: str
    status: str
    points: str
    order_points: float
    passed: str
    accuracy: str
    order_accuracy: float
    flags: tuple[str, ...]
    ending: str
    ending_detail: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A check that students stumble over, with how many."""

    title: str
    failed: int
    partly: int
    of: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ClassView:
    """Everything a class page says."""

    title: str
    warning: str
    unsandboxed: str
    rows: tuple[Row, ...]
    tally: tuple[tuple[str, int, Tone], ...]
    strip: tuple[Segment, ...]
    bins: tuple[int, ...]
    without_mark: str
    pass_share: float | None
    figures: tuple[tuple[str, str], ...]
    troubles: tuple[Trouble, ...]
    setting: tuple[tuple[str, str], ...]


def class_view(results: Sequence[Result], *, title: str, links: Mapping[str, str]) -> ClassView:
    """A class, sorted by student; `links` maps a student to the relative address of the report."""
    known = sorted(((result.student, cleaned(result)) for result in results), key=lambda item: item[0].casefold())
    clean = [result for _, result in known]
    marked = [result for result in clean if _has_mark(result)]
    pass_shares = Counter(r.pass_mark / r.out_of for r in marked)
    tally = _tally(clean)
    left_out = len(clean) - len(marked)
    return ClassView(
        title=one_line(title),
        warning=_warning(clean),
        unsandboxed=_unsandboxed(clean),
        rows=tuple(_row(result, links.get(student)) for student, result in known),
        tally=tally,
        strip=tuple(Segment(f"{n} {word}", n / len(clean), tone, True) for word, n, tone in tally if n),
        bins=_bins(marked),
        without_mark=f"{plural(left_out, 'student')} without a mark not drawn." if left_out else "",
        pass_share=pass_shares.most_common(1)[0][0] if marked else None,
        figures=_figures(clean, marked),
        troubles=_troubles(clean),
        setting=_setting(clean),
    )


def safe_href(address: str | None) -> str | None:
    """A relative address fit for a link, percent-encoded where it was not, or None."""
    if not address or address.startswith(("/", "\\")):
        return None
    return quote(address, safe="/%", errors="replace") or None  # a colon is encoded too: no address has a scheme


def _has_mark(result: Result) -> bool:
    return result.status is not Status.BROKEN and result.out_of > 0


def _tally(results: Sequence[Result]) -> tuple[tuple[str, int, Tone], ...]:
    words: list[tuple[str, Tone]] = [
        ("passed", "good"),
        ("below the pass mark", "bad"),
        ("not judged", "bad"),
        ("needs review", "warn"),
        ("grader broke", "ours"),
    ]
    found = Counter(_standing(result) for result in results)
    return tuple((word, found[word], tone) for word, tone in words)


def _standing(result: Result) -> str:
    if result.status is Status.GRADED:
        return "passed" if result.passed else "below the pass mark"
    return STATUSES[result.status]


def _warning(results: Sequence[Result]) -> str:
    touched = [result for result in results if any(flag.kind == "substitute_data" for flag in result.flags)]
    if not touched:
        return ""
    reason = next(one_line(flag.reason) for flag in touched[0].flags if flag.kind == "substitute_data")
    whom = "everyone" if len(touched) == len(results) else f"{len(touched)} of {len(results)} students"
    return f"{substitute_warning(touched[0].dataset)} This holds for {whom}. {shorten(reason, 500)}".strip()


def _unsandboxed(results: Sequence[Result]) -> str:
    touched = sum(result.isolation == "none" for result in results)
    return f"{plural(touched, 'submission')} of {len(results)} ran without a sandbox." if touched else ""


def _row(result: Result, link: str | None) -> Row:
    found = verdict(result)
    marked = _has_mark(result)
    href = safe_href(link)
    return Row(
        student=shorten(one_line(result.student), 120) or "(no name)",
        submission=shorten(one_line(result.submission), 120),
        href=href,
        why_no_report="" if href else f"no report: {shorten(one_line(result.ending.message) or found.headline, 200)}",
        tone=found.tone,
        mark=found.mark,
        status=STATUSES[result.status],
        points=number(result.points) if marked else "–",
        order_points=result.points if marked else -1.0,
        passed="yes" if result.passed else "no" if marked else "–",
        accuracy=accuracy_percent(result.accuracy) if result.accuracy else "–",
        order_accuracy=result.accuracy.value if result.accuracy else -1.0,
        flags=tuple(flag_word(flag.kind) for flag in result.flags),
        ending=CAUSES[result.ending.cause],
        ending_detail=shorten(one_line(result.ending.message), 300),
    )


def flag_word(kind: str) -> str:
    """A flag's kind as words: `substitute_data` as "substitute data"."""
    return shorten(one_line(kind.replace("_", " ")), 60)


def _bins(results: Sequence[Result]) -> tuple[int, ...]:
    found = Counter(min(max(int(BINS * r.points / r.out_of + 1e-9), 0), BINS - 1) for r in results)
    return tuple(found[i] for i in range(BINS))


def _figures(results: Sequence[Result], marked: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    accuracies = sorted((r.accuracy for r in results if r.accuracy), key=lambda a: a.value)
    figures = []
    if marked:
        middle = statistics.median(result.points for result in marked)
        outs = {result.out_of for result in marked}
        figures.append(("median points", number(middle) + (f" of {number(outs.pop())}" if len(outs) == 1 else "")))
    if accuracies:
        figures.append(("median accuracy", accuracy_percent(accuracies[len(accuracies) // 2])))
        figures.append(("best accuracy", accuracy_percent(accuracies[-1])))
    references = {(r.baseline, r.accuracy.judged) for r in results if r.baseline and r.accuracy}
    if len(references) == 1:
        figures.append(("reference", reference_words(*references.pop())))
    flagged = sum(bool(result.flags) for result in results)
    return (*figures, ("with a flag", f"{flagged} of {len(results)}"))


def _troubles(results: Sequence[Result]) -> tuple[Trouble, ...]:
    """Checks that somebody lost points by, the most frequent first; what was skipped has another cause."""
    seen: dict[tuple[str, str], Counter[Outcome]] = {}
    for result in results:
        for check in (check for check in result.checks if check.out_of > 0):
            seen.setdefault((check.name, check.title), Counter())[check.outcome] += 1
    troubles = [
        Trouble(
            title=shorten(one_line(title), 200),
            failed=found[Outcome.FAILED],
            partly=found[Outcome.PARTIAL],
            of=len(results),
            share=(found[Outcome.FAILED] + found[Outcome.PARTIAL]) / len(results),
        )
        for (_, title), found in seen.items()
        if found[Outcome.FAILED] or found[Outcome.PARTIAL]
    ]
    return tuple(sorted(troubles, key=lambda t: (-t.failed, -t.partly, t.title))[:15])


def _setting(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    named = {
        "assignment": [result.assignment for result in results],
        "dataset": [result.dataset for result in results],
        "judged on": [result.judged_on for result in results],
        "data served": [SERVE[result.serve][0] for result in results],
        "isolation": [ISOLATION[result.isolation][0] for result in results],
        "seed": [str(result.seed) for result in results],
    }
    return tuple((name, _listed(values)) for name, values in named.items())


def _listed(values: Sequence[str]) -> str:
    found = Counter(shorten(one_line(visible(value or "")), 120) for value in values).most_common()
    if len(found) == 1:
        return found[0][0]
    listed = ", ".join(f"{value} ({n})" for value, n in found[:5])
    return f"{listed} and {len(found) - 5} others" if len(found) > 5 else listed or "none"
