"""What a class needs a person for: checks that many lost points by, and flags, each with the students concerned. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from grader.grading_rules import flags_of, grades_of
from grader.report.phrases import Text, say
from grader.report.visible import one_line, shorten
from grader.report.words import STATUSES, Tone, flag_word, shipped
from grader.results import Flag, Outcome, Result, Status

NAMED = 60  # students of one trouble who are named
TROUBLES = 15

# What nobody has to look at: said of every student of a class, or decided by a person already.
QUIET = frozenset({"substitute_data", "late", "override", "excused"})


@dataclass(frozen=True)
class Whom:
    """A student with the address of the report, and what is said of this one."""

    student: str
    href: str | None
    words: Text = ""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A check that students stumble over, with how many and whom."""

    title: Text
    failed: int
    partly: int
    of: int
    share: float
    whom: tuple[Whom, ...]
    more: int


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that a person should look at, and for whom."""

    title: Text
    tone: Tone
    count: int
    whom: tuple[Whom, ...]
    more: int


Linked = tuple[Result, str | None]  # a result whose text is visible already, with the address of its report


def find_troubles(linked: Sequence[Linked]) -> tuple[Trouble, ...]:
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
        _attention(STATUSES[Status.BROKEN], "ours", [_whom(r, h, r.ending.message) for r, h in linked if _broke(r)]),
        _attention(
            STATUSES[Status.NEEDS_REVIEW],
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
    return shorten(one_line(result.student), 120) or "(no name)"


def _trouble(title: str, concerned: Sequence[tuple[Outcome, Whom]], of: int) -> Trouble:
    failed = sum(outcome is Outcome.FAILED for outcome, _ in concerned)
    whom = [
        Whom(who.student, who.href, "" if outcome is Outcome.FAILED else say("partly")) for outcome, who in concerned
    ]
    return Trouble(
        title=shipped(shorten(one_line(title), 200)),
        failed=failed,
        partly=len(concerned) - failed,
        of=of,
        share=len(concerned) / of,
        whom=tuple(whom[:NAMED]),
        more=max(len(whom) - NAMED, 0),
    )


def _attention(title: Text, tone: Tone, whom: Sequence[Whom]) -> Attention:
    return Attention(title=title, tone=tone, count=len(whom), whom=tuple(whom[:NAMED]), more=max(len(whom) - NAMED, 0))


def _whom(result: Result, href: str | None, words: str = "") -> Whom:
    return Whom(student_name(result), href, shorten(one_line(words), 300))


def _broke(result: Result) -> bool:
    return result.status is Status.BROKEN


def _waits(result: Result) -> bool:
    """Whether it is for review, and nobody decided yet."""
    return result.status is Status.NEEDS_REVIEW and any(grade.override is None for grade in grades_of(result))


def _asks(flag: Flag) -> bool:
    return flag.kind not in QUIET
