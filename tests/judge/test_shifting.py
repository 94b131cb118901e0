"""Pictures moved by one pixel, and how often a network changes its mind over that."""

from pathlib import Path

import numpy as np
import pytest

from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.judge.client import Question, judge_model
from grader.judge.probes import choose_shifted, count_changed, shift_images
from grader.sandbox.interface import Sandbox
from tests.judge.models import images


def test_pictures_are_moved_by_one_pixel_in_four_directions_and_their_edge_is_repeated() -> None:
    picture = np.arange(9, dtype=np.uint8).reshape(3, 3, 1)
    up, down, left, right = (moved[..., 0].tolist() for moved in shift_images([picture] * 4, (3, 3)))
    assert up == [[3, 4, 5], [6, 7, 8], [6, 7, 8]]
    assert down == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert left == [[1, 2, 2], [4, 5, 5], [7, 8, 8]]
    assert right == [[0, 0, 1], [3, 3, 4], [6, 6, 7]]


def test_a_photograph_is_moved_by_one_pixel_of_the_size_that_the_network_sees() -> None:
    photograph = np.zeros((400, 200, 3), np.uint8)
    photograph[100] = 255
    (moved,) = shift_images([photograph], (100, 100))
    assert np.flatnonzero(moved[:, 0, 0]).tolist() == [96]


@pytest.mark.parametrize(("count", "photographs", "wanted"), [(10_000, False, 500), (1_000, True, 100), (3, True, 3)])
def test_a_bounded_part_of_the_images_is_moved_evenly_spread(count: int, photographs: bool, wanted: int) -> None:
    chosen = choose_shifted(count, photographs=photographs)
    assert len(set(chosen.tolist())) == wanted
    assert (chosen[0], chosen[-1]) == (0, count - 1)


@pytest.mark.parametrize(("activation", "changed"), [("softmax", 2), ("linear", 2)])
def test_another_class_and_what_is_no_number_count_as_changed(activation: str, changed: int) -> None:
    before = np.eye(3, dtype=np.float32)
    after = before.copy()
    after[0] = [0, 1, 0]
    after[1, 1] = np.nan
    found = count_changed(before, after, activation=activation)
    assert (found.images, found.changed) == (3, changed)


def test_one_output_changes_its_class_at_its_own_bar() -> None:
    before, after = np.array([[0.4], [0.6]], np.float32), np.array([[0.3], [0.4]], np.float32)
    assert count_changed(before, after, activation="sigmoid").changed == 1
    assert count_changed(before, after, activation="linear").changed == 0


def test_the_judge_tells_how_often_a_real_network_changes_its_mind(models: Path, warm_sandbox: Sandbox) -> None:
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    model = (models / "flat.keras").read_bytes()
    verdict = judge_model(model, question, Claims(), warm_sandbox, Limits())
    shifted = verdict.judgement.shifted
    assert shifted is not None
    assert shifted.images == 300
    assert shifted.changed < 150
