"""What a smoke run lets one expect: points, time, memory, shapes, errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.cell_and_line import Places
from grader.core.evidence import CellError, Claims, Ending, Evidence, Fit, Layer, Pace, Smoke
from grader.core.limits import Limits
from grader.core.results import Outcome, Result
from grader.selfcheck.estimate import estimate, failed_cells, layer_shapes, left_open, stand, write_shape
from tests.checks import builders as built
from tests.pages.builders import a_check, a_result

SMOKED = a_result(
    smoke=Smoke(),
    checks=(
        a_check(name="input_shape", points=5, out_of=5),
        a_check(name="executes", points=5, out_of=10, outcome=Outcome.PARTIAL, rests_on="claims"),
        a_check(Outcome.FAILED, name="kernel_size", out_of=5),
        a_check(Outcome.SKIPPED, name="accuracy", out_of=45),
        a_check(Outcome.SKIPPED, name="output_units", out_of=5),
    ),
)


def test_points_are_certain_likely_open_or_lost_and_nothing_else() -> None:
    standing = stand(SMOKED, ("accuracy",))
    told = (standing.certain, standing.likely, standing.open, standing.lost, standing.out_of)
    assert told == (5, 5, 45, 15, 70)
    assert left_open(SMOKED, ("accuracy", "better_than")) == ("accuracy",)


def test_in_a_full_run_nothing_is_open_and_an_accuracy_is_never_certain() -> None:
    passed = a_result(checks=(a_check(name="accuracy", points=45, out_of=45), a_check(name="input_shape")))
    standing = stand(passed, ("accuracy",))
    assert (standing.certain, standing.likely, standing.open, standing.lost) == (10, 45, 0, 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Outcome)), st.floats(0, 1), st.integers(0, 50), st.booleans(), st.booleans())
    )
)
def test_the_parts_always_add_up(drawn: list[tuple[Outcome, float, int, bool, bool]]) -> None:
    checks = tuple(
        a_check(outcome, name=f"c{n}", points=share * out_of, out_of=out_of, rests_on="facts" if fact else "claims")
        for n, (outcome, share, out_of, fact, _) in enumerate(drawn)
    )
    judged = tuple(f"c{n}" for n, item in enumerate(drawn) if item[4])
    standing = stand(a_result(checks=checks, smoke=Smoke()), judged)
    parts = standing.certain + standing.likely + standing.open + standing.lost + standing.by_person
    assert parts == pytest.approx(sum(check.out_of for check in checks), abs=0.05)
    assert min(standing.certain, standing.likely, standing.open, standing.lost) >= -0.01


def smoke_evidence(*fits: Fit, wall_s: float = 20.0, left_out_s: float = 0.0, seconds: float = 3.0) -> Evidence:
    cells = (built.cell(1), built.cell(2).model_copy(update={"seconds": seconds}))
    claims = Claims(cells=cells, fits=fits, left_out_s=left_out_s)
    ending = Ending(cause=built.FINISHED.cause, message="", wall_s=wall_s, peak_mb=900.0)
    return built.evidence(claims, built.judged(built.perceptron()), ending).model_copy(update={"smoke": Smoke()})


def paced(pace: Pace | None, *, epochs: int = 10, seconds: float = 2.0, **changes: object) -> Fit:
    return built.fit(epochs=epochs, done=1).model_copy(update={"pace": pace, "seconds": seconds, **changes})


def test_time_is_pace_times_steps_times_epochs_and_what_the_rest_took() -> None:
    pace = Pace(first_s=1.5, step_s=0.01, steps=469, done=5, validation_step_s=0.002, validation_steps=100)
    found = estimate(smoke_evidence(paced(pace), left_out_s=4.0), Limits(wall=600, memory=4 << 30))
    assert found.trainings[0].seconds == pytest.approx(1.5 + 10 * (4.69 + 0.2), abs=0.1)
    assert found.seconds == pytest.approx(20 - 2 + 50.4 + 4, abs=0.1)
    assert (found.memory_mb, found.memory_allowed_mb) == (900.0, 4096.0)
    assert not found.at_least
    assert found.seconds <= found.allowed_s
    assert not found.cells
    assert not found.too_big


def test_a_training_too_long_for_its_cell_or_for_the_run_is_told() -> None:
    pace = Pace(first_s=1.0, step_s=0.5, steps=100, done=4)
    found = estimate(smoke_evidence(paced(pace)), Limits(wall=10_000, cell=600))
    assert found.cells == (2,)
    found = estimate(smoke_evidence(paced(pace)), Limits(wall=400, cell=6000))
    assert found.seconds > found.allowed_s


def test_a_training_of_unknown_length_makes_the_estimate_a_lower_bound() -> None:
    endless = paced(Pace(first_s=1.0, step_s=0.5, steps=None, done=4))
    found = estimate(smoke_evidence(endless), Limits())
    assert found.at_least
    assert found.trainings[0].seconds is None


def test_a_training_that_failed_or_was_no_fit_takes_as_long_as_it_took() -> None:
    failed = paced(Pace(first_s=0.0, step_s=0.0, done=0), error="ValueError: shapes")
    by_hand = paced(None, how="own loop", seconds=7.0)
    found = estimate(smoke_evidence(failed, by_hand), Limits())
    assert [training.seconds for training in found.trainings] == [2.0, 7.0]


def test_a_failed_cell_is_told_with_its_line_and_a_hint() -> None:
    said = "---- Traceback\nCell In[2], line 2\n      1 a = 1\n----> 2 print(X_train.shape)\n"
    error = CellError(name="NameError", message="name 'X_train' is not defined", traceback=said)
    failing = built.cell(2, "a = 1\nprint(X_train.shape)").model_copy(update={"error": error})
    (failure,) = failed_cells(Places((built.cell(1, "x_train = 1"), failing)))
    assert failure.cell == 2
    assert failure.error == "NameError: name 'X_train' is not defined"
    assert failure.line == "print(X_train.shape)"
    assert "upper and lower case" in failure.hint


def test_a_line_that_the_cell_does_not_hold_is_not_shown() -> None:
    error = CellError(name="NameError", message="x", traceback="----> 2 something_else()\n")
    (failure,) = failed_cells(Places((built.cell(1, "a = 1").model_copy(update={"error": error}),)))
    assert failure.line == ""


def test_layers_are_told_with_what_comes_in_and_goes_out() -> None:
    layer = Layer(name="dense", kind="Dense", input_shapes=((784,),), output_shape=(10,), parameters=7850)
    (told,) = layer_shapes(built.model(layer))
    assert (told.inputs, told.output, told.parameters) == (((784,),), (10,), 7850)
    assert layer_shapes(None) == ()


def test_shapes_are_written_as_python_writes_them() -> None:
    assert write_shape((60000, 784)) == "(60000, 784)"
    assert write_shape((784,)) == "(784,)"
    assert write_shape((None, 28, 28)) == "(?, 28, 28)"
    assert write_shape(None) == "?"


def test_an_old_result_is_no_smoke_run() -> None:
    plain = a_result().model_dump(mode="json", by_alias=True)
    del plain["smoke"]
    assert Result.model_validate(plain).smoke is None
