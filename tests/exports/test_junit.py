"""JUnit XML against the schema that pytest's own is tested with."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.results import Result, Status
from grader.exports.junit import write_junit
from tests.exports.builders import hostile_results
from tests.exports.validators import read_junit
from tests.fakes import a_result


def test_each_check_is_a_case_that_says_what_became_of_it() -> None:
    (suite,) = read_junit(write_junit([a_result()]))
    cases = suite.findall("testcase")
    assert [next((child.tag for child in case), "") for case in cases] == [
        "system-out", "system-out", "failure", "failure", "skipped", "error", "skipped",
    ]  # fmt: skip
    assert suite.attrib["name"] == "exercise2: Ada Lovelace"
    failure = cases[3][0]
    assert (failure.get("type"), failure.text) == (
        "failed", "the network has no Dropout layer\n→ Add layers.Dropout(0.3) between the dense layers and train again.",
    )  # fmt: skip
    assert [cases[index][0].get("type") for index in (2, 4, 6)] == ["partial", "skipped", "advice"]
    properties = {item.attrib["name"]: item.attrib["value"] for item in suite.findall("properties/property")}
    assert properties["points"] == "65" and properties["passed"] == "true"


@pytest.mark.parametrize(
    ("status", "tag"), [(Status.EXPLAINED, "failure"), (Status.BROKEN, "error"), (Status.NEEDS_REVIEW, "skipped")]
)
def test_a_submission_that_was_not_simply_graded_has_a_case_of_its_own(status: Status, tag: str) -> None:
    (suite,) = read_junit(write_junit([a_result((), status=status)]))
    (case,) = suite.findall("testcase")
    assert (case.get("name"), case[0].tag) == ("The submission is graded", tag)


def test_failures_of_a_submission_that_passes_are_explained() -> None:
    passes, fails = read_junit(write_junit([a_result(), a_result(passed=False)]))
    assert passes.findtext("system-out", "").endswith("not a failed submission.")
    assert "This submission passes" not in fails.findtext("system-out", "")


def test_counts_and_times_are_summed() -> None:
    root = read_junit(write_junit([a_result(), a_result()], name="CI"))
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("time")) == (
        "14",
        "4",
        "2",
        "190.800",
    )
    assert read_junit(write_junit([])).get("tests") == "0"


@settings(max_examples=200)
@given(st.lists(hostile_results(), max_size=2))
def test_any_result_fits_the_schema(results: list[Result]) -> None:
    root = read_junit(write_junit(results))
    assert len(root) == len(results)


@pytest.mark.parametrize(
    "change",
    [
        ('tests="1"', 'tests="2"'),
        ("<failure", "<failed"),
        ('time="95.400"', 'time="95.40001"'),
        ("<testcase", '<testcase file="x"'),
    ],
)
def test_the_validator_notices_what_the_schema_does_not_know(change: tuple[str, str]) -> None:
    text = write_junit([a_result(a_result().checks[3:4])])
    assert change[0] in text
    with pytest.raises((AssertionError, KeyError, ElementTree.ParseError)):
        read_junit(text.replace(change[0], change[1], 1))
