"""No rubric takes points from a network of the lecture for how it is built: each is built for the exercise's images, is
described as the judge would, and is shown to every structural check that carries points. What more a rubric wants is advice.

Nothing is trained. The exercise of perceptrons is asked about perceptrons; that of photographs asks for Dropout before the
last Dense layer in so many words, so the two LeNets of 1998 and of today have one there.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grader.checks.base import Planned
from grader.core.evidence import Architecture
from grader.core.results import CheckResult
from grader.course.course import Course
from grader.course.rubric import plan_checks
from grader.judge.worker import describe_model
from tests.checks.builders import built, run_checks
from tests.reference.loading import NAMES, WhenUsed, load_architecture

keras: Any = WhenUsed("keras")
layers: Any = WhenUsed("keras.layers")

Shape = tuple[int, int, int]
DIGITS: Shape = (28, 28, 1)
PHOTOGRAPHS: Shape = (96, 96, 3)


def head(units: int) -> Any:
    return layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")


def last_dropout(units: int) -> list[Any]:
    """What the exercise of photographs asks for beside a known architecture; that of digits does not."""
    return [layers.Dropout(0.5)] if units == 1 else []


def lenet_of_1998(shape: Shape, units: int) -> Any:
    """tanh and average poolings; its last convolution is followed by no pooling."""
    return keras.Sequential(
        [
            keras.Input(shape=shape),
            layers.Conv2D(6, (5, 5), activation="tanh", padding="same"),
            layers.AveragePooling2D((2, 2)),
            layers.Conv2D(16, (5, 5), activation="tanh"),
            layers.AveragePooling2D((2, 2)),
            layers.Conv2D(120, (5, 5), activation="tanh"),
            layers.Flatten(),
            layers.Dense(84, activation="tanh"),
            *last_dropout(units),
            head(units),
        ]
    )


def lenet_of_today(shape: Shape, units: int) -> Any:
    """ReLU and max poolings."""
    return keras.Sequential(
        [
            keras.Input(shape=shape),
            layers.Conv2D(6, (5, 5), activation="relu", padding="same"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(16, (5, 5), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            *last_dropout(units),
            head(units),
        ]
    )


def lenet_of_the_lectures_code(shape: Shape, units: int) -> Any:
    """`build_code()` of `lenet5.py`, which takes digits as they are."""
    assert (shape, units) == (DIGITS, 10)
    return load_architecture("lenet5").build_code()


def plain_perceptron(shape: Shape, units: int) -> Any:
    return keras.Sequential(
        [keras.Input(shape=(shape[0] * shape[1],)), layers.Dense(512, activation="relu"), head(units)]
    )


def perceptron_with_flatten(shape: Shape, units: int) -> Any:
    hidden = [layers.Dense(size, activation="relu") for size in (512, 128)]
    return keras.Sequential([keras.Input(shape=shape[:2]), layers.Flatten(), *hidden, layers.Dropout(0.2), head(units)])


def gated_perceptron(shape: Shape, units: int) -> Any:
    """A Swish written by hand, `x * sigmoid(x)`: what a Lambda layer around it is saved as."""
    images = keras.Input(shape=(shape[0] * shape[1],))
    x = layers.Dense(128)(images)
    x = layers.Multiply()([x, layers.Activation("sigmoid")(x)])
    return keras.Model(images, head(units)(x))


def plain_convolutions(shape: Shape, units: int) -> Any:
    """Keras' own first example of a convolutional network."""
    return keras.Sequential(
        [
            keras.Input(shape=shape),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            head(units),
        ]
    )


def scaled_down(name: str) -> Callable[[Shape, int], Any]:
    def build(shape: Shape, units: int) -> Any:
        """`build_small`; images smaller than it takes are enlarged first."""
        module = load_architecture(name)
        side = max(shape[0], module.SMALLEST)
        network = module.build_small(side, channels=shape[2], units=units)
        if side == shape[0]:
            return network
        return keras.Sequential([keras.Input(shape=shape), layers.Resizing(side, side), network])

    return build


CONVOLUTIONAL = {
    "LeNet-5, 1998": lenet_of_1998, "LeNet-5, today": lenet_of_today, "plain snippet": plain_convolutions,
    **{name: scaled_down(name) for name in NAMES},
}  # fmt: skip
NETWORKS: dict[str, tuple[Shape, int, dict[str, Callable[[Shape, int], Any]]]] = {
    "exercise1": (
        DIGITS, 10,
        {"plain snippet": plain_perceptron, "with Flatten": perceptron_with_flatten, "with a gate": gated_perceptron},
    ),
    "exercise2": (DIGITS, 10, {**CONVOLUTIONAL, "LeNet-5, code": lenet_of_the_lectures_code}),
    "pets": (PHOTOGRAPHS, 1, CONVOLUTIONAL),
}  # fmt: skip
STRUCTURAL = {"input_shape", "output_units", "allowed_layers", "forbidden_layers", "required_layers", "kernel_size",
              "pooling_after_convolution", "no_padding_or_stride", "filters_increase", "units_decrease", "inspired_by",
              "dropout_before_last_dense"}  # fmt: skip


def structural(exercise: str) -> tuple[Planned, ...]:
    course = Course.at()
    planned = plan_checks(course, course.assignment(exercise))
    return tuple(item for item in planned if item.check.name in STRUCTURAL)


def asked(exercise: str, build: Callable[[Shape, int], Any]) -> tuple[CheckResult, ...]:
    """What the rubric's structural checks find in a network."""
    shape, units, _ = NETWORKS[exercise]
    keras.backend.clear_session()
    architecture = Architecture.model_validate(describe_model(build(shape, units)))
    return run_checks(structural(exercise), built(architecture))


def rows(exercise: str) -> Iterator[tuple[str, tuple[CheckResult, ...]]]:
    for name, build in NETWORKS[exercise][2].items():
        yield name, asked(exercise, build)


@pytest.mark.parametrize("exercise", NETWORKS)
def test_no_network_of_the_lecture_loses_a_point_for_how_it_is_built(
    exercise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dict(rows(exercise))
    with capsys.disabled():
        sys.stdout.write(matrix(exercise, found))
    lost = [
        f"{name}: {check.name}: {check.reason}"
        for name, checks in found.items()
        for check in checks
        if check.out_of and check.points < check.out_of
    ]
    assert not lost, "\n".join(lost)
    assert all(any(check.out_of for check in checks) for checks in found.values())


def test_the_matrix_holds_every_structural_check_of_the_rubrics_and_what_is_wrong_still_loses() -> None:
    course = Course.at()
    facts = {
        item.check.name
        for exercise in NETWORKS
        for item in plan_checks(course, course.assignment(exercise))
        if item.check.rests_on == "facts" and not item.check.judged and item.spec.points
    }
    assert facts <= STRUCTURAL
    lost = {check.name for check in asked("exercise1", lenet_of_1998) if check.points < check.out_of}
    assert "allowed_layers" in lost
    lost = {check.name for check in asked("exercise2", unpooled) if check.points < check.out_of}
    assert lost == {"pooling_after_convolution"}


def unpooled(shape: Shape, units: int) -> Any:
    return keras.Sequential([keras.Input(shape=shape), layers.Conv2D(8, 3), layers.Flatten(), head(units)])


def matrix(exercise: str, found: dict[str, tuple[CheckResult, ...]]) -> str:
    """The networks and the checks, each cell with its points, or what the advice says."""
    head = f"\n{exercise}: {', '.join(check.name for check in next(iter(found.values())))}\n"
    return head + "".join(f"  {name:16} {' | '.join(map(cell, checks))}\n" for name, checks in found.items())


def cell(check: CheckResult) -> str:
    return f"{check.points:g}/{check.out_of:g}" if check.out_of else f"advice: {check.outcome.value}"
