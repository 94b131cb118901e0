"""An album: what is made of the training pictures once, however many networks ask."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from grader.core.thumbnails import SIDE
from grader.course.dataset import Split
from grader.judge import match_rows
from grader.judge.match_rows import TrainingImageIndex

GENERATOR = np.random.default_rng(3)
PICTURES = GENERATOR.integers(0, 256, (60, 28, 28, 1), dtype=np.uint8)
LABELS = np.arange(60, dtype=np.int64) % 10
ROWS = PICTURES[[5, 17, 41]].astype(np.float32) / np.float32(255)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The frames that copies were made for."""
    told: list[str] = []
    original = match_rows._copies_of

    def copies_of(*arguments: object) -> object:
        told.append(str(arguments[1]))
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(match_rows, "_copies_of", copies_of)
    return told


def test_rows_are_found_by_their_place_and_strangers_are_not() -> None:
    rows = np.concatenate([ROWS * 3 - 1, GENERATOR.random((1, 28, 28, 1))]).astype(np.float32)
    found = TrainingImageIndex(Split(PICTURES, LABELS)).find(rows, "stretched", (28, 28))
    assert found.tolist() == [5, 17, 41, -1]


def test_copies_are_made_once_for_all_who_ask_at_once(made: list[str]) -> None:
    album = TrainingImageIndex(Split(PICTURES, LABELS))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: album.find(ROWS, "stretched", (28, 28)).tolist(), range(8)))
    assert found == [[5, 17, 41]] * 8
    assert made == ["stretched"]


def test_how_rows_are_stretched_makes_no_other_copies_and_a_frame_does(made: list[str]) -> None:
    album = TrainingImageIndex(Split(PICTURES, LABELS))
    album.find(ROWS, "stretched", (28, 28))
    album.find(ROWS, "stretched", (14, 28))
    album.find(ROWS, "padded", (32, 32))
    album.find(ROWS, "padded", (40, 40))
    assert made == ["stretched", "padded", "padded"]


def test_what_was_used_longest_ago_is_let_go_where_there_is_too_much(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_rows, "MOST_BYTES", 2 * 60 * SIDE**2 * 4)
    album = TrainingImageIndex(Split(PICTURES, LABELS))
    for frame in ("stretched", "padded", "stretched", "centre", "stretched", "padded"):
        album.find(ROWS, frame, (30, 26))
    assert made == ["stretched", "padded", "centre", "padded"]


def test_pictures_of_several_sizes_are_looked_up_too() -> None:
    pictures = [GENERATOR.integers(0, 256, (20 + step, 30, 3), dtype=np.uint8) for step in range(6)]
    album = TrainingImageIndex(Split(pictures, LABELS[:6]))
    rows = pictures[3][None].astype(np.float32) / np.float32(255)
    assert album.find(rows, "stretched", (23, 30)).tolist() == [3]


def test_rows_with_pixels_standardised_one_by_one_are_found() -> None:
    album = TrainingImageIndex(Split(PICTURES, LABELS))
    mean, deviation = album.standard()
    rows = PICTURES[[9, 30]].astype(np.float32) - mean
    assert album.find_by_pixels(rows / deviation, divided=True).tolist() == [9, 30]
    assert album.find_by_pixels(rows / np.float32(255), divided=False).tolist() == [9, 30]
    assert album.standard()[0] is mean


def test_mean_and_deviation_of_all_pixels_are_those_of_the_pictures() -> None:
    assert TrainingImageIndex(Split(PICTURES, LABELS)).overall() == pytest.approx(
        (PICTURES.mean(), PICTURES.std()), rel=1e-3
    )
    assert TrainingImageIndex(Split([PICTURES[0]], LABELS[:1])).overall() is None
