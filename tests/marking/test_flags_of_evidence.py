"""Flags about numbers and images: raised where something is odd, silent on honest work, never an accusation or a crash."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.evidence import (
    ArraySummary,
    Claims,
    Evaluation,
    Evidence,
    Facts,
    Fit,
    Judgement,
    Overlap,
    Preparation,
    Shifted,
    Smoke,
)
from grader.core.results import Accuracy, Flag
from grader.course.course import Course
from grader.course.dataset import Dataset
from grader.marking.flags import integrity_flags
from grader.marking.similarity import KIND
from tests.checks import builders as built
from tests.fakes import a_preparation
from tests.pages.builders import an_accuracy

MNIST, PETS = Course.at().dataset("mnist"), Course.at().dataset("pets")
PRIVATE = PETS.model_copy(update={"split": {**PETS.split, "private": PETS.split["validation"]}, "judged": "private"})


def summary(rows: int | None, low: float = 0.0, high: float = 1.0) -> ArraySummary:
    return ArraySummary(shape=(rows, 28, 28), dtype="float32", low=low, high=high)


def a_fit(*validated: float | None, **changes: Any) -> Fit:
    plain = built.fit().model_dump() | {"x": summary(60_000), "validation_x": summary(10_000)}
    return Fit.model_validate({**plain, "history": {"val_accuracy": validated} if validated else {}, **changes})


def evaluated(accuracy: float | None, rows: int | None = 10_000, high: float = 1.0, model: str = "model") -> Evaluation:
    return Evaluation(cell=3, model=model, identity=1, accuracy=accuracy, x=summary(rows, high=high))


def a_run(
    *evaluations: Evaluation, fits: Sequence[Fit] = (a_fit(),), overlap: Overlap | None = None,
    shifted: Shifted | None = None, handed_in: dict[str, int] | None = None,
    preparation: Preparation | None = None, **changes: object,
) -> Evidence:  # fmt: skip
    claims = built.claims(built.cell(1), built.cell(2), fits=fits, candidates=[built.candidate()])
    claims = claims.model_copy(update={"evaluations": evaluations, "overlap": overlap})
    judgement = built.judged(built.convolutional()).model_copy(
        update={"preparation": preparation or a_preparation(0.98), "shifted": shifted}
    )
    evidence = built.evidence(claims, judgement)
    facts = evidence.facts.model_copy(update={"handed_in": handed_in or {}})
    return evidence.model_copy(update={"facts": facts, **changes})


def flags_of(evidence: Evidence, correct: int = 9800, dataset: Dataset = MNIST, judged: int = 10_000) -> list[Flag]:
    return list(integrity_flags(evidence, dataset, an_accuracy(correct, judged)))


def kinds_of(*arguments: Any, **options: Any) -> list[str]:
    return [flag.kind for flag in flags_of(*arguments, **options)]


@pytest.mark.parametrize(
    ("own", "correct", "flagged"),
    [(0.985, 9800, False), (0.985, 9450, False), (0.985, 9200, True), (0.90, 9400, False), (0.61, 9800, True)],
)
def test_an_own_test_accuracy_far_from_the_judged_one_is_flagged_in_either_direction(
    own: float, correct: int, flagged: bool
) -> None:
    found = flags_of(a_run(evaluated(own)), correct)
    assert [flag.kind for flag in found] == (["own_accuracy_differs"] if flagged else [])
    if flagged:
        assert f"test accuracy is {own:.1%}" in found[0].reason
        assert f"it is {correct / 10_000:.1%}" in found[0].reason


def test_of_several_evaluations_the_nearest_one_counts() -> None:
    assert kinds_of(a_run(evaluated(0.999, 60_000), evaluated(0.95)), 9400) == []
    assert kinds_of(a_run(evaluated(0.5), evaluated(0.95)), 9400) == []


def test_an_evaluation_of_a_few_images_or_of_another_network_counts_for_nothing() -> None:
    assert (
        kinds_of(
            a_run(evaluated(1.0, 20), evaluated(0.2, model="encoder"), evaluated(None), evaluated(0.3, None)), 9000
        )
        == []
    )


def test_without_an_evaluation_the_validation_of_the_last_training_counts() -> None:
    assert kinds_of(a_run(fits=[a_fit(0.7, 0.98)]), 9000) == ["own_accuracy_differs"]
    assert "validation accuracy is 98.0%" in flags_of(a_run(fits=[a_fit(0.7, 0.98)]), 9000)[0].reason
    assert kinds_of(a_run(fits=[a_fit(0.98, 0.7)]), 9700) == [], "weights of the best epoch may have been kept"
    assert kinds_of(a_run(fits=[a_fit(0.5, None)], preparation=a_preparation()), 9700) == ["own_accuracy_differs"]
    assert kinds_of(a_run(fits=[a_fit()]), 9000) == []


def test_few_images_give_chance_more_room() -> None:
    assert kinds_of(a_run(evaluated(0.85, 1000)), 780, PRIVATE, 1000) == []
    assert kinds_of(a_run(evaluated(0.95, 1000)), 780, PRIVATE, 1000) == ["own_accuracy_differs"]


def test_stand_ins_make_every_own_number_look_better_and_nobody_is_asked_about_that() -> None:
    copies = a_run(evaluated(0.985, 1000), fits=[a_fit(0.985)])
    assert kinds_of(copies, 780, PETS, 1000) == []
    assert kinds_of(copies, 780, PRIVATE, 1000) == ["own_accuracy_differs"]
    assert kinds_of(copies.model_copy(update={"serve": "open"}), 780, PETS, 1000) == ["own_accuracy_differs"]
    split = a_run(fits=[a_fit(0.98, validation="split")])
    assert kinds_of(split, 780, PETS, 1000) == ["own_accuracy_differs"], "a part of the training images is no stand-in"
    assert kinds_of(a_run(evaluated(0.5, 1000)), 780, PETS, 1000) == ["own_accuracy_differs"]


def test_images_that_were_prepared_in_another_way_are_named_as_the_reason() -> None:
    (flag,) = flags_of(a_run(evaluated(0.61, high=255.0)))
    assert "go from 0 to 1, those of the test from 0 to 255: prepare both in the same way" in flag.reason


def test_a_test_set_among_the_training_images_is_named_as_the_reason() -> None:
    run = a_run(evaluated(0.99), overlap=Overlap(rows=2000, judged=0, test=300))
    trained, differs = flags_of(run, 9000)
    assert trained.kind == "trained_on_test"
    assert "knew them already" in differs.reason


def test_where_classes_are_swapped_the_difference_is_no_riddle() -> None:
    swapped = a_preparation(0.02).model_copy(update={"swapped": True})
    assert kinds_of(a_run(evaluated(0.98, 1000), preparation=swapped), 30, PRIVATE, 1000) == []


@pytest.mark.parametrize(("judged", "flagged"), [(0, False), (2, False), (3, True), (400, True)])
def test_judged_images_among_the_training_rows_are_for_the_instructor(judged: int, flagged: bool) -> None:
    found = flags_of(a_run(overlap=Overlap(rows=2000, judged=judged, test=0)))
    assert [(flag.kind, flag.audience) for flag in found] == ([("trained_on_judged", "instructor")] if flagged else [])


def test_served_openly_the_test_set_is_what_is_judged_and_the_student_is_told() -> None:
    (flag,) = flags_of(a_run(overlap=Overlap(rows=2000, judged=300, test=0), serve="open"))
    assert (flag.kind, flag.audience) == ("trained_on_judged", "everyone")
    assert "was served as it is" in flag.reason


@pytest.mark.parametrize(
    ("dataset", "test", "flagged"),
    [
        (MNIST, 2, False),
        (MNIST, 19, False),
        (MNIST, 20, True),
        (PETS, 20, False),
        (PETS, 200, True),
        (PRIVATE, 20, True),
    ],
)
def test_training_on_the_test_set_is_told_as_that_and_stand_ins_need_more_of_it(
    dataset: Dataset, test: int, flagged: bool
) -> None:
    found = flags_of(a_run(overlap=Overlap(rows=2000, judged=0, test=test)), dataset=dataset)
    assert [(flag.kind, flag.audience) for flag in found] == ([("trained_on_test", "everyone")] if flagged else [])


def test_files_with_judged_images_are_for_the_instructor_with_whether_they_were_used() -> None:
    (flag,) = flags_of(a_run(handed_in={"mnist.npz": 9_900, "mine.npy": 3}))
    assert (flag.kind, flag.audience) == ("judged_images_in_files", "instructor")
    assert "mnist.npz (about 9,900)" in flag.reason
    assert "mine.npy" not in flag.reason
    assert "None of the rows of its training that were looked at is one of them" in flag.reason
    used = flags_of(a_run(handed_in={"mnist.npz": 9_900}, overlap=Overlap(rows=2000, judged=4, test=0)))
    assert "Some of the rows" in used[1].reason


@pytest.mark.parametrize(
    ("changed", "correct", "flagged"),
    [
        (10, 9800, False),
        (75, 8400, False),
        (150, 9800, False),
        (170, 9800, True),
        (400, 9800, True),
        (480, 1200, False),
    ],
)
def test_a_network_that_hangs_on_exact_pixels_is_flagged_and_a_weak_one_is_not(
    changed: int, correct: int, flagged: bool
) -> None:
    found = kinds_of(a_run(shifted=Shifted(images=500, changed=changed)), correct)
    assert found == (["fragile_to_shifts"] if flagged else [])


def test_a_smoke_run_and_an_exercise_without_images_are_not_looked_at() -> None:
    odd = a_run(evaluated(0.5), overlap=Overlap(rows=100, judged=100, test=0))
    assert kinds_of(odd.model_copy(update={"smoke": Smoke()})) == []
    assert integrity_flags(odd, None, None) == ()


def test_where_nothing_was_judged_what_was_trained_on_is_still_told() -> None:
    odd = a_run(evaluated(0.5), overlap=Overlap(rows=100, judged=100, test=0), shifted=Shifted(images=9, changed=9))
    assert [flag.kind for flag in integrity_flags(odd, MNIST, None)] == ["trained_on_judged"]


def test_evidence_of_an_earlier_time_reads_and_is_flagged_for_nothing() -> None:
    plain = built.evidence(built.TRAINED, built.judged(built.convolutional())).model_dump(mode="json", by_alias=True)
    for part, gone in (
        (plain["claims"], ("evaluations", "overlap")), (plain["facts"]["judgement"], ("shifted",)),
        (plain["facts"], ("handed_in",)), (plain["submission"], ("saved",)),
        *((fit, ("first_accuracy", "first_loss", "updates", "moved")) for fit in plain["claims"]["fits"]),
        *((item, ("changed",)) for item in plain["claims"]["candidates"]),
    ):  # fmt: skip
        for name in gone:
            del part[name]
    assert kinds_of(Evidence.model_validate(plain)) == []


ANY = st.none() | st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**53), 2**53)  # what evidence takes
SHAPES = st.lists(st.none() | st.integers(-3, 1 << 40), max_size=3).map(tuple)
SUMMARIES = st.none() | st.builds(ArraySummary, shape=SHAPES, dtype=st.just("f4"), low=ANY, high=ANY)
FITS = st.builds(
    Fit, cell=st.none(), model=st.sampled_from(["model", "other"]), identity=st.just(1), epochs=WHOLE,
    epochs_done=st.integers(-1, 3), batch_size=st.none() | WHOLE, x=SUMMARIES, validation_x=SUMMARIES,
    history=st.dictionaries(st.sampled_from(["val_acc", "accuracy", "loss"]), st.lists(ANY, max_size=3).map(tuple)),
    first_accuracy=ANY, updates=st.none() | WHOLE, moved=ANY, labels=st.lists(WHOLE).map(tuple),
)  # fmt: skip
EVALUATIONS = st.builds(
    Evaluation, cell=st.none(), model=st.just("model"), identity=st.just(1), accuracy=ANY, x=SUMMARIES
)


@settings(deadline=None, max_examples=200)
@given(fits=st.lists(FITS, max_size=3), evaluations=st.lists(EVALUATIONS, max_size=3), changed=st.booleans())
def test_whatever_a_kernel_says_flags_are_raised_or_not_and_nothing_else_happens(
    fits: list[Fit], evaluations: list[Evaluation], changed: bool
) -> None:
    candidate = built.candidate().model_copy(update={"changed": changed})
    claims = Claims(fits=tuple(fits), evaluations=tuple(evaluations), candidates=(candidate,))
    judgement = Judgement(outcome="judged", preparation=a_preparation())
    plain = built.evidence(claims, judgement)
    evidence = plain.model_copy(update={"facts": Facts(ending=built.FINISHED, judgement=judgement)})
    accuracy: Accuracy = an_accuracy(9800)
    assert all(flag.reason for flag in integrity_flags(evidence, MNIST, accuracy))


def test_every_kind_of_flag_is_explained_to_instructors() -> None:
    root = Path(__file__).parents[2]
    written = (root / "grader/marking/flags.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'kind="(\w+)"', written)) | {KIND}
    assert len(kinds) >= 15
    for page in ("docs/explanation/integrity.md", "docs/reference/result.md"):
        text = (root / page).read_text(encoding="utf-8")
        assert [kind for kind in kinds if f"`{kind}`" not in text and kind != "substitute_data"] == []


def test_a_flag_that_breaks_is_a_flag_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Overlap(rows=100, judged=100, test=0)
    run = a_run(evaluated(0.5), overlap=broken)
    monkeypatch.setattr("grader.marking.flags.training_flags", lambda *rest, **more: [][0])
    flags = integrity_flags(run, MNIST, None)
    assert [(flag.kind, flag.audience) for flag in flags] == [
        ("trained_on_judged", "instructor"), ("not_looked_at", "instructor"),
    ]  # fmt: skip
    assert "broke while it looked at the training (IndexError)" in flags[1].reason
