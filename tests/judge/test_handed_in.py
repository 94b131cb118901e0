"""Networks that were handed in, in every form in which Keras 2 and 3 save them; files that are something else."""

import subprocess
import sys
from pathlib import Path

import pytest

from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.judge.client import JudgeAnswer, Question, describe_network, judge_handed_in, judge_model
from grader.judge.compare_networks import is_same_network, tell_differences
from grader.sandbox.interface import Sandbox
from tests.judge.models import images

OF_KERAS_2 = Path(__file__).parent / "keras2"
MAKE = """
import json, sys
from pathlib import Path
import h5py, keras
from keras import layers

source, folder = Path(sys.argv[1]), Path(sys.argv[2])
model = keras.saving.load_model(source / "image.keras")
model.save(folder / "whole.h5")
model.save_weights(folder / "new.weights.h5")
keras.saving.load_model(source / "raw.keras").save_weights(folder / "others.weights.h5")
wide = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(7), layers.Dense(2, activation="softmax")])
wide.save_weights(folder / "wide.weights.h5")
wide.save(folder / "wide.keras")
regularised = keras.Sequential([
    keras.Input((8, 8, 1)), layers.RandomFlip(), layers.GaussianNoise(0.1), layers.Flatten(), layers.Dropout(0.5),
    layers.Dense(2, activation="softmax", name="other", kernel_regularizer="l2")])
regularised.save(folder / "regularised.keras")

def with_config(name, change):
    # A whole network in HDF5 whose configuration was written by somebody else.
    with h5py.File(folder / "whole.h5") as honest, h5py.File(folder / name, "w") as made:
        config = json.loads(honest.attrs["model_config"])
        change(config["config"]["layers"])
        made.attrs["model_config"] = json.dumps(config)
        honest.copy("model_weights", made)

code = {"name": "l", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}
lambda_layer = {"class_name": "Lambda", "config": code}
inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [lambda_layer]}}
wrapped = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": lambda_layer}}
with_config("lambda.h5", lambda layers: layers.insert(1, lambda_layer))
with_config("inner.h5", lambda layers: layers.insert(1, inner))
with_config("wrapped.h5", lambda layers: layers.insert(1, wrapped))
with_config("custom.h5", lambda layers: layers.insert(1, {"class_name": "os>system", "config": {"name": "c"}}))
with h5py.File(folder / "deep.h5", "w") as deep:
    deep.create_group("model_weights")
    deep.attrs["model_config"] = '{"class_name": "Sequential", "config": ' + "[" * 20000 + "]" * 20000 + "}"
with h5py.File(folder / "operator.h5", "w") as made:
    layers = [{"class_name": "TFOpLambda", "config": {}}]
    made.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": layers}})
with h5py.File(folder / "data.h5", "w") as data:
    data["images"] = [[1, 2], [3, 4]]
with h5py.File(folder / "bomb.weights.h5", "w") as bomb:
    for number in range(64):
        how = dict(shape=(1 << 28,), dtype="f4", chunks=(1 << 20,), compression="gzip")
        bomb.create_dataset(f"layers/dense/vars/{number}", **how)
"""


@pytest.fixture(scope="module")
def handed_in(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network in many forms."""
    folder = tmp_path_factory.mktemp("handed_in")
    done = subprocess.run([sys.executable, "-c", MAKE, str(models), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def judge(
    file: bytes, sandbox: Sandbox, built: bytes | None = None, shape: tuple[int, ...] = (8, 8, 1),
    units: tuple[int, ...] = (2,),
) -> JudgeAnswer:  # fmt: skip
    judged = images(300, 2)
    question = Question(image_shape=shape, probe=images(200, 1), images=judged.images, units=units)
    return judge_handed_in(file, built, question, Claims(), sandbox, Limits(memory=2 << 30))


def test_the_same_network_in_every_form_is_judged_alike_and_has_the_same_weights(
    models: Path, handed_in: Path, warm_sandbox: Sandbox
) -> None:
    whole = (models / "image.keras").read_bytes()
    found = {
        "keras": judge(whole, warm_sandbox),
        "hdf5": judge((handed_in / "whole.h5").read_bytes(), warm_sandbox),
        "weights": judge((handed_in / "new.weights.h5").read_bytes(), warm_sandbox, built=whole),
    }
    for form, answer in found.items():
        assert answer.judgement.outcome == "judged", answer.judgement.reason
        assert answer.opened is not None
        assert answer.opened.form == form
        assert answer.outputs is not None
        assert (answer.outputs.argmax(axis=1) == images(300, 2).labels).all()
    assert len({answer.opened.digest for answer in found.values() if answer.opened}) == 1
    trained = judge_model(
        whole, Question(image_shape=(8, 8, 1), probe=images(200, 1), images=images(300, 2).images, units=(2,)), Claims(),
        warm_sandbox, Limits(),
    )  # fmt: skip
    assert trained.outputs is not None
    assert found["keras"].outputs is not None
    assert (trained.outputs == found["keras"].outputs).all()
    assert trained.judgement == found["keras"].judgement


@pytest.mark.parametrize("name", ["whole", "branches", "augmented"])
def test_what_keras_2_saved_is_opened_and_judged_alike_in_both_forms(warm_sandbox: Sandbox, name: str) -> None:
    answers = [
        judge((OF_KERAS_2 / f"{name}{end}").read_bytes(), warm_sandbox, units=(1, 2)) for end in (".h5", ".keras")
    ]
    for answer in answers:
        assert answer.judgement.outcome == "judged", answer.judgement.reason
        assert answer.opened is not None
        assert answer.opened.saved_by == "2.15.0"
    assert len({answer.opened.digest for answer in answers if answer.opened}) == 1
    one, other = (answer.judgement.architecture for answer in answers)
    assert one is not None
    assert other is not None
    assert is_same_network(one, other)


@pytest.mark.parametrize(("name", "built"), [("whole", "built-by-keras-3"), ("augmented", "augmented-by-keras-3")])
def test_the_code_that_keras_2_ran_builds_the_same_network_with_keras_3(
    warm_sandbox: Sandbox, name: str, built: str
) -> None:
    for file in (f"{name}.h5", f"{name}.keras"):
        saved = judge((OF_KERAS_2 / file).read_bytes(), warm_sandbox, units=(1, 2)).judgement.architecture
        code = describe_network((OF_KERAS_2 / f"{built}.keras").read_bytes(), warm_sandbox, Limits())
        assert saved is not None
        assert code.judgement.architecture is not None
        assert tell_differences(code.judgement.architecture, saved) == ()


def test_weights_of_keras_2_go_into_the_network_of_the_notebook(warm_sandbox: Sandbox) -> None:
    whole = judge((OF_KERAS_2 / "whole.h5").read_bytes(), warm_sandbox)
    built = (OF_KERAS_2 / "built-by-keras-3.keras").read_bytes()
    for name in ("old-weights.h5", "new.weights.h5"):
        answer = judge((OF_KERAS_2 / name).read_bytes(), warm_sandbox, built=built)
        assert answer.judgement.outcome == "judged", answer.judgement.reason
        assert answer.opened is not None
        assert whole.opened is not None
        assert answer.opened.digest == whole.opened.digest


@pytest.mark.parametrize(
    ("name", "words"),
    [("lambda.h5", "Lambda"), ("inner.h5", "Lambda"), ("wrapped.h5", "Lambda"), ("custom.h5", "system"),
     ("deep.h5", "damaged"), ("operator.h5", "an operator outside of layers"),
     ("data.h5", "weights alone"), ("others.weights.h5", "don't fit"), ("wide.weights.h5", "don't fit")],
)  # fmt: skip
def test_what_can_not_be_opened_is_refused_in_words(
    models: Path, handed_in: Path, warm_sandbox: Sandbox, name: str, words: str
) -> None:
    built = None if name == "data.h5" else (models / "flat.keras").read_bytes()
    if name == "others.weights.h5":
        built = (handed_in / "wide.keras").read_bytes()
    answer = judge((handed_in / name).read_bytes(), warm_sandbox, built=built)
    assert answer.outputs is None
    assert words in answer.judgement.reason


def test_a_pointer_of_git_lfs_is_told_from_a_damaged_network(warm_sandbox: Sandbox) -> None:
    answer = judge(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", warm_sandbox)
    assert "a pointer of Git LFS" in answer.judgement.reason
    assert "git lfs pull" in answer.judgement.reason


@pytest.mark.parametrize("size", [4, 100, 4000])
def test_a_truncated_file_is_refused(handed_in: Path, models: Path, warm_sandbox: Sandbox, size: int) -> None:
    for path in (handed_in / "whole.h5", models / "image.keras"):
        answer = judge(path.read_bytes()[:size], warm_sandbox)
        assert answer.judgement.outcome == "refused"
        assert "model.save" in answer.judgement.reason or "damaged" in answer.judgement.reason


def test_a_file_made_to_exhaust_the_judge_costs_its_own_row_alone(
    handed_in: Path, models: Path, warm_sandbox: Sandbox
) -> None:
    built = (models / "image.keras").read_bytes()
    bomb = (handed_in / "bomb.weights.h5").read_bytes()
    assert len(bomb) < 1 << 20
    answer = judge(bomb, warm_sandbox, built=built)
    assert answer.outputs is None
    assert answer.judgement.reason
    assert judge(built, warm_sandbox).judgement.outcome == "judged"


def test_layers_that_only_training_has_and_names_make_no_other_network(
    models: Path, handed_in: Path, warm_sandbox: Sandbox
) -> None:
    plain, other, wide = (
        describe_network(path.read_bytes(), warm_sandbox, Limits()).judgement.architecture
        for path in (models / "image.keras", handed_in / "regularised.keras", handed_in / "wide.keras")
    )
    assert plain is not None
    assert other is not None
    assert wide is not None
    assert is_same_network(plain, other)
    assert tell_differences(plain, wide) == (
        'layer 2: Dense with activation = "linear" instead of "softmax", units = 7 instead of 2',
        'the file has one more layer: Dense(units = 2, activation = "softmax")',
    ) or tell_differences(plain, wide) == ("the file has one more layer: Dense(units = 7)",)
