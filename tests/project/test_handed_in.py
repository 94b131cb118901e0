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


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course")
    for name in ("datasets", "reports", "reference"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copytree(ROOT / "assignments" / "exercise1", root / "assignments" / "exercise1")
    return Course.at(root)


def write(folder: Path, network: Path | None = None, units: int = 32) -> Path:
    folder.mkdir(parents=True)
    (folder / "solution.py").write_text(CODE.format(units=units), encoding="utf-8")
    if network is not None:
        shutil.copy(network, folder / "model.keras")
    return folder


def test_the_network_that_training_left_earns_the_same_marks_when_it_is_handed_in_and_another_one_none(
    course: Course, tmp_path: Path
) -> None:
    trained, handed_in = (OutputOptions(out=tmp_path / way, course=course) for way in ("trained", "handed-in"))
    with open_context(course, "exercise1", RunOptions(data=data_root()), Silent()) as context:
        first = grade_submission(read_path(write(tmp_path / "a" / "ada")), context, trained, Silent())
    network = trained.out / "ada" / "evidence" / "model.keras"
    with open_context(course, "exercise1", RunOptions(data=data_root(), train="handed-in"), Silent()) as context:
        same = grade_submission(read_path(write(tmp_path / "b" / "ada", network)), context, handed_in, Silent())
        other = grade_submission(read_path(write(tmp_path / "c" / "bob", network, 48)), context, handed_in, Silent())
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
    assert other.model.differences[0] == "layer 1: Dense with units = 32 instead of 48"
