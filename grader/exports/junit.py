"""JUnit XML of one or several results: a suite a submission, a case a check (pytest's junit-10.xsd)."""

import xml.etree.ElementTree as Tree
from collections.abc import Iterator, Sequence

from grader.core.grades import grades_of
from grader.core.results import CheckResult, Grade, Outcome, Result, Status
from grader.core.text import number, one_line
from grader.exports.what_may_leave import explanation, for_students, is_advice, overview

PASSES = "This submission passes. A failure here is a check that cost points, not a failed submission."
THEIRS = (Outcome.FAILED, Outcome.PARTIAL)


def write_junit(results: Sequence[Result], *, name: str = "grader") -> str:
    """The XML text. Failed and partly passed checks are failures, broken ones errors; advice that was not taken is skipped.

    A submission that was not simply graded (nothing to judge, a person must look, the grader broke) has a case that says so.
    """
    root = Tree.Element("testsuites", name=one_line(name))
    suites = [_suite(for_students(result)) for result in results]
    root.extend(suites)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", _seconds(sum(max(result.ending.wall_s, 0.0) for result in results)))
    Tree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Tree.tostring(root, encoding="unicode") + "\n"


def _suite(result: Result) -> Tree.Element:
    suite = Tree.Element("testsuite", name=one_line(f"{result.assignment}: {result.student}"))
    properties = Tree.SubElement(suite, "properties")
    for key, value in (*_marks(result), ("isolation", result.isolation), ("evidence", result.evidence)):
        Tree.SubElement(properties, "property", name=key, value=one_line(value))
    cases = [_case(result, check) for check in result.checks]
    if result.status is not Status.GRADED or any(grade.override or grade.awaits for grade in grades_of(result)):
        cases.insert(0, _submission_case(result))
    suite.extend(cases)
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", _seconds(result.ending.wall_s))
    suite.set("timestamp", one_line(result.started))
    suite.set("file", one_line(result.submission))
    said = overview(result)
    if any(case.find("failure") is not None for case in cases) and all(grade.passed for grade in grades_of(result)):
        said.append(PASSES)
    Tree.SubElement(suite, "system-out").text = "\n".join(said)
    return suite


def _marks(result: Result) -> Iterator[tuple[str, str]]:
    """What the student gets, or each member of a group, and what the checks alone give."""
    for grade in grades_of(result):
        who = f"{grade.student.name}: " if result.members else ""
        yield f"{who}points", "" if grade.points is None else number(grade.points)
        yield f"{who}out_of", number(grade.out_of)
        yield f"{who}passed", str(grade.passed).lower()
        if grade.excused:
            yield f"{who}excused", "true"
        if grade.awaits:
            yield f"{who}awaits", "; ".join(grade.awaits)
    yield "earned", "" if result.status is Status.BROKEN or result.absent else number(result.points)


def _case(result: Result, check: CheckResult) -> Tree.Element:
    case = Tree.Element(
        "testcase", classname=one_line(f"{result.assignment}.{check.name}"), name=one_line(check.title), time="0.000"
    )
    text = explanation(check)
    if check.outcome in THEIRS:
        advice = is_advice(check)
        _put(case, "skipped" if advice else "failure", "advice" if advice else check.outcome.value, text)
    elif check.outcome is Outcome.BROKEN:
        _put(case, "error", "broken", text)
    elif check.outcome in (Outcome.SKIPPED, Outcome.AWAITING):
        _put(case, "skipped", check.outcome.value, text)
    elif text:
        Tree.SubElement(case, "system-out").text = text
    return case


def _submission_case(result: Result) -> Tree.Element:
    case = Tree.Element(
        "testcase", classname=one_line(result.assignment), name="The submission is graded", time="0.000"
    )
    grades = grades_of(result)
    if all(grade.passed and _by_person(grade) for grade in grades):
        Tree.SubElement(case, "system-out").text = "\n".join(overview(result))
        return case
    waits = any(grade.awaits for grade in grades)
    undecided = all(grade.override is None for grade in grades) and not result.absent and not waits
    tag = (
        {Status.EXPLAINED: "failure", Status.BROKEN: "error"}.get(result.status, "skipped") if undecided else "skipped"
    )
    tag = "failure" if all(grade.decided for grade in grades) else tag
    kind = "nothing handed in" if result.absent else Outcome.AWAITING.value if waits else result.status.value
    _put(case, tag, kind, "\n".join(overview(result)))
    return case


def _by_person(grade: Grade) -> bool:
    """Whether a person decided it, or looked at what waited for that."""
    looked_at = grade.status is Status.NEEDS_REVIEW and not grade.provisional
    return grade.decided or grade.changed_by_person or looked_at


def _put(case: Tree.Element, tag: str, kind: str, text: str) -> None:
    element = Tree.SubElement(case, tag, type=kind, message=one_line(text))
    element.text = text


def _seconds(value: float) -> str:
    return f"{max(value, 0.0):.3f}"
