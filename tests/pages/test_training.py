"""Where overfitting sets in, and the curves of several trainings in one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Claims, Evidence, Fit
from grader.core.results import Result
from grader.pages.plots import curves
from grader.pages.training import find_onset, training_view
from tests.pages.builders import a_fit, a_result, an_accuracy, some_evidence

FALLING = (0.9, 0.6, 0.4, 0.3, 0.2, 0.1)


def with_fits(*fits: Fit) -> Evidence:
    return some_evidence(claims=Claims(fits=fits))


def shown(*fits: Fit, result: Result | None = None) -> Any:
    return training_view(result or a_result(), with_fits(*fits))


def a_history(validation: tuple[float | None, ...], loss: tuple[float, ...] = FALLING) -> dict[str, object]:
    return {"loss": loss, "val_loss": validation}


@pytest.mark.parametrize(
    ("loss", "validation", "epoch"),
    [
        (FALLING, (0.8, 0.5, 0.4, 0.5, 0.6, 0.7), 3),
        (FALLING, (0.8, 0.6, 0.5, 0.45, 0.42, 0.41), None),  # still falling
        (FALLING, (0.8, 0.5, 0.4, 0.405, 0.402, 0.404), None),  # a plateau
        (FALLING, (0.8, 0.6, 0.5, 0.45, 0.41, 0.5), None),  # one epoch is no trend
        ((0.9, 0.6, 0.5, 0.5, 0.5, 0.5), (0.8, 0.5, 0.4, 0.5, 0.6, 0.7), None),  # it learns nothing by heart
        (FALLING, (0.8, None, 0.4, None, 0.6, 0.7), 3),
        (FALLING, (None, None, 0.4), None),
        ((), (), None),
        (FALLING, (0.4, 0.5, 0.6, 0.7, 0.8, 0.9), 1),
    ],
)
def test_overfitting_sets_in_where_the_validation_loss_turns(
    loss: tuple[float, ...], validation: tuple[float | None, ...], epoch: int | None
) -> None:
    found = find_onset(loss, validation)
    assert (found.epoch if found else None) == epoch


losses = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=40)


@given(losses, losses)
def test_any_history_is_looked_at_and_an_onset_is_the_lowest_validation_loss(
    loss: list[float | None], validation: list[float | None]
) -> None:
    found = find_onset(loss, validation)
    if found is not None:
        assert found.lowest == min(value for value in validation if value is not None) == validation[found.epoch - 1]
        assert found.last > found.lowest


def test_the_epoch_is_drawn_and_said_with_what_to_do() -> None:
    view = shown(a_fit(history=a_history((0.8, 0.5, 0.4, 0.5, 0.6, 0.7))))
    assert view.overfitting.startswith("Overfitting sets in after epoch 3: there the validation loss was lowest (0.4).")
    assert "rose to 0.7" in view.overfitting and "Dropout" in view.overfitting
    svg = curves(view.charts[-1])
    assert 'class="onset"' in svg and "overfitting after epoch 3" in svg


def test_a_training_without_validation_says_what_cannot_be_seen() -> None:
    view = shown(a_fit(history={"loss": FALLING}))
    assert "nobody can see whether the network overfits" in view.overfitting
    assert 'class="onset"' not in curves(view.charts[0])


def test_no_overfitting_is_said_too() -> None:
    assert "shows no overfitting" in shown(a_fit()).overfitting


def test_what_training_images_show_is_compared_with_the_judged_ones() -> None:
    history = {"loss": FALLING, "accuracy": (0.7, 0.8, 0.9, 0.95, 0.97, 0.99)}
    gap = shown(a_fit(history=history), result=a_result(accuracy=an_accuracy(8_500))).overfitting
    assert "99\u00a0% of cases in the last epoch, on the judged ones in 85.00\u00a0%" in gap
    none = shown(a_fit(history=history), result=a_result(accuracy=an_accuracy(9_842))).overfitting
    assert "learnt by heart" not in none


def test_several_trainings_of_one_network_are_one_curve_with_a_line_between_them() -> None:
    first, second = a_fit(epochs=5), a_fit(cell=7)
    view = shown(first, a_fit(model="other", identity=2), second)
    loss = view.charts[1]
    assert len(loss.series[0].values) == 10 and loss.joints == (5,)
    assert view.caption.startswith("Learning curves of the 2 trainings of `model`")
    assert curves(loss).count('class="joint"') == 1


def test_a_network_made_anew_under_the_same_name_has_its_own_curve() -> None:
    view = shown(a_fit(identity=1), a_fit(identity=2))
    assert len(view.charts[0].series[0].values) == 5 and view.charts[0].joints == ()
    assert "the last training of `model`" in view.caption


def test_histories_of_different_lengths_stay_in_step() -> None:
    ragged = a_fit(history={"loss": (0.5, 0.4, 0.3), "val_loss": (0.6,)})
    view = shown(ragged, a_fit(history={"loss": (0.2,), "val_loss": (0.3,)}))
    assert [series.values for series in view.charts[0].series] == [(0.5, 0.4, 0.3, 0.2), (0.6, None, None, 0.3)]


def test_the_points_of_the_curves_stand_in_a_table_too() -> None:
    ragged = a_fit(history={"accuracy": (0.5, 0.75), "loss": (0.5, 0.4, 0.3), "val_loss": (0.6,)})
    values = shown(ragged).values
    assert values.columns == ("epoch", "Accuracy: training", "Loss: training", "Loss: validation")
    assert values.rows == (("1", "50\N{NO-BREAK SPACE}%", "0.5", "0.6"), ("2", "75\N{NO-BREAK SPACE}%", "0.4", "–"),
                           ("3", "–", "0.3", "–"))  # fmt: skip
    long = shown(a_fit(history={"loss": tuple(1 / (1 + n) for n in range(999))})).values.rows
    assert len(long) <= 51 and long[0][0] == "1" and long[-1][0] == "999"
