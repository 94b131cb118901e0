"""The functions of a module as a report shows them: which kinds of cases are right, and a small one that is not. Pure."""

from dataclasses import dataclass

from grader.report.phrases import Phrase, Text, many, say
from grader.report.visible import shorten
from grader.report.words import MARKS, Tone
from grader.results import FunctionFinding, GroupFinding, Outcome

MOST_SHOWN = 6_000  # characters of one case


@dataclass(frozen=True)
class GroupView:
    """One kind of cases as a row."""

    tone: Tone
    mark: str
    word: Phrase
    title: str
    tried: Text
    fault: Text
    shown: str
    open: bool


@dataclass(frozen=True, kw_only=True)
class FunctionView:
    """One function: how it is called, what is wrong with it as a whole, and its kinds of cases."""

    signature: str
    right: Phrase
    problem: str
    groups: tuple[GroupView, ...]


def function_views(findings: tuple[FunctionFinding, ...]) -> tuple[FunctionView, ...]:
    """All functions in order; give it values whose text is visible already."""
    return tuple(_function(finding) for finding in findings)


def _function(finding: FunctionFinding) -> FunctionView:
    first = next((group for group in finding.groups if group.shown), None)  # where to begin
    right = sum(group.right for group in finding.groups)
    return FunctionView(
        signature=shorten(finding.signature, 200),
        right=many(
            len(finding.groups),
            "{right} of {n} kind of cases right",
            "{right} of {n} kinds of cases right",
            right=right,
        ),
        problem=shorten(finding.problem, 600),
        groups=() if finding.problem else tuple(_group(group, group is first) for group in finding.groups),
    )


def _group(group: GroupFinding, first: bool) -> GroupView:
    outcome = Outcome.PASSED if group.right else Outcome.FAILED if group.tried else Outcome.SKIPPED
    tone: Tone = "good" if group.right else "bad" if group.tried else "calm"
    return GroupView(
        tone=tone,
        mark=MARKS[outcome],
        word=say("right") if group.right else say("wrong") if group.tried else say("not tried"),
        title=shorten(group.title, 200),
        tried=many(group.tried, "{n} case", "{n} cases") if group.right else "",
        fault=say("It {fault}", fault=shorten(group.fault, 600)) if group.fault else "",
        shown=shorten(group.shown, MOST_SHOWN),
        open=first,
    )
