"""What a rubric says about layers, as a way to know which network was meant."""

from grader.checks.architecture import ExpectedLayers, expected_layers
from tests.checks.builders import planned

CONVOLUTIONAL = ("Rescaling", "Conv2D", "MaxPooling2D", "Flatten", "Dense")


def test_expected_layers_come_from_the_checks() -> None:
    found = expected_layers([
        planned("required_layers", {"kinds": ["Dense"], "at_least": 2}), planned("forbidden_layers", {"kinds": ["LSTM"]}),
        planned("allowed_layers", {"kinds": ["Dense", "Flatten"]}), planned("dropout_before_last_dense"),
        planned("trained"),
    ])  # fmt: skip
    assert found.required == {"Dense": 2}
    assert (found.forbidden, found.allowed) == (frozenset({"LSTM"}), frozenset({"Dense", "Flatten"}))
    assert found.faults(("Flatten", "Dense", "Dense", "SpatialDropout2D")) == (
        "has SpatialDropout2D, which this exercise does not want",
    )


def test_each_thing_that_speaks_against_a_network_is_named_once() -> None:
    expected = ExpectedLayers(
        required={"Dense": 2, "Dropout": 1}, forbidden=frozenset({"Conv2D"}), allowed=frozenset({"Dense", "Flatten"})
    )
    assert expected.faults(CONVOLUTIONAL) == (
        "has 1 Dense of 2", "has no Dropout", "has Conv2D and MaxPooling2D, which this exercise does not want"
    )  # fmt: skip
    assert expected.faults(("Dense", "Dropout", "Dense"))[0] == "has Dropout, which this exercise does not want"


def test_a_rubric_that_says_nothing_about_layers_has_nothing_against_any() -> None:
    assert expected_layers([planned("trained"), planned("executes")]).faults(CONVOLUTIONAL) == ()
