"""`mark` is a pure function of evidence, rubric and labels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from grader.core.errors import Infrastructure
from grader.core.evidence import Cause, Ending, Facts
from grader.core.results import CheckResult, Comparison, Outcome, Result, Status
from grader.core.store import Stored, evidence_digest, load_evidence, save_evidence
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.marking.flags import DOUBTFUL
from grader.marking.mark import mark
from grader.run import collect
from tests.fakes import (
    RUBRIC,
    a_rubric,
    a_stored,
    trained_claims,
    write_course,
    write_rubric,
)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def rubric(course: Course) -> Rubric:
    return a_rubric(course)


def outcomes(result: Result) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in result.checks}


def test_the_same_evidence_has_the_same_result_every_time(rubric: Rubric) -> None:
    stored = a_stored(rubric, correct=9)
    before = stored.evidence.model_dump_json()
    first, second = (mark(stored, rubric, {}) for _ in range(2))
    assert first == second
    assert first.model_dump_json() == second.model_dump_json()
    assert stored.evidence.model_dump_json() == before


def test_evidence_from_the_disk_has_the_result_of_evidence_in_memory(rubric: Rubric, tmp_path: Path) -> None:
    stored = a_stored(rubric, correct=9)
    save_evidence(tmp_path / "evidence", stored, None)
    assert mark(load_evidence(tmp_path / "evidence"), rubric, {}) == mark(stored, rubric, {})


def test_a_result_quotes_the_digest_of_its_evidence(rubric: Rubric) -> None:
    stored = a_stored(rubric)
    assert mark(stored, rubric, {}).evidence == evidence_digest(stored.evidence)
    assert mark(a_stored(rubric, correct=9), rubric, {}).evidence != evidence_digest(stored.evidence)


@pytest.mark.parametrize(
    ("correct", "points", "passed", "verdict"),
    [(10, 100, True, "pass"), (8, 100, True, "pass"), (7, 30, False, "borderline"), (2, 30, False, "fail")],
)
def test_points_are_given_by_the_threshold_and_chance_is_said(
    rubric: Rubric, correct: int, points: float, passed: bool, verdict: str
) -> None:
    result = mark(a_stored(rubric, correct=correct), rubric, {})
    assert result.accuracy is not None
    assert (result.points, result.out_of, result.passed, result.accuracy.verdict) == (points, 100, passed, verdict)
    assert (result.accuracy.value, result.accuracy.correct, result.accuracy.judged) == (correct / 10, correct, 10)
    assert result.status is Status.GRADED


def test_another_threshold_marks_the_same_evidence_differently(rubric: Rubric, course: Course) -> None:
    stored = a_stored(rubric, correct=7)
    write_rubric(course.root, RUBRIC.replace("at_least = 0.8", "at_least = 0.7"))
    assert mark(stored, rubric, {}).points == 30
    assert mark(stored, a_rubric(course), {}).points == 100


def test_exactly_the_pass_mark_passes(rubric: Rubric, course: Course) -> None:
    write_rubric(course.root, RUBRIC.replace("pass_mark = 60", "pass_mark = 30"))
    assert mark(a_stored(rubric, correct=1), a_rubric(course), {}).passed
    write_rubric(course.root, RUBRIC.replace("pass_mark = 60", "pass_mark = 30.01"))
    assert not mark(a_stored(rubric, correct=1), a_rubric(course), {}).passed


def test_nothing_judged_is_explained_and_never_passes(rubric: Rubric, course: Course) -> None:
    write_rubric(course.root, RUBRIC.replace("pass_mark = 60", "pass_mark = 0"))
    stored = a_stored(rubric)
    judgement = stored.evidence.facts.judgement.model_copy(
        update={"outcome": "refused", "reason": "it holds a Lambda layer", "architecture": None, "predictions": None}
    )
    facts = stored.evidence.facts.model_copy(update={"judgement": judgement})
    evidence = stored.evidence.model_copy(update={"facts": facts})
    result = mark(Stored(evidence=evidence, outputs=None), a_rubric(course), {})
    assert (result.status, result.passed, result.accuracy) == (Status.EXPLAINED, False, None)
    assert outcomes(result)["accuracy"] is Outcome.SKIPPED
    assert "Lambda" in next(check for check in result.checks if check.name == "trained").reason


def test_our_own_fault_costs_no_mark_unseen(rubric: Rubric) -> None:
    stored = a_stored(rubric)
    facts = Facts(
        ending=Ending(cause=Cause.INFRASTRUCTURE, message="a full disk"), judgement=stored.evidence.facts.judgement
    )
    result = mark(
        Stored(evidence=stored.evidence.model_copy(update={"facts": facts}), outputs=stored.outputs), rubric, {}
    )
    assert (result.status, result.passed) == (Status.BROKEN, False)


def test_labels_of_other_images_are_our_fault_and_never_a_mark(rubric: Rubric) -> None:
    with pytest.raises(Infrastructure, match="3 labels for 10 judged images"):
        mark(a_stored(rubric), dataclasses.replace(rubric, labels=np.zeros(3, np.int64)), {})


def test_a_flagged_result_keeps_its_points_but_needs_a_look(rubric: Rubric) -> None:
    stored = a_stored(rubric, claims=trained_claims(accuracy=0.99))
    preparation = stored.evidence.facts.judgement.preparation
    assert preparation is not None
    judgement = stored.evidence.facts.judgement.model_copy(
        update={"preparation": preparation.model_copy(update={"accuracy": 0.4})}
    )
    facts = stored.evidence.facts.model_copy(update={"judgement": judgement})
    result = mark(
        Stored(evidence=stored.evidence.model_copy(update={"facts": facts}), outputs=stored.outputs), rubric, {}
    )
    assert (result.status, result.passed, result.points) == (Status.NEEDS_REVIEW, True, 100)
    assert [flag.kind for flag in result.flags] == ["preparation_unsure"]


def test_what_the_doubt_may_have_caused_gets_no_advice_and_is_called_provisional(rubric: Rubric) -> None:
    def marked(accuracy: float) -> CheckResult:
        stored = a_stored(rubric, correct=4, claims=trained_claims(accuracy=0.99))
        judgement = stored.evidence.facts.judgement
        assert judgement.preparation is not None
        prepared = judgement.preparation.model_copy(update={"accuracy": accuracy})
        facts = stored.evidence.facts.model_copy(
            update={"judgement": judgement.model_copy(update={"preparation": prepared})}
        )
        evidence = stored.evidence.model_copy(update={"facts": facts})
        result = mark(Stored(evidence=evidence, outputs=stored.outputs), rubric, {})
        return next(check for check in result.checks if check.name == "accuracy")

    sure, doubtful = marked(0.98), marked(0.4)
    assert sure.hint and "provisional" not in sure.reason
    assert doubtful.hint == "" and doubtful.reason == f"{sure.reason} {DOUBTFUL}"


def test_what_it_was_compared_with_is_part_of_the_result(rubric: Rubric, course: Course) -> None:
    more = RUBRIC + '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "other"\n'
    write_rubric(course.root, more)
    write_rubric(course.root, RUBRIC, assignment="other")
    other = Comparison(
        assignment="other", source="the reference baseline of other", accuracy=0.85, judged=10,
        judged_on=rubric.judged_on,
    )  # fmt: skip
    better, worse = (mark(a_stored(rubric, correct=n), a_rubric(course), {"other": other}) for n in (9, 8))
    assert better.compared == (other,)
    assert (outcomes(better)["better_than"], outcomes(worse)["better_than"]) == (Outcome.PASSED, Outcome.FAILED)
    missing = mark(a_stored(rubric), a_rubric(course), {})
    assert outcomes(missing)["better_than"] is Outcome.BROKEN
    assert missing.status is Status.BROKEN


def test_marking_reaches_for_no_sandbox(rubric: Rubric, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **more: object) -> None:
        pytest.fail("marking started something")

    monkeypatch.setattr("subprocess.Popen", refuse)
    monkeypatch.setattr(collect, "run_notebook", refuse)
    monkeypatch.setattr(collect, "judge_model", refuse)
    mark(a_stored(rubric), rubric, {})
