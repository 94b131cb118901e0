"""What a notebook is served has every shape it may expect and none of the images that decide its mark."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError, Infrastructure
from grader.core.workspace import workspace
from grader.course.course import Course
from grader.course.dataset import Dataset, Naming, Split, digest_images, load_split
from grader.course.find_dataset import Places, import_private, with_private_split
from grader.course.served_data import SHIFTS, Served, open_digits, seal_digits, serve, stand_in
from tests.core.test_workspace import a_full_disk
from tests.fakes import CLASSES, JUDGED, TRAINED, data_of, photographs, write_course, write_photographs

Pixels = NDArray[np.uint8]


def each(images: Pixels) -> list[bytes]:
    """The bytes of each image."""
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    return [row.tobytes() for row in flat]


class Digits:
    """The real MNIST, and what is served of it."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.dataset = Course.at().dataset("mnist")
        self.train = load_split(self.dataset, "train", folder)
        self.judged = load_split(self.dataset, "test", folder)
        self.served = serve(self.dataset, folder, temporary)
        with np.load(self.served.inputs[0].source) as arrays:
            self.x_train, self.y_train = arrays["x_train"], arrays["y_train"]
            self.x_test, self.y_test = arrays["x_test"], arrays["y_test"]
        self.official = dict(zip(each(np.asarray(self.train.images)), self.train.labels.tolist(), strict=True))


@pytest.fixture(scope="module")
def digits(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return Digits(real_data / "mnist", tmp_path_factory.mktemp("served"))


def test_mnist_is_served_in_the_shapes_that_keras_gives(digits: Digits) -> None:
    assert (digits.x_train.shape, digits.x_train.dtype) == ((60_000, 28, 28), np.uint8)
    assert (digits.x_test.shape, digits.x_test.dtype) == ((10_000, 28, 28), np.uint8)
    assert (digits.y_train.shape, digits.y_test.shape) == ((60_000,), (10_000,))
    assert digits.y_train.dtype == digits.y_test.dtype == np.uint8
    assert [item.inside for item in digits.served.inputs] == ["data/mnist.npz"]
    assert digits.served.inputs[0].source.stat().st_mode & 0o222 == 0


def test_no_judged_image_is_served(digits: Digits) -> None:
    judged = set(each(np.asarray(digits.judged.images)))
    assert len(judged) == 10_000
    assert judged.isdisjoint(each(digits.x_train))
    assert judged.isdisjoint(each(digits.x_test))
    assert judged.isdisjoint(each(np.asarray(digits.served.probe.images)))


def test_no_served_test_image_is_among_those_served_for_training(digits: Digits) -> None:
    assert set(each(digits.x_test)).isdisjoint(each(digits.x_train))


def test_the_served_test_images_are_training_images_that_were_set_aside_with_their_labels(digits: Digits) -> None:
    assert [digits.official.get(image) for image in each(digits.x_test)] == digits.y_test.tolist()


def test_what_was_set_aside_is_replaced_by_shifted_copies_of_other_training_images_with_their_labels(
    digits: Digits,
) -> None:
    originals = np.asarray(digits.train.images)[..., 0]
    replaced = np.flatnonzero((digits.x_train != originals).any(axis=(1, 2)))
    assert 9_900 < len(replaced) <= 10_000
    kept = np.setdiff1d(np.arange(60_000), replaced)
    np.testing.assert_array_equal(digits.y_train[kept], digits.train.labels[kept])
    aside = set(each(digits.x_test))
    found = 0
    for index in replaced[::50]:
        for down, right in SHIFTS:
            back = np.roll(digits.x_train[index], (-down, -right), axis=(0, 1)).tobytes()  # MNIST's margins are empty
            if back in digits.official:
                found += 1
                assert digits.official[back] == digits.y_train[index]
                assert back not in aside
    assert found >= len(replaced[::50]) - 5


def test_every_class_is_served(digits: Digits) -> None:
    for labels, count in ((digits.y_train, 60_000), (digits.y_test, 10_000)):
        shares = np.bincount(labels, minlength=10) / count
        assert shares.min() > 0.07
        assert shares.max() < 0.13


def test_the_judge_probes_with_official_training_images(digits: Digits) -> None:
    probe = digits.served.probe
    assert len(probe.labels) == 1000
    assert [digits.official.get(image) for image in each(np.asarray(probe.images))] == probe.labels.tolist()


def test_the_sealed_digits_are_the_same_for_everyone(digits: Digits) -> None:
    train, test = seal_digits(digits.train)
    assert digest_images(np.asarray(train.images)) == digest_images(digits.x_train)
    assert digest_images(np.asarray(test.images)) == digest_images(digits.x_test)


def interiors(images: Pixels, down: int = 0, right: int = 0) -> list[bytes]:
    """The inner part of each image, as it would be if the image were shifted."""
    return each(images[:, 2 - down : 26 - down, 2 - right : 26 - right])


@pytest.fixture(scope="module")
def few() -> Split:
    """600 pictures of noise."""
    noise = np.random.default_rng(5)
    return Split(noise.integers(1, 256, (600, 28, 28, 1), dtype=np.uint8), np.arange(600, dtype=np.int64) % 10)


def test_a_small_collection_is_stretched_to_the_same_shapes_and_stays_sealed(few: Split) -> None:
    train, test = seal_digits(few)
    images = np.asarray(few.images)
    assert np.asarray(train.images).shape == (60_000, 28, 28, 1)
    assert np.asarray(test.images).shape == (10_000, 28, 28, 1)
    origin = {
        inner: index for down, right in ((0, 0), *SHIFTS) for index, inner in enumerate(interiors(images, down, right))
    }
    donors = [[origin[inner] for inner in interiors(np.asarray(split.images))] for split in (train, test)]
    for split, indices in zip((train, test), donors, strict=True):
        np.testing.assert_array_equal(split.labels, few.labels[indices])
    assert set(donors[0]).isdisjoint(donors[1])
    assert set(donors[0]) | set(donors[1]) == set(range(600))
    assert len(set(donors[1])) == 100


@pytest.fixture
def tiny(tmp_path: Path) -> Dataset:
    return write_course(tmp_path / "course").dataset("tiny")


@pytest.fixture
def served(tiny: Dataset, tmp_path: Path) -> Iterator[Served]:
    with workspace() as temporary:
        yield serve(tiny, data_of(tmp_path / "course") / "tiny", temporary)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_photographs_are_served_as_a_folder_beside_the_notebook(served: Served) -> None:
    (item,) = served.inputs
    assert item.inside == "submission/dataset"
    files = files_of(item.source)
    expected = {f"train/{name}/{number:03}.png" for name in CLASSES for number in range(TRAINED)}
    expected |= {f"test/{name}/{name}.{number}.jpg" for name in CLASSES for number in range(1, TRAINED + 1)}
    assert set(files) == expected


def test_training_photographs_are_served_as_they_are(served: Served, tmp_path: Path) -> None:
    originals = files_of(data_of(tmp_path / "course") / "tiny" / "train")
    assert files_of(served.inputs[0].source / "train") == originals


def test_no_judged_photograph_is_served_and_stand_ins_are_like_no_other_file(served: Served, tmp_path: Path) -> None:
    data = data_of(tmp_path / "course") / "tiny"
    judged, train = (set(files_of(data / split).values()) for split in ("judged", "train"))
    stand_ins = set(files_of(served.inputs[0].source / "test").values())
    assert len(stand_ins) == 2 * TRAINED
    assert stand_ins.isdisjoint(judged | train)
    assert set(files_of(served.inputs[0].source).values()).isdisjoint(judged)


def test_a_stand_in_is_a_mirrored_and_cut_training_photograph_of_its_class(served: Served) -> None:
    for label, name in enumerate(CLASSES):
        trained = photographs(1, 2 * TRAINED)[label * TRAINED :][:TRAINED]
        copies = {stand_in(photograph) for photograph in trained}
        assert set(files_of(served.inputs[0].source / "test" / name).values()) == copies


def test_a_stand_in_shows_the_middle_of_the_photograph_the_other_way_round(tmp_path: Path) -> None:
    ramp = np.zeros((100, 200, 3), np.uint8)
    ramp[..., 0] = np.arange(200)
    (tmp_path / "x.jpg").write_bytes(stand_in(ramp))
    with Image.open(tmp_path / "x.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (180, 90))
        row = np.asarray(picture)[45, :, 0].astype(int)
    assert abs(row[0] - 189) < 6
    assert abs(row[-1] - 10) < 6


def test_no_more_stand_ins_are_made_than_there_are_judged_photographs(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    manifest = course.root / "datasets" / "tiny" / "dataset.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace(f"count = {2 * JUDGED}", "count = 4"))
    served = serve(course.dataset("tiny"), data_of(course.root) / "tiny", tmp_path / "served")
    assert len(files_of(served.inputs[0].source / "test")) == 4


def test_photographs_are_served_alike_every_time(served: Served, tiny: Dataset, tmp_path: Path) -> None:
    again = serve(tiny, data_of(tmp_path / "course") / "tiny", tmp_path / "again")
    assert files_of(again.inputs[0].source) == files_of(served.inputs[0].source)
    assert again.digest == served.digest


def test_the_digest_of_what_is_served_changes_with_the_data(served: Served, tmp_path: Path) -> None:
    other = write_course(tmp_path / "other", judged_seed=9)
    again = serve(other.dataset("tiny"), data_of(other.root) / "tiny", tmp_path / "again")
    assert again.digest != served.digest


def test_the_probe_holds_training_photographs_with_their_labels(served: Served) -> None:
    trained = photographs(1, 2 * TRAINED)
    assert len(served.probe.images) == 2 * TRAINED
    for image, label in zip(served.probe.images, served.probe.labels, strict=True):
        index = next(i for i, made in enumerate(trained) if np.array_equal(made, image))
        assert index // TRAINED == label


def test_data_that_does_not_verify_is_not_served(tiny: Dataset, tmp_path: Path) -> None:
    photograph = data_of(tmp_path / "course") / "tiny" / "train" / "left" / "000.png"
    Image.fromarray(photographs(77, 1)[0]).save(photograph)
    with pytest.raises(DataError, match="SHA-256"):
        serve(tiny, data_of(tmp_path / "course") / "tiny", tmp_path / "served")


def test_a_full_disk_is_our_fault(tiny: Dataset, tmp_path: Path) -> None:
    with a_full_disk(), pytest.raises(Infrastructure, match="could not be written"):
        serve(tiny, data_of(tmp_path / "course") / "tiny", tmp_path / "served")


def test_photographs_without_a_folder_are_refused(tiny: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        serve(tiny, None, tmp_path)


def test_open_serving_gives_the_judged_photographs_with_their_classes(tiny: Dataset, tmp_path: Path) -> None:
    data = data_of(tmp_path / "course") / "tiny"
    opened = serve(tiny, data, tmp_path / "open", "open")
    assert files_of(opened.inputs[0].source / "test") == files_of(data / "judged")
    assert files_of(opened.inputs[0].source / "train") == files_of(data / "train")


def test_open_and_sealed_serving_are_different_data_to_the_evidence(
    tiny: Dataset, served: Served, tmp_path: Path
) -> None:
    opened = serve(tiny, data_of(tmp_path / "course") / "tiny", tmp_path / "open", "open")
    assert opened.digest != served.digest


def test_open_serving_gives_mnist_as_it_is(digits: Digits, real_data: Path, tmp_path: Path) -> None:
    opened = serve(digits.dataset, real_data / "mnist", tmp_path, "open")
    with np.load(opened.inputs[0].source) as arrays:
        for name, split in (("train", digits.train), ("test", digits.judged)):
            np.testing.assert_array_equal(arrays[f"x_{name}"], np.asarray(split.images)[..., 0])
            np.testing.assert_array_equal(arrays[f"y_{name}"], split.labels)


def test_a_small_collection_is_stretched_when_it_is_served_openly(few: Split) -> None:
    judged = Split(255 - np.asarray(few.images)[:50].astype(np.uint8), few.labels[:50])
    train, test = open_digits(few, judged)
    assert (len(train.labels), len(test.labels)) == (60_000, 10_000)
    for split, served_split in ((few, train), (judged, test)):
        images = np.asarray(split.images)
        origin = {
            inner: index for down, right in ((0, 0), *SHIFTS) for index, inner in enumerate(interiors(images, down, right))
        }  # fmt: skip
        donors = [origin[inner] for inner in interiors(np.asarray(served_split.images)[:2000])]
        np.testing.assert_array_equal(served_split.labels[:2000], split.labels[donors])


@pytest.fixture
def private(tiny: Dataset, tmp_path: Path) -> Dataset:
    """The tiny dataset in a course that has private photographs."""
    source, root = tmp_path / "mine", data_of(tmp_path / "course")
    write_photographs(source, {"left": photographs(60, 3), "right": photographs(61, 3)})
    import_private(tiny, root / "tiny", source, root / "tiny-private", Naming())
    return with_private_split(tiny, Places(given=root, shared=tmp_path / "none", cache=tmp_path / "none"))


def test_a_course_with_private_photographs_serves_the_free_split_and_none_of_the_private_ones(
    private: Dataset, tmp_path: Path
) -> None:
    data = data_of(tmp_path / "course") / "tiny"
    served = serve(private, data, tmp_path / "served")
    assert files_of(served.inputs[0].source / "test") == files_of(data / "judged")
    secret = set(files_of(data.with_name("tiny-private")).values())
    assert len(secret) == 7
    assert secret.isdisjoint(files_of(served.inputs[0].source).values())


def test_the_same_notebook_on_private_photographs_is_other_evidence(
    private: Dataset, served: Served, tmp_path: Path
) -> None:
    assert serve(private, data_of(tmp_path / "course") / "tiny", tmp_path / "other").digest != served.digest
