"""A class of twenty hostile and five honest students, through `grader batch`: a row for all, full marks for the honest.

With --warm, where one kernel is the other's sibling. On 5,000 real digits, with the points of the first exercise and limits
that a test can wait for.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.attacks.corpus import load_corpus
from grader.attacks.decoys import Decoys, place_decoys
from grader.attacks.try_attacks import opening
from grader.core.evidence import Cause
from grader.course.course import Course
from tests.attacks.pages_and_marks import CONTROL, MARKUP, REPORTS, found_in
from tests.fakes import Said, run_cli
from tests.notebooks import notebook

LOAD = """\
import keras
from keras.datasets import mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, y_train = x_train[:20_000] / 255.0, y_train[:20_000]
"""
MODEL = """\
model = keras.Sequential([
    keras.Input((28, 28)), keras.layers.Flatten(), {}, keras.layers.Dense(10, activation="softmax"),
])
"""
FIT = """\
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=4, batch_size=128, verbose=2)
"""
HONEST = {  # hidden layers behind `Flatten`
    "Ada": 'keras.layers.Dense(128, activation="relu")',
    "Grace": 'keras.layers.Dense(128, activation="relu"), keras.layers.Dense(64, activation="relu")',
    "Katherine": 'keras.layers.Dense(192, activation="tanh")',
    "Radia": 'keras.layers.Dense(128, activation="relu"), keras.layers.Dropout(0.1)',
    "Zoë de Vries": "keras.layers.Dense(96), keras.layers.LeakyReLU()",
}
HOSTILE = (  # drawn from the corpus, by name
    "other-submission", "labels", "tcp", "kill-process", "signal-all", "kill-parent", "daemon", "connection-file",
    "socket-link", "malformed-messages", "many-frames", "deep-message", "message-flood", "fork-bomb", "memory-bomb",
    "inode-bomb", "output-flood", "os-exit", "zip-bomb", "markup",
)  # fmt: skip
NAMES = {  # some are handed in under names that are attacks themselves
    "markup": "<img src=x onerror=alert(1)>", "os-exit": "=1+1", "labels": "$(reboot)", "tcp": "::error::x",
    "daemon": "-rf \x1b[2J",
}  # fmt: skip
LIMITS = 'wall = "8m"\ncell = "4m"\nmemory = "2GiB"\ndisk = "64MiB"\nprocesses = 48\noutput = "1MiB"\n'


def write_class(folder: Path, decoys: Decoys) -> None:
    """One notebook a student."""
    folder.mkdir()
    attacks = {attack.name: attack for attack in (*load_corpus(), *REPORTS)}
    for name in HOSTILE:
        path = folder / f"{NAMES.get(name, name)}.ipynb"
        path.write_bytes(notebook(opening(decoys), attacks[name].code, "print('and on')"))
    for name, layers in HONEST.items():
        (folder / f"{name}.ipynb").write_bytes(notebook(LOAD, MODEL.format(layers), FIT, "history.history"))


def write_course(root: Path) -> None:
    """The demonstration of exercise 1 with smaller limits."""
    rubric = Course.at().assignment_file("exercise1-5k").read_text(encoding="utf-8")
    before, _, behind = rubric.partition("[run]")
    folder = root / "assignments" / "hostile"
    folder.mkdir(parents=True)
    checks = behind[behind.index("[[check]]") :]
    (folder / "assignment.toml").write_text(f"{before}[run]\n{LIMITS}\n{checks}", encoding="utf-8")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Said, Path, Decoys, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("hostile")
    write_course(folder / "course")
    with place_decoys(processes=True) as decoys:
        write_class(folder / "class", decoys)
        said = run_cli(
            "batch", "hostile", folder / "class", "--out", folder / "deep" / "out", "--course", folder / "course",
            "--jobs", "2", "--warm",
        )  # fmt: skip
        yield said, folder / "deep" / "out", decoys, decoys.look()


def rows(out: Path) -> dict[str, dict[str, Any]]:
    return {row["student"]: row for row in json.loads((out / "batch.json").read_text(encoding="utf-8"))}


def test_all_twenty_five_get_a_row(graded: tuple[Said, Path, Decoys, dict[str, str]]) -> None:
    said, out, _, _ = graded
    assert said.code == 0, said.err
    found = rows(out)
    assert len(found) == len(HOSTILE) + len(HONEST) == 25
    assert {NAMES.get(name, name) for name in HOSTILE} | set(HONEST) == set(found)
    assert not [row for row in found.values() if row["status"] == "broken"]
    with (out / "gradebook.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 25
    assert len(list(out.glob("*/report.html"))) == 25


@pytest.mark.parametrize("student", HONEST)
def test_the_honest_get_their_full_marks(graded: tuple[Said, Path, Decoys, dict[str, str]], student: str) -> None:
    row = rows(graded[1])[student]
    assert (row["points"], row["out_of"], row["passed"]) == (100, 100, True), row


@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_end_as_they_must_and_without_the_points_of_a_network(
    graded: tuple[Said, Path, Decoys, dict[str, str]], name: str
) -> None:
    row = rows(graded[1])[NAMES.get(name, name)]
    attack = next(attack for attack in (*load_corpus(), *REPORTS) if attack.name == name)
    assert Cause(row["ending"]["cause"]) in attack.endings or attack.how == "model"
    assert not row["passed"]
    assert row["accuracy"] is None
    assert row["points"] <= 10, "the points for running without an error rest on a claim, and are all there is to win"


def test_the_host_saw_nothing_of_the_attacks(graded: tuple[Said, Path, Decoys, dict[str, str]]) -> None:
    _, out, decoys, saw = graded
    assert saw == {}
    assert not [path for path in out.rglob("*") if path.is_file() and decoys.secret.encode() in path.read_bytes()]
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


def test_pages_and_log_hold_nothing_that_acts(graded: tuple[Said, Path, Decoys, dict[str, str]]) -> None:
    said, out, _, _ = graded
    for page in (*out.glob("*/report.html"), out / "index.html"):
        assert not found_in(page.read_text(encoding="utf-8"), *MARKUP, *CONTROL), page
    for line in (said.out + said.err).splitlines():
        assert not line.lstrip().startswith("::")
        assert not found_in(line, *CONTROL)
