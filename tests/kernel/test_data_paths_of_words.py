"""A path that is not there leads to the served data by what it says; one that exists is left alone."""

import gzip
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.kernel.guest.data_paths.downloads import chosen
from grader.kernel.guest.data_paths.layouts import Digits, Layouts, read_path
from grader.kernel.guest.data_paths.paths import Purpose, Redirects, speaks_of_names
from grader.kernel.guest.notes import Notes
from tests.kernel.served import CLASSES, TESTED, TRAINED, write_digits, write_photographs


class Place:
    """A working folder with the redirects of a run around it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.served = write_photographs(root / "served")
        self.work = root / "work"
        self.work.mkdir()
        monkeypatch.chdir(self.work)
        monkeypatch.setattr("tempfile.tempdir", str(root / "tmp"))
        self.notes = Notes()
        self.code: list[str] = []
        layouts = Layouts(self.served, root / "tmp" / ".layouts")
        self.redirects = Redirects(
            layouts=layouts, digits=None, folder=layouts.folder, notes=self.notes, source=lambda: self.code
        )

    def listed(self, path: str, purpose: Purpose = "list") -> list[str]:
        return sorted(entry.name for entry in Path(self.redirects.find(path, purpose)).iterdir())

    def picture(self, path: str) -> str:
        """Where the photograph lies that stands for `path`, below the served folder."""
        return str(Path(self.redirects.find(path, "read")).relative_to(self.served))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_folders_of_known_collections_have_the_names_that_their_code_expects(place: Place) -> None:
    assert place.listed("/content/cats_and_dogs_small") == ["test", "train", "validation"]
    assert place.listed("x/cats_and_dogs_small/train") == ["cats", "dogs"]
    assert place.listed("cats_and_dogs_filtered") == ["train", "validation"]
    assert place.listed("../input/PetImages") == ["Cat", "Dog"]
    assert place.listed("../input/dogs-vs-cats") == ["test1", "train"]
    assert len(place.listed("../input/dogs-vs-cats/train")) == 2 * TRAINED
    assert len(place.listed("../input/dogs-vs-cats/test1")) == 2 * TESTED


def test_an_unknown_folder_is_listed_as_the_whole_and_read_by_keras_as_the_training_folder(place: Place) -> None:
    assert place.listed("/content/drive/MyDrive/mio") == ["test", "train", "validation"]
    assert place.listed("/content/drive/MyDrive/mio", "tree") == list(CLASSES)
    assert place.redirects.find("/content/drive/MyDrive/mio", "look") is None, "whether it exists is not ours to invent"


@pytest.mark.parametrize(
    "name", ["train/gatti", "D:\\foto\\training\\Cats", "PetImages/Cat", "dogs-vs-cats/train/cats"]
)
def test_every_photograph_of_a_class_is_in_its_folder(place: Place, name: str) -> None:
    found = place.redirects.find(name, "list")
    pictures = {os.path.realpath(path) for path in Path(found).iterdir()}
    assert pictures == {str(path) for path in (place.served / "train" / "cat").iterdir()}


def test_a_photograph_is_found_by_class_split_and_number(place: Place) -> None:
    assert place.picture("C:\\x\\train\\dogs\\dog.3.jpg") == "train/dog/dog.4.jpg"
    assert place.picture("validation/cani/12.png") == "test/dog/dog.3.jpg"
    assert place.picture("foo/cat.0.jpg") == "train/cat/cat.1.jpg"


def test_what_is_split_off_a_flat_folder_by_hand_is_not_what_was_trained_with(place: Place) -> None:
    trained = {place.picture(f"kaggle/train/cat.{number}.jpg") for number in range(TRAINED)}
    tested = {place.picture(f"kaggle/train/cat.{number}.jpg") for number in range(TRAINED, 2 * TRAINED)}
    assert (len(trained), len(tested)) == (TRAINED, TESTED)
    assert all(path.startswith("train/") for path in trained)
    assert all(path.startswith("test/") for path in tested)


def test_counting_until_a_file_is_missing_comes_to_an_end(place: Place) -> None:
    assert place.redirects.find("train/cat.24999.jpg", "look") is not None
    assert place.redirects.find("train/cat.25001.jpg", "look") is None


def test_archives_hold_the_layout_that_their_name_promises(place: Place) -> None:
    def names(path: str) -> list[str]:
        with zipfile.ZipFile(place.redirects.find(path, "read")) as archive:
            assert archive.testzip() is None
            return archive.namelist()

    filtered = names("/tmp/cats_and_dogs_filtered.zip")
    assert len(filtered) == 2 * TRAINED + 2 * TESTED
    assert filtered[0] == "cats_and_dogs_filtered/train/cats/cat.0.jpg"
    assert names("kagglecatsanddogs_3367a.zip")[0] == "PetImages/Cat/0.jpg"
    assert set(names("dogs-vs-cats.zip")) == {"train.zip", "test1.zip"}
    assert sorted(names("../input/dogs-vs-cats/train.zip"))[0] == "train/cat.0.jpg"
    assert names("archive.zip")[0] == "archive/test/cat/cat.1000.jpg"


def test_the_code_so_far_tells_folders_from_photographs_side_by_side(place: Place) -> None:
    assert place.listed("train") == list(CLASSES)
    place.code = ["for f in os.listdir('train'):\n    label = f.split('.')[0]\n    if label == 'cat': pass"]
    assert len(place.listed("train")) == 2 * TRAINED


@pytest.mark.parametrize("folder", ["/content/drive/MyDrive/catsdogs/validation", "test_set", "test"])
def test_photographs_side_by_side_have_the_names_that_the_code_reads_classes_off(place: Place, folder: str) -> None:
    place.code = ["y = [0 if name.startswith('cat') else 1 for name in os.listdir(folder)]"]
    names = place.listed(folder)
    assert len(names) == 2 * TESTED
    assert sum(name.startswith("cat.") for name in names) == sum(name.startswith("dog.") for name in names) == TESTED
    tested = {os.path.realpath(Path(place.redirects.find(folder, "list"), name)) for name in names}
    assert all(Path(path).is_relative_to(place.served / "test") for path in tested)


@pytest.mark.parametrize(
    ("cells", "flat"),
    [
        ((), False),
        (("y = 1 if 'dog' in name else 0",), True),
        (("if file.startswith('dog'): copy(file, home + 'dogs/')",), True),
        (("labels = [name[:3] == 'cat' for name in names]",), True),
        (("for root, _, files in os.walk(d):\n    y = 0 if 'cat' in os.path.basename(root) else 1",), False),
        (("for root, _, files in os.walk(d):\n    y = 'dog' in root",), False),
        (("for root, _, files in os.walk(d):\n    y = ['dog' in f for f in files]",), True),
        (("a.split('.')[0]", "for kind in ['cats', 'dogs']: pass"), False),
        (("flow_from_directory(x)", "path = f'train/cat.{i}.jpg'", "plt.show()"), True),
        (("suffix = name.split('.')[-1]", "np.concat.x"), False),
    ],
)
def test_the_latest_cell_that_says_anything_of_it_decides(cells: tuple[str, ...], flat: bool) -> None:
    assert speaks_of_names(cells) is flat


def test_a_pattern_tells_them_apart_without_looking_at_code(place: Place) -> None:
    with place.redirects.expecting(True):
        assert len(place.listed("train")) == 2 * TRAINED
    with place.redirects.expecting(False):
        assert place.listed("dogs-vs-cats/train") == list(CLASSES)


def test_each_folder_is_told_once_and_those_below_it_not_at_all(place: Place) -> None:
    for _ in range(2):
        for name in ("gatti/train", "gatti/train/gatti", "gatti/train/gatti/cat.1.jpg"):
            place.redirects.find(name, "read" if name.endswith("jpg") else "list")
    assert place.notes.told()["notes"] == [
        "`gatti/train` was not there: the course's training photographs (cat) were read instead"
    ]


def test_looking_is_not_told(place: Place) -> None:
    assert place.redirects.find("cats_and_dogs_small/train", "look") is not None
    assert place.notes.told()["notes"] == []


def test_a_file_beside_the_notebook_is_found_by_its_last_parts(place: Place) -> None:
    (place.work / "my").mkdir()
    (place.work / "my" / "labels.csv").write_text("x")
    assert place.redirects.find("/content/drive/MyDrive/my/labels.csv", "read") == "my/labels.csv"
    assert place.redirects.find("C:\\Users\\me\\my\\labels.csv", "read") == "my/labels.csv"
    assert place.redirects.find("my\\labels.csv", "read") == "my/labels.csv"
    assert place.redirects.find("other/labels.csv", "read") is None, "a relative path says where it means"


def test_a_write_gets_its_missing_folder_and_stays_where_it_was_meant(place: Place) -> None:
    assert place.redirects.place("out/put/x.txt") == "out/put/x.txt"
    assert (place.work / "out" / "put").is_dir()
    assert place.notes.told()["notes"] == ["`out/` was not there: it was made"]


def test_a_place_of_another_computer_gets_a_folder_that_stands_for_it_and_is_found_again(place: Place) -> None:
    for path in ("C:\\data\\own.txt", "/Users/me/own.txt"):
        stands = Path(place.redirects.place(path))
        assert stands.is_relative_to(place.redirects.layouts.folder)  # type: ignore[union-attr]
        stands.write_text("mine")
        assert Path(place.redirects.find(path, "read")).read_text() == "mine"


@pytest.mark.parametrize("path", ["/usr/x.txt", "/etc/passwd2", "/proc/x", "/nowhere/at/all.txt"])
def test_no_other_place_stands_for_a_part_of_the_system(place: Place, path: str) -> None:
    assert place.redirects.place(path) is None
    assert place.redirects.find(path, "read") is None


EXISTING = st.lists(st.sampled_from(["train", "cats", "test", "cat.1.jpg", "cats_and_dogs_small", "a.zip", "x"]),
                    min_size=1, max_size=4)  # fmt: skip
PURPOSES: st.SearchStrategy[Purpose] = st.sampled_from(["look", "read", "list", "tree"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(EXISTING, PURPOSES)
def test_a_path_that_exists_is_never_mapped(place: Place, parts: list[str], purpose: Purpose) -> None:
    path = Path(*parts)
    if not any(parent.is_file() for parent in path.parents):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("own")
        assert place.redirects.find(str(path), purpose) is None
        assert place.redirects.existing(str(path), purpose) == str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(st.text(max_size=60), PURPOSES)
def test_any_path_is_answered_without_an_error_and_alike_every_time(place: Place, path: str, purpose: Purpose) -> None:
    found = place.redirects.find(path, purpose)
    assert place.redirects.find(path, purpose) == found
    assert found is None or Path(found).exists()
    assert place.redirects.find(os.fsencode(path) if path.isascii() else b"", purpose) in (
        None, os.fsencode(found) if found and path.isascii() else None,
    )  # fmt: skip


@given(st.binary(max_size=30))
def test_bytes_and_numbers_are_no_trouble(data: bytes) -> None:
    redirects = Redirects(layouts=None, digits=None, folder=Path("/nowhere"), notes=Notes())
    for value in (data, 7, None, object(), [data]):
        assert redirects.find(value, "read") is None


def test_photographs_are_links_that_can_be_taken_away_without_harm(place: Place) -> None:
    link = Path(place.redirects.find("train/cats", "list"), "cat.0.jpg")
    assert link.is_symlink()
    link.unlink()
    assert len(list((place.served / "train" / "cat").iterdir())) == TRAINED


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    folder = tmp_path_factory.mktemp("digits")
    return Digits(str(write_digits(folder)), folder / "made")


def test_digits_are_served_as_idx_files(digits: Digits) -> None:
    images = digits.find("data/train-images-idx3-ubyte.gz")
    labels = digits.find("C:\\mnist\\t10k-labels.idx1-ubyte")
    assert images is not None
    assert labels is not None
    with gzip.open(images) as file:
        assert struct.unpack(">IIII", file.read(16)) == (2051, 60_000, 28, 28)
        assert np.frombuffer(file.read(), np.uint8).reshape(60_000, 784)[13, :2].tolist() == [3, 1]
    data = Path(labels).read_bytes()
    assert struct.unpack(">II", data[:8]) == (2049, 10_000)
    assert list(data[8:11]) == [0, 1, 2]


def test_digits_are_served_as_tables(digits: Digits) -> None:
    table = digits.find("../input/digit-recognizer/train.csv")
    assert table is not None
    with open(table) as file:  # noqa: PTH123
        lines = file.read().splitlines()
    assert len(lines) == 60_001
    assert lines[0].startswith("label,pixel0,pixel1,")
    assert lines[14].split(",")[:4] == ["3", "3", "1", "0"]
    assert {line.count(",") for line in lines} == {784}
    plain = digits.find("test.csv")
    assert plain is not None
    first = Path(plain).read_text().splitlines()
    assert (len(first), first[0][:7], first[1].count(",")) == (10_001, "pixel0,", 783)


def test_digits_are_served_as_arrays(digits: Digits) -> None:
    for name, shape in (("x_train.npy", (60_000, 28, 28)), ("test_labels.npy", (10_000,))):
        path = digits.find(name)
        assert path is not None
        assert np.load(path).shape == shape


@pytest.mark.parametrize(
    "path",
    ["fashion-mnist/train-images-idx3-ubyte.gz", "kmnist/mnist.npz", "cifar.npz", "trainer.csv", "", "/", "mnist"],
)
def test_other_data_is_not_taken_for_mnist(digits: Digits, path: str) -> None:
    assert digits.find(path) is None


@pytest.mark.parametrize(
    ("split", "first", "count"),
    [
        ("train", ("train", 0), 200),
        ("train[:80%]", ("train", 0), 160),
        ("train[80%:90%]", ("train", 160), 20),
        ("train[-10:]", ("train", 190), 10),
        ("train[20:]+test", ("train", 20), 230),
        ("all", ("train", 0), 250),
    ],
)
def test_a_split_is_cut_as_tensorflow_datasets_cuts_it(split: str, first: tuple[str, int], count: int) -> None:
    found = chosen(split, {"train": 200, "test": 50})
    assert (found[0], len(found)) == (first, count)


@pytest.mark.parametrize("split", ["dev", "train[", "train[a:]", ""])
def test_a_split_that_is_none_is_an_error_that_names_those_there_are(split: str) -> None:
    with pytest.raises(ValueError, match=r"Should be one of \['train', 'test'\]"):
        chosen(split, {"train": 200, "test": 50})


def test_the_layouts_know_classes_of_another_name(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("left", "right"):
            (tmp_path / "s" / split / name).mkdir(parents=True)
            (tmp_path / "s" / split / name / "000.png").touch()
    layouts = Layouts(tmp_path / "s", tmp_path / "l")
    found = layouts.directory(read_path("train/rights", layouts.classes), flat=False)
    assert os.path.realpath(next(Path(found).iterdir())) == str(tmp_path / "s/train/right/000.png")
