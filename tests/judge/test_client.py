"""The judge with real models in a real sandbox: what it accepts, and how it refuses."""

from pathlib import Path

import pytest

from grader.checks.family import recognise
from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.core.results import Outcome
from grader.judge.client import JudgeAnswer, Question, judge_model
from grader.sandbox.interface import Sandbox
from tests.checks.builders import built, look
from tests.judge.models import images


def judge(model: bytes, sandbox: Sandbox) -> JudgeAnswer:
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    return judge_model(model, question, Claims(), sandbox, Limits())


@pytest.mark.parametrize(
    ("name", "shape", "scale"),
    [("flat", (64,), 255.0), ("image", (8, 8, 1), 255.0), ("resized", (16, 16, 1), 255.0), ("colour", (8, 8, 3), 255.0),
     ("raw", (8, 8, 1), 1.0)],
)  # fmt: skip
def test_the_preparation_is_found_and_the_predictions_are_right(
    models: Path, warm_sandbox: Sandbox, name: str, shape: tuple[int, ...], scale: float
) -> None:
    verdict = judge((models / f"{name}.keras").read_bytes(), warm_sandbox)
    preparation = verdict.judgement.preparation
    assert verdict.judgement.outcome == "judged", verdict.judgement.reason
    assert preparation is not None
    assert (preparation.shape, preparation.scale, preparation.offset) == (shape, scale, 0.0)
    assert verdict.outputs is not None
    assert (verdict.outputs.argmax(axis=1) == images(300, 2).labels).all()
    assert verdict.judgement.architecture is not None
    assert verdict.judgement.architecture.input_shape == shape


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lambda", "Lambda"),
        ("custom", "`Mine`"),
        ("nan", "NaN"),
        ("seven", "needs 2 outputs"),
        ("two", "several inputs"),
        ("sound", "no image of this exercise"),
    ],
)
def test_what_can_not_be_judged_is_refused_in_words(models: Path, warm_sandbox: Sandbox, name: str, words: str) -> None:
    verdict = judge((models / f"{name}.keras").read_bytes(), warm_sandbox)
    assert verdict.outputs is None
    assert words in verdict.judgement.reason


def test_a_truncated_file_is_refused_before_any_sandbox_starts(models: Path, warm_sandbox: Sandbox) -> None:
    whole = (models / "flat.keras").read_bytes()
    assert judge(whole[: len(whole) // 2], warm_sandbox).judgement.outcome == "refused"


def test_a_layer_whose_output_is_multiplied_by_zero_has_no_influence_on_the_answers(
    models: Path, warm_sandbox: Sandbox
) -> None:
    architecture = judge((models / "idle.keras").read_bytes(), warm_sandbox).judgement.architecture
    assert architecture is not None
    found = {layer.name: layer.influence for layer in architecture.layers}
    assert found["idle"] == 0
    assert (found["used"] or 0) > 0.5
    about = built(architecture)
    assert look("required_layers", about, {"kinds": ["Conv2D"]}).outcome is Outcome.PASSED
    assert look("required_layers", about, {"kinds": ["Conv2D"], "at_least": 2}).reason == (
        "2 Conv2D layers are asked for, the model has 1 (`used`) that its answers depend on: `idle` could be left out"
    )
    assert recognise(architecture).reason.startswith("1 convolution (`used`) without branches")


def test_as_many_layers_in_a_row_as_images_are_asked_have_influence_all_the_same(
    models: Path, warm_sandbox: Sandbox
) -> None:
    architecture = judge((models / "row.keras").read_bytes(), warm_sandbox).judgement.architecture
    assert architecture is not None
    assert look("required_layers", built(architecture), {"kinds": ["Conv2D"], "at_least": 32}).outcome is Outcome.PASSED


def test_layers_are_described_with_shapes_parameters_and_connections(models: Path, warm_sandbox: Sandbox) -> None:
    architecture = judge((models / "raw.keras").read_bytes(), warm_sandbox).judgement.architecture
    assert architecture is not None
    assert [layer.kind for layer in architecture.layers] == ["Rescaling", "Flatten", "Dense"]
    dense = architecture.layers[-1]
    assert (dense.parameters, dense.input_shapes, dense.output_shape) == (130, ((64,),), (2,))
    assert dense.inputs == (architecture.layers[-2].name,)
    assert dense.config["units"] == 2
