"""Checks that were skipped for one reason share a line."""

from grader.core.results import Outcome
from grader.pages.terminal import fold_skipped, summary
from tests.pages.builders import a_check, a_result

PASSED = a_check(title="It runs", points=10, out_of=10)
FIRST, SECOND, ADVICE = (
    a_check(Outcome.SKIPPED, title=title, points=0, out_of=out_of, reason="no model")
    for title, out_of in (("Input", 5), ("Output", 25), ("Epochs", 0))
)
OTHER = a_check(Outcome.SKIPPED, title="Accurate", points=0, out_of=45, reason="not checked")


def test_checks_skipped_for_one_reason_become_one_with_all_their_points() -> None:
    folded = fold_skipped([FIRST, PASSED, SECOND, OTHER, ADVICE])
    assert [check.title for check in folded] == ["3 checks skipped: no model", "It runs", "Accurate"]
    assert (folded[0].out_of, folded[0].reason) == (30, "")
    assert folded[1:] == [PASSED, OTHER]


def test_a_check_skipped_alone_and_one_without_a_reason_keep_their_lines() -> None:
    bare = a_check(Outcome.SKIPPED, title="Bare", reason="")
    assert fold_skipped([FIRST, OTHER, bare, bare]) == [FIRST, OTHER, bare, bare]


def test_a_summary_tells_each_check_unless_it_is_asked_to_fold() -> None:
    result = a_result(checks=(PASSED, FIRST, SECOND))
    told, folded = "\n".join(summary(result)), "\n".join(summary(result, fold=True))
    assert "Input" in told and "Output" in told
    assert "Input" not in folded
    assert "  –    0/30  2 checks skipped: no model" in folded
