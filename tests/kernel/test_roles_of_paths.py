"""What a path asks for is read off its words, whatever the system and the language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.kernel.guest.data_paths.layouts import WantedData, components, is_foreign, read_path, words_of

CLASSES = ("cat", "dog")


def wanted(path: str) -> WantedData:
    return read_path(path, CLASSES)


@pytest.mark.parametrize(
    ("path", "split", "label"),
    [
        ("cats_and_dogs_small/train/cats", "train", 0),
        ("/content/drive/MyDrive/Corso IA/gatti_e_cani/addestramento/Gatti/", "train", 0),
        ("C:\\Users\\ana\\Desktop\\perros y gatos\\validación\\perros", "validation", 1),
        ("D:/bilder/hund_und_katze/test/Hunde", "test", 1),
        ("../input/dogs-vs-cats/train/train", "train", None),
        ("dataset/training_set", "train", None),
        ("dataset/test_set/dogs", "test", 1),
        ("/tmp/PetImages/Cat", None, 0),
        ("data/traincats", "train", 0),
        ("photos/TrainingSet/DogImages", "train", 1),
        ("/Users/test/cats_and_dogs_filtered/train/dogs", "train", 1),  # what stands above the collection says nothing
        ("chiens-et-chats/entrainement/chats", "train", 0),
        ("train/../validation/./cats", "validation", 0),
        ("/home/dogan/training", "train", None),
    ],
)
def test_a_folder_is_known_by_the_nearest_words(path: str, split: str | None, label: int | None) -> None:
    found = wanted(path)
    assert (found.kind, found.split, found.label, found.known) == ("folder", split, label, True)


@pytest.mark.parametrize(
    ("path", "layout"),
    [
        ("cats_and_dogs_small/train", "small"),
        ("/tmp/cats_and_dogs_filtered/validation", "filtered"),
        ("../input/dogs-vs-cats-redux-kernels-edition/train", "kaggle"),
        ("kagglecatsanddogs_5340/PetImages/Dog", "petimages"),
        ("PetImages", "petimages"),
        ("my_cats_and_dogs/train", "plain"),
        ("../input/cat-and-dog/training_set/training_set", "sets"),
        ("dataset/test_set/dogs", "sets"),
        ("PetImages/training_set", "petimages"),
    ],
)
def test_a_known_collection_keeps_its_layout(path: str, layout: str) -> None:
    assert wanted(path).layout == layout


@pytest.mark.parametrize(
    ("path", "split", "label", "number", "flat"),
    [
        ("train/cat.12.jpg", "train", 0, 12, True),
        ("train/cats/cat.12.jpg", "train", 0, 12, False),
        ("PetImages/Dog/7.jpg", None, 1, 7, False),
        ("test1/123.jpg", "test", None, 123, False),
        ("dog.999999999999999999999.jpeg", None, 1, 999999999, True),
    ],
)
def test_a_photograph_is_known_by_its_class_and_number(
    path: str, split: str | None, label: int | None, number: int, flat: bool
) -> None:
    found = wanted(path)
    assert (found.kind, found.split, found.label, found.number, found.flat) == (
        "photograph", split, label, number, flat,
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["", "/", "model.keras", "train.csv", "logs/train", "checkpoints/cats", "output/test", "train/labels.txt",
     "data/.cache/train", "results/dog.1.jpg"],
)  # fmt: skip
def test_what_is_no_photograph_and_what_a_program_writes_is_not_looked_for(path: str) -> None:
    assert wanted(path).kind == "other"


@pytest.mark.parametrize("path", ["images", "concatenate", "category", "IMG_2034.jpg", "my_folder", "archive.zip"])
def test_words_that_only_contain_a_role_say_nothing(path: str) -> None:
    assert not wanted(path).known


def test_classes_of_another_course_are_known_by_their_own_names() -> None:
    found = read_path("train/lefts/left.3.jpg", ("left", "right"))
    assert (found.split, found.label, found.number) == ("train", 0, 3)


def test_words_lose_accents_capitals_and_digits() -> None:
    assert words_of("ValidaçãoSet2_ÉTÉ") == ["validacao", "set", "ete"]


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error_and_alike_every_time(path: str) -> None:
    found = wanted(path)
    assert found == read_path.__wrapped__(path, CLASSES)
    assert found.label in (None, 0, 1)
    assert found.known or (found.split, found.label) == (None, None)
    assert not set(components(path)) & {"", ".", ".."}


PARTS = st.sampled_from(
    ["train", "Test", "gatti", "dogs", "cat.4.jpg", "..", ".", "", "C:", "cats_and_dogs", "x y", "été"]
)


@given(st.lists(PARTS, max_size=6), st.sampled_from(["/", "\\"]))
def test_slashes_of_either_kind_mean_the_same(parts: list[str], slash: str) -> None:
    assert wanted("/".join(parts)) == wanted(slash.join(parts))


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_what_stands_before_a_collection_changes_nothing(parts: list[str]) -> None:
    below = [part for part in parts if part != ".."]
    path = "/".join(["cats_and_dogs_small", *below])
    assert wanted(f"/content/drive/test/dogs/{path}") == wanted(path)


def test_a_windows_drive_is_foreign() -> None:
    assert is_foreign("C:\\data")
    assert is_foreign("d:/data")
    assert not is_foreign("data:/x")
    assert not is_foreign("/content")
