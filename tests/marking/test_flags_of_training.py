"""Flags about where a network's weights come from, and about outputs that were handed in."""

from collections.abc import Sequence
from typing import Any

import pytest

from grader.core.evidence import ArraySummary, Candidate, Cell, Claims, Evidence, Fit, Output, Reported, Source
from grader.core.results import Flag
from grader.marking.flags import training_flags
from tests.checks import builders as built
from tests.pages.builders import an_accuracy

TEN = tuple(range(10)) * 4


def a_fit(**changes: Any) -> Fit:
    x = ArraySummary(shape=(60_000, 784), dtype="float32")
    honest: dict[str, Any] = {
        "x": x, "labels": TEN, "first_accuracy": 0.1, "first_loss": 2.3, "updates": 2345, "moved": 0.3,
        "history": {"accuracy": (0.9, 0.97)},
    }  # fmt: skip
    return Fit.model_validate({**built.fit().model_dump(), **honest, **changes})


def a_run(*fits: Fit, cells: Sequence[Cell] = (), changed: bool | None = False, **claims: Any) -> Evidence:
    candidate = Candidate(name="model", fitted=True, output_units=10, taken=True, reason="", changed=changed)
    said = Claims(cells=tuple(cells), fits=fits, candidates=(candidate,), **claims)
    return built.evidence(said, built.judged(built.perceptron()))


def flags_of(evidence: Evidence, correct: int = 9800, classes: int = 10) -> list[Flag]:
    return list(training_flags(evidence, an_accuracy(correct), classes=classes))


def kinds_of(evidence: Evidence, correct: int = 9800, classes: int = 10) -> list[str]:
    return [flag.kind for flag in flags_of(evidence, correct, classes)]


def test_an_honest_training_raises_no_flag() -> None:
    assert kinds_of(a_run(a_fit())) == []
    assert kinds_of(a_run(a_fit(), a_fit(first_accuracy=0.97))) == []


def test_weights_that_fit_left_as_they_were_are_told_with_the_usual_reasons() -> None:
    (flag,) = flags_of(a_run(a_fit(moved=0.0)))
    assert flag.kind == "weights_unchanged"
    assert "frozen, or a learning rate of 0" in flag.reason
    assert kinds_of(a_run(a_fit(moved=0.0), a_fit())) == [], "one training was enough"
    assert kinds_of(a_run(a_fit(moved=None))) == [], "nobody saw them before"


@pytest.mark.parametrize(
    ("changes", "classes", "flagged"),
    [
        ({"first_accuracy": 0.97}, 10, True),
        ({"first_accuracy": 0.3}, 10, False),
        ({"first_accuracy": None}, 10, False),
        ({"first_accuracy": 0.97, "batch_size": 8}, 10, False),
        ({"first_accuracy": 0.97, "batch_size": None}, 10, True),
        ({"first_accuracy": 0.97, "labels": (3,) * 40}, 10, False),  # images in the order of their classes
        ({"first_accuracy": 0.97, "x": None, "labels": TEN[:12]}, 10, False),
        ({"first_accuracy": 0.78, "batch_size": 32}, 2, False),  # of 32 coin tosses 25 are heads now and then
        ({"first_accuracy": 0.85}, 2, True),
        ({"first_accuracy": 0.85, "batch_size": 32}, 2, False),
    ],
)
def test_a_network_that_knew_its_first_batch_is_told_unless_luck_may_have_done_it(
    changes: dict[str, Any], classes: int, flagged: bool
) -> None:
    assert kinds_of(a_run(a_fit(**changes)), 7000, classes) == (["good_before_training"] if flagged else [])


def test_a_later_training_may_begin_where_an_earlier_one_ended() -> None:
    other = a_fit(model="first", identity=2)
    assert kinds_of(a_run(other, a_fit(first_accuracy=0.97))) == []
    by_hand = a_fit(how="own loop", steps=100, epochs_done=0)
    assert kinds_of(a_run(a_fit(first_accuracy=0.97), by_hand)) == []


def test_weights_of_a_known_network_are_named_as_what_they_are() -> None:
    transfer = built.cell(1, "base = keras.applications.MobileNetV2(weights='imagenet')")
    (flag,) = flags_of(a_run(a_fit(first_accuracy=0.97), cells=[transfer]))
    assert "a common beginning" in flag.reason
    (flag,) = flags_of(a_run(a_fit(first_accuracy=0.97), cells=[built.cell(1)]))
    assert "Where that is allowed, say in the notebook where they come from" in flag.reason


@pytest.mark.parametrize(
    ("updates", "correct", "flagged"),
    [(1, 9800, True), (10, 9800, True), (11, 9800, False), (10, 8900, False), (None, 9800, False), (0, 9800, False)],
)
def test_a_good_network_after_a_handful_of_steps_is_told(updates: int | None, correct: int, flagged: bool) -> None:
    assert kinds_of(a_run(a_fit(updates=updates)), correct) == (["good_after_few_steps"] if flagged else [])


def test_one_reason_is_enough() -> None:
    assert kinds_of(a_run(a_fit(updates=1, first_accuracy=0.97))) == ["good_before_training"]


@pytest.mark.parametrize(
    ("changed", "shown", "flagged"),
    [(True, 0.5, True), (True, 0.9, False), (True, None, False), (False, 0.5, False), (None, 0.5, False)],
)
def test_weights_that_came_after_the_training_are_told_where_no_training_was_that_good(
    changed: bool | None, shown: float | None, flagged: bool
) -> None:
    found = kinds_of(a_run(a_fit(history={"accuracy": (shown,)}), changed=changed))
    assert found == (["weights_changed_after_training"] if flagged else [])


def saved(*reported: tuple[int, str, float], output: str = "test accuracy 84.0%\n", **claims: Any) -> Evidence:
    printed = Cell(number=2, source="x", executed=True, outputs=(Output(kind="stream", text=output),))
    found = tuple(Reported(cell=cell, words=words, value=value) for cell, words, value in reported)
    run = a_run(a_fit(), cells=[built.cell(1), printed], **claims)
    return run.model_copy(update={"submission": Source(name="a.ipynb", sha256="0", saved=found)})


@pytest.mark.parametrize(
    ("reported", "flagged"),
    [((2, "test accuracy", 0.98), True), ((2, "test accuracy", 0.93), False), ((2, "test accuracy", 0.5), False),
     ((1, "test accuracy", 0.98), False), ((2, "accuracy", 0.98), False)],
)  # fmt: skip
def test_saved_outputs_that_are_much_better_than_what_the_same_cell_gives_now_are_told(
    reported: tuple[int, str, float], flagged: bool
) -> None:
    found = flags_of(saved(reported))
    assert [flag.kind for flag in found] == (["saved_outputs_differ"] if flagged else [])
    if flagged:
        assert "'test accuracy 98.0%' in the output of cell 2; run again, the same cell gives 84.0%" in found[0].reason


def test_a_notebook_without_outputs_and_a_training_that_was_cut_are_no_reason_to_look() -> None:
    assert kinds_of(saved()) == []
    told = ("training was stopped in epoch 3 of 10: the time of this exercise was used up",)
    assert kinds_of(saved((2, "test accuracy", 0.98), notes=told)) == []
    assert kinds_of(saved((2, "test accuracy", 0.98), output="test accuracy 84.0%\n... (shortened)")) == []
