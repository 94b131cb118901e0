"""A dataset's manifest, and the digests that say which pixels it means."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import DataError
from grader.course.course import Course
from grader.course.dataset import digest_images, digest_labels, read_dataset
from tests.fakes import photographs, write_course

GOOD = """\
schema = 1
title = "Digits"
source = "somewhere"
kind = "idx"
classes = ["0", "1"]
judged = "test"
judged_title = "the test images"
image_shape = [28, 28, 1]
[split.train]
count = 3
images = "aa"
labels = "bb"
[split.test]
count = 2
images = "cc"
labels = "dd"
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "digits" / "dataset.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_manifest_is_read_and_its_id_is_its_folders_name(tmp_path: Path) -> None:
    found = read_dataset(written(tmp_path, GOOD))
    assert (found.id, found.judged, found.train, found.image_shape) == ("digits", "test", "train", (28, 28, 1))
    assert found.split["test"].count == 2


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ('kind = "idx"', 'kind = "pictures"', "kind"),
        ('classes = ["0", "1"]', 'classes = ["0"]', "classes"),
        ("count = 2", "count = 0", "split.test.count"),
        ('title = "Digits"', 'titel = "Digits"', "title"),
        ('judged = "test"', 'judged = "tset"', "`judged` names the split `tset`; available: train, test"),
        ("[split.train]", "[split.training]", "`train` names the split `train`"),
        ('title = "Digits"', 'title = "Digits', "not a TOML file"),
    ],
)
def test_a_manifest_that_can_not_be_followed_is_refused_with_file_and_key(
    tmp_path: Path, right: str, wrong: str, word: str
) -> None:
    path = written(tmp_path, GOOD.replace(right, wrong))
    with pytest.raises(DataError) as caught:
        read_dataset(path)
    assert str(path) in str(caught.value)
    assert word in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=4))
def test_any_damage_to_a_manifest_is_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, start: int, end: int, between: bytes
) -> None:
    text = GOOD.encode()
    damaged = text[: min(start, end)] + between + text[max(start, end) :]
    path = written(tmp_path_factory.getbasetemp(), damaged)
    try:
        read_dataset(path)
    except DataError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("text", [b"a = " + b"9" * 5000, b"a = " + b"[" * 100_000])
def test_what_breaks_a_parser_is_a_data_error(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DataError, match="not a TOML file"):
        read_dataset(written(tmp_path, text))


def test_labels_that_differ_by_256_have_another_digest_and_small_ones_the_one_they_had() -> None:
    few, many = np.array([0, 1, 255]), np.array([256, 257, 511])
    assert digest_labels(few) == hashlib.sha256(bytes([0, 1, 255])).hexdigest()
    assert len({digest_labels(labels) for labels in (few, many, few - 256)}) == 3


def test_a_manifest_that_can_not_be_opened_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "digits" / "dataset.toml"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match="can't be read"):
        read_dataset(path)


def test_the_digest_of_a_dataset_changes_with_any_of_its_splits(tmp_path: Path) -> None:
    found = read_dataset(written(tmp_path, GOOD)).digest
    assert found == read_dataset(written(tmp_path, GOOD.replace("Digits", "Numbers"))).digest
    for right in ('"aa"', '"bb"', '"cc"', '"dd"'):
        assert found != read_dataset(written(tmp_path, GOOD.replace(right, '"zz"'))).digest


def test_the_digest_of_equal_sized_images_is_of_their_bytes_in_order() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    assert digest_images(images) == digest_images(np.asfortranarray(images))
    assert digest_images(images) != digest_images(images[::-1])


def test_the_digest_of_photographs_tells_shapes_apart() -> None:
    flat = np.zeros((2, 6, 3), np.uint8)
    assert digest_images([flat]) != digest_images([flat.reshape(3, 4, 3)])
    first, second = photographs(1, 2)
    assert digest_images([first, second]) != digest_images([second, first])


def test_the_digest_of_labels_does_not_depend_on_their_integer_type() -> None:
    labels = np.array([0, 1, 1, 9])
    assert digest_labels(labels) == digest_labels(labels.astype(np.uint8).astype(np.int64))
    assert digest_labels(labels) != digest_labels(labels[::-1])


def test_a_substitute_says_what_it_stands_in_for() -> None:
    datasets = {item.id: item for item in Course.at().datasets()}
    assert datasets["mnist-5k"].substitute_for == "mnist"
    assert datasets["mnist"].substitute_for is None


def test_manifests_of_other_data_have_other_digests(tmp_path: Path) -> None:
    first = write_course(tmp_path / "a").dataset("tiny")
    second = write_course(tmp_path / "b", judged_seed=3).dataset("tiny")
    assert first.digest == write_course(tmp_path / "c").dataset("tiny").digest != second.digest
