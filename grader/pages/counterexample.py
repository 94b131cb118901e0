"""The small case with which a function goes wrong, and where the function stands: in lines for people. Pure."""

from collections.abc import Iterator

from grader.core.results import FunctionFinding, GroupFinding, Result
from grader.core.text import one_line
from grader.pages.language import gettext_noop, say, translated

SMALL_CASES = gettext_noop("Small cases that go wrong; work them out by hand and compare")
LONGEST_LINE = 160  # characters
MOST_LINES = 40  # of one case


def place_of(finding: FunctionFinding, file: str) -> str:
    """Where the function begins: "operators.py, line 12"; in a notebook "cell 3, line 1"; "" where it was not found."""
    if finding.line is None:
        return ""
    if finding.cell is not None:
        return say("cell {cell}, line {line}", cell=finding.cell, line=finding.line)
    return say("{file}, line {line}", file=one_line(file), line=str(finding.line))


def case_lines(group: GroupFinding) -> list[str]:
    """The arguments, what is right, and what came, in lines."""
    found = group.counterexample
    if found is None:
        return group.shown.split("\n") if group.shown else []
    said = [f"{name} = {value}" for name, value in found.arguments]
    said.append(say("right: {value}", value=found.wanted))
    said.append(
        say("returned: {value}", value=found.got) if found.returned else say("it {what}", what=translated(found.got))
    )
    return [line for text in said for line in text.split("\n")]


def counterexample_lines(result: Result) -> Iterator[str]:
    """Of each function that goes wrong: where it stands, how it is called, and its first case that does."""
    for finding in result.functions:
        group = finding.first_wrong
        if finding.problem or group is None:
            continue
        where = place_of(finding, result.submission)
        definition = f"def {one_line(finding.signature)}"
        yield f"{where}: {definition}" if where else definition
        yield f"  {one_line(translated(group.title))}:"
        for line in case_lines(group)[:MOST_LINES]:
            kept = line.rstrip()
            yield f"    {kept if len(kept) <= LONGEST_LINE else kept[: LONGEST_LINE - 1] + '…'}"
