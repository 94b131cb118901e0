"""With a real kernel and a real judge: the network that a training left, handed in with its code, earns what was trained."""

import shutil
from pathlib import Path

import pytest

from grader.core.progress import Silent
from grader.core.store import load_evidence, load_result
from grader.course.course import Course
from grader.intake import read_path
from grader.marking.publish import OutputOptions
from grader.run.context import RunOptions, open_context
from grader.run.grade_one import grade_submission
from tests.datasets import data_root

ROOT = Path(__file__).parents[2]
CODE = """\
import keras
(x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense({units}, activation="relu"), keras.layers.Dropout(0.2),
                          keras.layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x.reshape(-1, 784) / 255.0, y, epochs=1, batch_size=128, verbose=0)
"""


PETS = """\
import keras
read = dict(image_size=(32, 32), batch_size=50, label_mode="binary")
train = keras.utils.image_dataset_from_directory("dataset/train", **read)
model = keras.Sequential([
    keras.Input((32, 32, 3)), keras.layers.RandomFlip("horizontal"), keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D({units}, 3, activation="relu"), keras.layers.MaxPooling2D(4), keras.layers.Flatten(),
    keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=1, verbose=0)
"""
CODES = {"exercise1": CODE, "pets": PETS}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course")
    for name in ("datasets", "reports", "reference"):
        shutil.copytree(ROOT / name, root / name)
    for assignment in CODES:
        shutil.copytree(ROOT / "assignments" / assignment, root / "assignments" / assignment)
    return Course.at(root)


def write(folder: Path, code: str, network: Path | None = None, units: int = 32) -> Path:
    folder.mkdir(parents=True)
    (folder / "solution.py").write_text(code.format(units=units), encoding="utf-8")
    if network is not None:
        shutil.copy(network, folder / "model.keras")
    return folder


@pytest.mark.parametrize("assignment", CODES)
def test_the_network_that_training_left_earns_the_same_marks_when_it_is_handed_in_and_another_one_none(
    course: Course, tmp_path: Path, assignment: str
) -> None:
    code, layer = CODES[assignment], {"exercise1": "Dense with units", "pets": "Conv2D with filters"}[assignment]
    trained, handed_in = (OutputOptions(out=tmp_path / way, course=course) for way in ("trained", "handed-in"))
    with open_context(course, assignment, RunOptions(data=data_root()), Silent()) as context:
        first = grade_submission(read_path(write(tmp_path / "a" / "ada", code)), context, trained, Silent())
    network = trained.out / "ada" / "evidence" / "model.keras"
    with open_context(course, assignment, RunOptions(data=data_root(), train="handed-in"), Silent()) as context:
        same = grade_submission(read_path(write(tmp_path / "b" / "ada", code, network)), context, handed_in, Silent())
        other = grade_submission(
            read_path(write(tmp_path / "c" / "bob", code, network, 48)), context, handed_in, Silent()
        )
    assert (same.model.source, same.model.maker) == ("handed-in", "same")
    points = [{check.name: check.points for check in result.checks} for result in (first, same)]
    assert points[0] == points[1]
    assert first.accuracy == same.accuracy
    assert load_result(handed_in.out / "ada") == same
    one, two = (load_evidence(output.out / "ada" / "evidence") for output in (trained, handed_in))
    assert one.outputs is not None
    assert two.outputs is not None
    assert (one.outputs == two.outputs).all()
    assert one.evidence.facts.judgement.preparation == two.evidence.facts.judgement.preparation
    assert (other.status.value, other.model.maker, other.accuracy) == ("needs_review", "different", None)
    assert any(f"{layer} = 32 instead of 48" in difference for difference in other.model.differences)
