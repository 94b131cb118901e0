"""What a network may cost: its parameters, its file, its training."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.base import Case
from grader.core.errors import RubricError
from grader.core.evidence import Architecture, Cell, Fit, Judgement, Layer, ModelFile, Smoke
from grader.core.results import Outcome
from tests.checks.builders import candidate, case, claims, convolutional, dense, fit, judged, look, planned


def with_parameters(count: int, *layers: Layer) -> Case:
    architecture = convolutional().model_copy(update={"parameters": count})
    return case(judgement=judged(architecture.model_copy(update={"layers": layers or architecture.layers})))


def a_layer(kind: str, parameters: int) -> Layer:
    return dense(10).model_copy(update={"kind": kind, "name": kind.lower(), "parameters": parameters})


@pytest.mark.parametrize(
    ("count", "wanted", "outcome"),
    [
        (100_000, {"at_most": 100_000}, Outcome.PASSED), (100_001, {"at_most": 100_000}, Outcome.FAILED),
        (5_000, {"at_least": 5_000}, Outcome.PASSED), (4_999, {"at_least": 5_000}, Outcome.FAILED),
        (7_000, {"at_least": 5_000, "at_most": 9_000}, Outcome.PASSED),
        (9_001, {"at_least": 5_000, "at_most": 9_000}, Outcome.FAILED),
    ],
)  # fmt: skip
def test_parameters_are_compared_with_their_bounds(count: int, wanted: dict[str, int], outcome: Outcome) -> None:
    result = look("parameters", with_parameters(count), wanted)
    assert (result.outcome, result.rests_on) == (outcome, "facts")
    assert f"{count:,} parameters" in result.reason


def test_the_hint_names_the_layer_that_holds_most_of_the_parameters() -> None:
    about = with_parameters(9_000, a_layer("Conv2D", 1_000), a_layer("Dense", 8_000))
    result = look("parameters", about, {"at_most": 5_000, "at_least": 10})
    assert result.reason == "the network has 9,000 parameters, at least 10 and at most 5,000 are asked for"
    assert "8,000 of them are in `dense` (pooling before it" in result.hint
    even = with_parameters(9_000, *(a_layer("Conv2D", 3_000) for _ in range(3)))
    assert "of them are in" not in look("parameters", even, {"at_most": 5_000}).hint
    assert "more layers" in look("parameters", even, {"at_least": 50_000}).hint


def of_size(size: int) -> Case:
    about = case(judgement=judged(convolutional()))
    facts = about.evidence.facts.model_copy(update={"model": ModelFile(size=size, sha256="0" * 64)})
    return Case(
        evidence=about.evidence.model_copy(update={"facts": facts}), outputs=None, labels=None, classes=about.classes
    )


@pytest.mark.parametrize(("size", "outcome"), [(5 << 20, Outcome.PASSED), ((5 << 20) + 1, Outcome.FAILED)])
def test_the_saved_network_is_as_large_as_its_file(size: int, outcome: Outcome) -> None:
    result = look("model_size", of_size(size), {"at_most": "5MiB"})
    assert (result.outcome, result.rests_on) == (outcome, "facts")
    assert result.reason == "the saved network has 5 MiB, at most 5 MiB are allowed"
    assert result.outcome is Outcome.PASSED or "SGD" in result.hint


def test_a_network_whose_file_is_missing_is_not_taken_for_a_small_one() -> None:
    result = look("model_size", case(judgement=judged(convolutional())), {"at_most": "5MiB"})
    assert (result.outcome, result.reason) == (Outcome.FAILED, "the network was not saved")


def trained_for(fits: Sequence[Fit], cells: Sequence[Cell] = ()) -> Case:
    return case(claims(*cells, fits=fits, candidates=[candidate()]), judgement=judged(convolutional()))


def lasting(seconds: float, **changes: Any) -> Fit:
    return fit().model_copy(update={"seconds": seconds, **changes})


def a_cell(number: int, seconds: float) -> Cell:
    return Cell(number=number, source="x", executed=True, seconds=seconds)


@pytest.mark.parametrize(("seconds", "outcome"), [(300.0, Outcome.PASSED), (301.0, Outcome.FAILED)])
def test_all_trainings_of_the_network_together_may_take_so_long(seconds: float, outcome: Outcome) -> None:
    other = lasting(1_000.0, model="other")
    about = trained_for([lasting(100.0), lasting(seconds - 100, cell=3), other])
    result = look("training_time", about, {"at_most": "5m"})
    assert (result.outcome, result.rests_on) == (outcome, "claims")
    assert result.reason.endswith("at most 5 min are allowed")


def test_a_training_without_fit_takes_as_long_as_its_cell_and_no_second_counts_twice() -> None:
    loop = {"how": "own loop", "steps": 10, "epochs_done": 0}
    about = trained_for(
        [lasting(0.0, **loop), lasting(40.0), lasting(20.0, cell=3)], [a_cell(2, 90.0), a_cell(3, 25.0)]
    )
    assert "took 1 min 50 s" in look("training_time", about, {"at_most": "5m"}).reason
    unknown = trained_for([lasting(0.0, cell=None, **loop)])
    assert look("training_time", unknown, {"at_most": "5m"}).outcome is Outcome.FAILED


def test_a_training_that_failed_on_the_way_took_its_time_too() -> None:
    about = trained_for([lasting(200.0, epochs_done=0, error="MemoryError: x"), lasting(150.0, cell=3)])
    assert look("training_time", about, {"at_most": "5m"}).outcome is Outcome.FAILED


def test_a_smoke_run_says_nothing_about_the_time_of_a_training() -> None:
    about = trained_for([lasting(1.0)])
    smoked = about.evidence.model_copy(update={"smoke": Smoke()})
    result = look("training_time", Case(evidence=smoked, outputs=None, labels=None, classes=()), {"at_most": "5m"})
    assert result.outcome is Outcome.SKIPPED and result.reason.startswith("not checked: ")


@pytest.mark.parametrize("use", ["parameters", "model_size"])
def test_without_a_network_there_is_nothing_to_measure(use: str) -> None:
    wanted = {"at_most": 10} if use == "parameters" else {"at_most": "5MiB"}
    result = look(use, case(judgement=Judgement(outcome="no-model", reason="no model was made")), wanted)
    assert (result.outcome, result.points) == (Outcome.SKIPPED, 0)


@pytest.mark.parametrize(
    ("use", "given", "words"),
    [
        ("parameters", {}, "give `at_most`, `at_least` or both"),
        ("parameters", {"at_most": 5, "at_least": 6}, "no network has at most 5 and at least 6 parameters"),
        ("parameters", {"at_most": 0}, "must be at least 1"),
        ("parameters", {"at_most": -5}, "must be at least 1"),
        ("parameters", {"at_most": "5MiB"}, "key `at_most`"),
        ("parameters", {"atmost": 5}, "did you mean `at_most`?"),
        ("model_size", {}, "key `at_most` is missing"),
        ("model_size", {"at_most": 5}, 'key `at_most`: 5 has no unit: write it as in "90s", "30m" or "5MiB"'),
        ("model_size", {"at_most": "5MB"}, "write a number and one of B, KiB, MiB, GiB"),
        ("model_size", {"at_most": "-5MiB"}, "is not understood"),
        ("training_time", {"at_most": 300}, "300 has no unit"),
        ("training_time", {"at_most": "5 parsecs"}, "write a number and one of s, m, h"),
        ("training_time", {"at_most": "0s"}, "must be above 0"),
    ],
)
def test_what_can_be_no_bound_is_refused(use: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(RubricError, match=re.escape(words)):
        planned(use, given)


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 10**9))
def test_fewer_parameters_never_exceed_a_bound_that_more_of_them_keep(count: int, most: int, fewer: int) -> None:
    def passes(number: int) -> bool:
        return look("parameters", with_parameters(number), {"at_most": most}).outcome is Outcome.PASSED

    assert not passes(count) or passes(min(count, fewer))


def test_an_architecture_without_layers_still_has_its_parameters() -> None:
    bare = Architecture(kind="Functional", input_shape=(1,), output_shape=(1,), parameters=7, layers=())
    assert look("parameters", case(judgement=judged(bare)), {"at_most": 5}).outcome is Outcome.FAILED
