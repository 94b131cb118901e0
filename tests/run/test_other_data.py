"""Data of a course's other exercises: for notebooks that speak of it, and sealed as its own rubric says."""

from pathlib import Path

import numpy as np
import pytest

from grader.course.course import Course
from grader.course.dataset import Dataset, Split
from grader.course.served_data import Served
from grader.run.context import Other, OtherData, find_others, speaks_of
from grader.sandbox.interface import Input
from tests.datasets import data_root

BOOK = ("from keras.datasets import mnist", "where = kagglehub.competition_download('dogs-vs-cats')")
DIGITS = ("(x, y), _ = keras.datasets.mnist.load_data()", "keras.utils.to_categorical(y); layers.Concatenate()")


def dataset(name: str) -> Dataset:
    return Course.at().dataset(name)


def test_code_speaks_of_a_dataset_by_its_id_or_all_of_its_classes_as_words() -> None:
    pets, mnist = dataset("pets"), dataset("mnist")
    for words in ("dogs-vs-cats", "['cat', 'dog']", "/content/PETS/train", "Cats and dogs"):
        assert speaks_of(words, pets), words
    for words in (*DIGITS, "concatenate(dogma)", "a cat"):
        assert not speaks_of(words, pets), words
    assert speaks_of(DIGITS[0], mnist)
    assert not speaks_of("for digit in range(10): zero = one", mnist)


def test_what_is_beside_is_made_once_for_those_that_speak_of_it_and_changes_their_key_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def serve(dataset: Dataset, folder: Path | None, workspace: Path, how: str, *, smoke: bool) -> Served:
        made.append(f"{dataset.id} {how} {workspace.name}")
        probe = Split(np.zeros((0, 1, 1, 1), np.uint8), np.zeros(0, np.int64))
        return Served(inputs=(Input(workspace, "submission/dataset"),), probe=probe, digest="")

    monkeypatch.setattr("grader.run.context.serve", serve)
    others = OtherData([Other(dataset=dataset("pets"), folder=None, how="sealed")], tmp_path, smoke=False)
    assert (others.inputs(DIGITS), others.digest(DIGITS)) == ((), "")
    assert others.inputs(BOOK) == others.inputs(BOOK) != ()
    assert made == ["pets sealed pets"]
    assert len(others.digest(BOOK)) == 64


def test_each_exercise_knows_the_others_data_that_is_on_this_machine_and_keeps_its_own_place() -> None:
    for own, other, how in (("mnist", "pets", "sealed"), ("pets", "mnist", "sealed"), ("mnist-5k", "pets", "sealed")):
        (found,) = find_others(Course.at(), dataset(own), data_root(), None, private=False)
        assert (found.dataset.id, found.how) == (other, how)
    (opened,) = find_others(Course.at(), dataset("mnist"), data_root(), "open", private=False)
    assert opened.how == "open"
