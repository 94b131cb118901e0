"""The judge with real models in a real sandbox: what it accepts, and how it refuses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grader.dataset import Split
from grader.evidence import Claims
from grader.judge.client import Question, Verdict, judge_model
from grader.limits import Limits
from grader.sandbox.choose import open_sandbox

MAKE = """
import sys
import numpy as np
import keras
from keras import layers

folder = sys.argv[1]
keras.utils.set_random_seed(1)

def save(name, model):
    model.save(f"{folder}/{name}.keras")

def bright(shape, *between, units=2):
    # Says 1 for images whose pixels, divided by 255, are bright on average: no training needed.
    head = [layers.Flatten(), layers.Dense(units, activation="softmax")]
    model = keras.Sequential([keras.Input(shape=shape), *between, *head])
    weights = model.layers[-1].get_weights()
    size = weights[0].shape[0]
    weights[0][:] = 0
    weights[0][:, 0] = -40.0 / size
    weights[0][:, 1] = 40.0 / size
    weights[1][:2] = [20.0, -20.0]
    model.layers[-1].set_weights(weights)
    return model

save("flat", bright((64,)))
save("image", bright((8, 8, 1)))
save("resized", bright((16, 16, 1)))
save("colour", bright((8, 8, 3)))
save("raw", bright((8, 8, 1), layers.Rescaling(1 / 255)))
save("lambda", bright((8, 8, 1), layers.Lambda(lambda x: x * 1)))

class Mine(layers.Layer):
    def call(self, x):
        return x * 2
save("custom", keras.Sequential([keras.Input(shape=(8, 8, 1)), Mine(), layers.Flatten(), layers.Dense(2)]))

nan = bright((8, 8, 1))
nan.set_weights([np.full_like(weight, np.nan) for weight in nan.get_weights()])
save("nan", nan)
save("seven", bright((8, 8, 1), units=7))
first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
save("two", keras.Model([first, second], layers.Dense(2)(layers.Flatten()(layers.Add()([first, second])))))
save("sound", bright((8, 8, 2)))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-c", MAKE, str(folder)], check=True, capture_output=True)
    return folder


def images(count: int, seed: int) -> Split:
    """Grey images of 8 x 8; class 1 is bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=count).astype(np.int64)
    level = np.where(labels == 1, 200, 50)[:, None, None, None]
    return Split((level + generator.integers(-40, 40, size=(count, 8, 8, 1))).astype(np.uint8), labels)


def judge(model: bytes) -> Verdict:
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    return judge_model(model, question, Claims(), open_sandbox("bubblewrap"), Limits())


@pytest.mark.parametrize(
    ("name", "shape", "scale"),
    [("flat", (64,), 255.0), ("image", (8, 8, 1), 255.0), ("resized", (16, 16, 1), 255.0), ("colour", (8, 8, 3), 255.0),
     ("raw", (8, 8, 1), 1.0)],
)  # fmt: skip
def test_the_preparation_is_found_and_the_predictions_are_right(
    models: Path, name: str, shape: tuple[int, ...], scale: float
) -> None:
    verdict = judge((models / f"{name}.keras").read_bytes())
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
def test_what_can_not_be_judged_is_refused_in_words(models: Path, name: str, words: str) -> None:
    verdict = judge((models / f"{name}.keras").read_bytes())
    assert verdict.outputs is None
    assert words in verdict.judgement.reason


def test_a_truncated_file_is_refused_before_any_sandbox_starts(models: Path) -> None:
    whole = (models / "flat.keras").read_bytes()
    assert judge(whole[: len(whole) // 2]).judgement.outcome == "refused"


def test_layers_are_described_with_shapes_parameters_and_connections(models: Path) -> None:
    architecture = judge((models / "raw.keras").read_bytes()).judgement.architecture
    assert architecture is not None
    assert [layer.kind for layer in architecture.layers] == ["Rescaling", "Flatten", "Dense"]
    dense = architecture.layers[-1]
    assert (dense.parameters, dense.input_shapes, dense.output_shape) == (130, ((64,),), (2,))
    assert dense.inputs == (architecture.layers[-2].name,)
    assert dense.config["units"] == 2
