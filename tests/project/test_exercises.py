"""Every exercise once through the command line: a real kernel, a real sandbox, real data; few epochs and few images."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader.core.progress import Silent
from grader.course.course import Course
from grader.course.dataset import load_split
from grader.course.rubric import find_dataset
from tests.datasets import data_root
from tests.notebooks import DIGITS, PERCEPTRON, PLOT, notebook

CONVOLUTIONS = """\
x = x_train.reshape(-1, 28, 28, 1)
model = keras.Sequential([
    keras.Input(shape=(28, 28, 1)),
    keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.MaxPooling2D(),
    keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.MaxPooling2D(),
    keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y_train, epochs=1, batch_size=64, verbose=2,
                    validation_data=(x_test[:500].reshape(-1, 28, 28, 1) / 255.0, y_test[:500]))
"""
PHOTOGRAPHS = """\
import pathlib
import keras
import numpy as np

def load(folder, most):
    images, labels = [], []
    for label, name in enumerate(["cat", "dog"]):
        for path in sorted(pathlib.Path("dataset", folder, name).glob("*.jpg"))[:most]:
            images.append(np.asarray(keras.utils.load_img(path, target_size=(32, 32))))
            labels.append(label)
    return np.array(images) / 255.0, np.array(labels)

print([len(list(pathlib.Path("dataset", part, kind).iterdir())) for part in ("train", "test") for kind in ("cat", "dog")])
x_train, y_train = load("train", 300)
x_test, y_test = load("test", 50)
network = keras.Sequential([
    keras.Input(shape=(32, 32, 3)),
    keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.MaxPooling2D(),
    keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.MaxPooling2D(),
    keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(1, activation="sigmoid"),
])
network.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
history = network.fit(x_train, y_train, epochs=2, batch_size=32, verbose=2, validation_data=(x_test, y_test))
"""


def command_line(assignment: str, path: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "grader", "grade", assignment, str(path), "--out", str(folder / "out")]


def grade(assignment: str, data: bytes, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    path = folder / "hand in.ipynb"
    path.write_bytes(data)
    command = [*command_line(assignment, path, folder), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def outcome(result: dict[str, Any], check: str) -> str:
    return next(str(item["outcome"]) for item in result["checks"] if item["name"] == check)


def test_exercise_1_is_run_judged_marked_and_reported(tmp_path: Path) -> None:
    code, result = grade("exercise1", notebook(DIGITS, PERCEPTRON, PLOT), tmp_path)
    assert result["status"] == "graded"
    assert result["isolation"] == "bubblewrap"
    assert result["serve"] == "sealed"
    assert result["accuracy"]["judged"] == 1_000
    assert 0.80 < result["accuracy"]["value"] < 0.97
    assert code == (0 if result["passed"] else 1)
    assert result["model"]["input_shape"] == [784]
    assert outcome(result, "executes") == outcome(result, "input_shape") == outcome(result, "trained") == "passed"
    assert outcome(result, "accuracy") == "failed"
    folder = tmp_path / "out" / next(path.name for path in (tmp_path / "out").iterdir())
    assert json.loads((folder / "result.json").read_text())["points"] == result["points"]
    assert "Dense" in (folder / "report.html").read_text()
    assert (folder / "evidence" / "predictions.npy").is_file()


def test_exercise_2_is_compared_with_what_exercise_1_asks_for(tmp_path: Path) -> None:
    _, result = grade("exercise2", notebook(DIGITS, CONVOLUTIONS, PLOT), tmp_path)
    assert result["status"] == "graded"
    assert result["accuracy"]["value"] > 0.7
    assert result["compared"][0]["source"] == "what exercise1 asks for"
    assert outcome(result, "better_than") == "failed"
    assert outcome(result, "input_shape") == "passed"


def test_pets_are_judged_on_photographs_the_notebook_never_saw(tmp_path: Path) -> None:
    _, result = grade("pets", notebook(PHOTOGRAPHS, PLOT), tmp_path)
    assert result["status"] in {"graded", "needs_review"}
    assert result["accuracy"]["judged"] == 1000
    assert result["accuracy"]["value"] > 0.5
    assert outcome(result, "dropout_before_last_dense") == "passed"
    evidence = json.loads(next((tmp_path / "out").rglob("evidence.json")).read_text())
    assert evidence["claims"]["cells"][0]["outputs"][0]["text"].startswith("[1000, 1000, 500, 500]")


def test_a_module_is_graded_like_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text(
        f"{DIGITS}\nif __name__ == '__main__':\n    print(__file__)\n" + PERCEPTRON.replace("epochs=2", "epochs=1")
    )
    command = [*command_line("exercise1", path, tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert (result["status"], result["submission"]) == ("graded", "work.py")
    assert outcome(result, "executes") == "passed"


SPY = """\
import glob, os, sys, hashlib, gzip
found = []
for top, folders, files in os.walk("/"):
    if top.startswith(("/proc", "/usr", "/sys")):
        folders[:] = []
        continue
    for name in files:
        found.append(os.path.join(top, name))
print("FILES", len(found))
names = ("t10k", "baseline.json", "result.json", "evidence.json", "mnist_5k", "solution.ipynb", "labels", "predictions.npy")
print("SUSPICIOUS", [path for path in found if any(name in os.path.basename(path) for name in names)
                     and "/site-packages/" not in path])
print("ENVIRONMENT", sorted(os.environ))
import numpy as np
with np.load("/data/mnist.npz") as served:
    arrays = {key: served[key] for key in served}
for key in ("x_train", "x_test"):
    print("DIGESTS", key, arrays[key].shape)
    np.save("/submission/" + key + ".npy", arrays[key])
mine = {hashlib.sha1(image.tobytes()).hexdigest() for key in ("x_train", "x_test") for image in arrays[key]}
print("MINE", len(mine))
for number in HIDDEN:
    if number in mine:
        print("LEAK", number)
import socket
try:
    socket.create_connection(("1.1.1.1", 53), timeout=2)
    print("NETWORK")
except OSError as error:
    print("no network:", error)
"""


@pytest.fixture(params=["data of the tests", pytest.param("real data", marks=pytest.mark.real_data)])
def root(request: pytest.FixtureRequest) -> Path:
    """A data root: the one that all tests use, and the real one."""
    real: Path = request.getfixturevalue("real_data") if request.param == "real data" else data_root()
    return real


def test_no_judged_image_no_label_and_no_other_file_can_be_found_inside(root: Path, tmp_path: Path) -> None:
    dataset, folder = find_dataset(Course.at(), "mnist", root, Silent())
    judged = load_split(dataset, "test", folder)
    train = {image.tobytes() for image in load_split(dataset, "train", folder).images}
    hidden = [hashlib.sha1(image.tobytes()).hexdigest() for image in judged.images if image.tobytes() not in train]
    assert len(hidden) > 0.99 * dataset.split["test"].count
    spy = notebook(SPY.replace("HIDDEN", repr(hidden)))
    code, result = grade("exercise1", spy, tmp_path, "--data", str(root))
    evidence = json.loads(next((tmp_path / "out").rglob("evidence.json")).read_text())
    said = evidence["claims"]["cells"][0]["outputs"][0]["text"]
    assert code == 1
    assert result["status"] == "explained"
    assert "SUSPICIOUS []" in said
    assert "LEAK" not in said
    assert "NETWORK" not in said
    assert "(60000, 28, 28)" in said
    assert "(10000, 28, 28)" in said
    assert not any(word in said for word in ("GRADER", "TOKEN", "PYTHONPATH"))


@pytest.mark.parametrize(("path", "words"), [("nowhere.ipynb", "no such file"), (".", "is empty")])
def test_what_can_not_be_graded_ends_with_2_and_a_line(tmp_path: Path, path: str, words: str) -> None:
    command = command_line("exercise1", tmp_path / path, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
