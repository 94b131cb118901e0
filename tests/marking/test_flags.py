"""Status, flags, and the row of a submission that was never run."""

from pathlib import Path

import pytest

from grader.core.evidence import Cause, Claims, Ending, Evidence, Facts, Judgement
from grader.core.results import Accuracy, CheckResult, Comparison, Flag, Outcome, Status
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.marking.flags import (
    UnrunSubmission,
    decide_status,
    explain_unread,
    raise_flags,
    substitute_flags,
    verdict_flags,
)
from tests.fakes import a_judgement, a_rubric, an_evidence, trained_claims, write_course
from tests.pages.builders import an_accuracy


@pytest.fixture
def rubric(tmp_path: Path) -> Rubric:
    return a_rubric(write_course(tmp_path / "course"))


def evidence_of(rubric: Rubric, judgement: Judgement, claims: Claims, cause: Cause = Cause.FINISHED) -> Evidence:
    facts = Facts(ending=Ending(cause=cause, message="x"), judgement=judgement)
    return an_evidence(rubric, facts=facts, claims=claims)


UNSURE = (Flag(kind="preparation_unsure", reason="x"),)


@pytest.mark.parametrize(
    ("outcome", "cause", "outcomes", "flags", "status"),
    [
        ("judged", Cause.FINISHED, (Outcome.PASSED, Outcome.FAILED), (), Status.GRADED),
        ("judged", Cause.WALL_LIMIT, (Outcome.FAILED,), (), Status.GRADED),
        ("judged", Cause.FINISHED, (Outcome.PASSED,), UNSURE, Status.NEEDS_REVIEW),
        ("judged", Cause.FINISHED, (), (Flag(kind="substitute_data", reason="x"),), Status.GRADED),
        ("described", Cause.FINISHED, (Outcome.FAILED,), (), Status.EXPLAINED),
        ("refused", Cause.FINISHED, (Outcome.SKIPPED,), UNSURE, Status.EXPLAINED),
        ("no-model", Cause.KERNEL_EXITED, (Outcome.FAILED,), (), Status.EXPLAINED),
        ("judged", Cause.FINISHED, (Outcome.PASSED, Outcome.BROKEN), (), Status.BROKEN),
        ("no-model", Cause.INFRASTRUCTURE, (Outcome.FAILED,), (), Status.BROKEN),
        ("judged", Cause.FINISHED, (Outcome.BROKEN,), UNSURE, Status.BROKEN),
    ],
)
def test_the_status_is_ours_to_blame_first_then_what_could_be_judged(
    rubric: Rubric, outcome: str, cause: Cause, outcomes: tuple[Outcome, ...], flags: tuple[Flag, ...], status: Status
) -> None:
    judgement = a_judgement().model_copy(update={"outcome": outcome})
    assert decide_status(evidence_of(rubric, judgement, trained_claims(), cause), outcomes, flags) is status


@pytest.mark.parametrize(
    ("claimed", "found", "matched", "flagged"),
    [(0.99, 0.5, 20, True), (0.99, 0.83, 20, True), (0.99, 0.85, 20, False), (0.5, 0.99, 20, False),
     (None, 0.1, 20, False), (0.99, 0.9, 0, True), (0.99, 0.93, 0, False), (None, 0.1, 0, False)],
)  # fmt: skip
def test_a_network_that_learnt_more_than_the_judge_can_reproduce_is_for_a_person_to_look_at(
    rubric: Rubric, claimed: float | None, found: float, matched: int, flagged: bool
) -> None:
    judgement = a_judgement(found)
    assert judgement.preparation is not None
    preparation = judgement.preparation.model_copy(update={"matched": matched, "probed": 1000})
    evidence = evidence_of(
        rubric, judgement.model_copy(update={"preparation": preparation}), trained_claims(accuracy=claimed)
    )
    flags = raise_flags(evidence, rubric.dataset)
    assert [flag.kind for flag in flags] == (["preparation_unsure"] if flagged else [])
    if flagged:
        assert "99.0%" in flags[0].reason
        assert f"{found:.1%}" in flags[0].reason


@pytest.mark.parametrize(
    ("matched", "validated", "flagged"), [(20, 0.34, False), (20, 0.6, True), (0, 0.34, True), (0, 0.6, True)]
)
def test_a_network_that_validates_as_it_is_judged_was_understood_if_its_own_rows_tell_how_it_was_fed(
    rubric: Rubric, matched: int, validated: float, flagged: bool
) -> None:
    claims = trained_claims()
    history = {"accuracy": (0.61,), "val_accuracy": (validated,)}
    claims = claims.model_copy(update={"fits": (claims.fits[0].model_copy(update={"history": history}),)})
    judgement = a_judgement(0.35)
    assert judgement.preparation is not None
    preparation = judgement.preparation.model_copy(update={"matched": matched})
    evidence = evidence_of(rubric, judgement.model_copy(update={"preparation": preparation}), claims)
    assert ["preparation_unsure"] * flagged == [flag.kind for flag in raise_flags(evidence, rubric.dataset)]


@pytest.mark.parametrize("accuracy", [1.5, -0.5, 1e308])
def test_damaged_evidence_with_an_accuracy_that_is_none_is_flagged_or_not_and_raises_nothing(
    rubric: Rubric, accuracy: float
) -> None:
    evidence = evidence_of(rubric, a_judgement(accuracy), trained_claims(accuracy=0.99))
    assert [flag.kind for flag in raise_flags(evidence, rubric.dataset)] == (
        ["preparation_unsure"] if accuracy < 0 else []
    )


def test_where_nothing_was_prepared_nothing_is_flagged(rubric: Rubric) -> None:
    evidence = evidence_of(rubric, Judgement(outcome="no-model"), trained_claims(accuracy=0.99))
    assert raise_flags(evidence, rubric.dataset) == ()


def reached(correct: int, judged_images: int, **changes: object) -> Accuracy:
    return an_accuracy(correct, judged_images, **{"threshold": 0.78, **changes})


@pytest.mark.parametrize(
    ("verdict", "granted", "words"),
    [("pass", False, None), ("fail", False, None), (None, False, None),
     ("borderline", False, "77.00% of 1,000 images is below 78.00%, but chance may have decided."),
     ("borderline", True, "77.00% of 1,000 images is below 78.00%, but within what chance explains: it counts as reached.")],
)  # fmt: skip
def test_a_borderline_accuracy_is_flagged_whether_the_doubt_is_granted_or_not(
    verdict: str | None, granted: bool, words: str | None
) -> None:
    flags = verdict_flags(reached(770, 1000, verdict=verdict, granted=granted), (), {})
    assert [(flag.kind, flag.reason) for flag in flags] == ([("borderline", words)] if words else [])


@pytest.mark.parametrize(
    ("correct", "p_value", "outcome", "flagged"),
    [(980, 0.5, Outcome.FAILED, True), (985, 1.0, Outcome.FAILED, True), (980, 0.01, Outcome.FAILED, False),
     (990, 0.5, Outcome.PASSED, False), (980, None, Outcome.FAILED, False)],
)  # fmt: skip
def test_a_lost_comparison_is_flagged_where_it_may_be_chance(
    correct: int, p_value: float | None, outcome: Outcome, flagged: bool
) -> None:
    other = Comparison(assignment="x", source="x of the same student", accuracy=0.985, judged=1000, p_value=p_value)
    check = CheckResult(name="better_than", title="t", outcome=outcome, points=0, out_of=20)
    flags = verdict_flags(reached(correct, 1000, verdict="pass"), (check,), {"x": other})
    assert [flag.kind for flag in flags] == (["close_comparison"] if flagged else [])


def test_where_nothing_was_judged_chance_decided_nothing() -> None:
    assert verdict_flags(None, (), {}) == ()


def test_a_demonstration_is_flagged_and_the_real_thing_is_not() -> None:
    course = Course.at()
    assert substitute_flags(course.dataset("mnist")) == ()
    (flag,) = substitute_flags(course.dataset("mnist-5k"))
    assert flag.kind == "substitute_data"
    assert "no result for mnist" in flag.reason


def row(rubric: Rubric) -> UnrunSubmission:
    return UnrunSubmission(
        rubric=rubric, student="ada", submission="ada.docx", isolation="bubblewrap", versions={"grader": "1"}, seed=3,
        started="now",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "status", "outcome", "cause"),
    [
        (False, Status.EXPLAINED, Outcome.FAILED, Cause.NOT_RUN),
        (True, Status.BROKEN, Outcome.BROKEN, Cause.INFRASTRUCTURE),
    ],
)
def test_a_submission_that_was_not_run_has_a_full_row_with_the_reason(
    rubric: Rubric, ours: bool, status: Status, outcome: Outcome, cause: Cause
) -> None:
    result = explain_unread(row(rubric), reason="ada.docx: is no notebook.", remedy="Hand in one.", ours=ours)
    assert (result.student, result.submission, result.status, result.points, result.out_of, result.passed) == (
        "ada", "ada.docx", status, 0, 100, False,
    )  # fmt: skip
    assert [check.name for check in result.checks] == ["executes", "trained", "accuracy"]
    assert {(check.outcome, check.reason, check.hint) for check in result.checks} == {
        (outcome, "ada.docx: is no notebook.", "Hand in one.")
    }
    assert result.ending.cause is cause
    assert result.ending.message == "ada.docx: is no notebook. Hand in one."
    assert (result.isolation, result.seed, result.accuracy, result.evidence) == ("bubblewrap", 3, None, "")


def test_swapped_classes_are_told_and_no_preparation_is_doubted(rubric: Rubric) -> None:
    judgement = a_judgement(0.1)
    assert judgement.preparation is not None
    swapped = judgement.preparation.model_copy(update={"swapped": True})
    evidence = evidence_of(rubric, judgement.model_copy(update={"preparation": swapped}), trained_claims(accuracy=0.99))
    assert [flag.kind for flag in raise_flags(evidence, rubric.dataset)] == ["classes_swapped"]
