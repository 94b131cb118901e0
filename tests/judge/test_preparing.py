"""What the recorded rows do in the judge: found again in the training images, they say how images are prepared."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.core.evidence import Candidate, Claims, Preparation
from grader.core.limits import Limits
from grader.judge import worker
from grader.judge.client import Question, judge_model
from grader.judge.match_rows import TrainingImageIndex
from tests.fakes import trained_claims
from tests.judge.hostile import archive
from tests.judge.impostor import Impostor
from tests.judge.models import images
from tests.judge.test_impostor import answering, by_brightness


def packed(rows: NDArray[Any]) -> bytes:
    """Rows as the kernel leaves them."""
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def prepared(rows: bytes | None, claims: Claims, *, dark: bool = False) -> Preparation:
    """How the judge prepared images for a network that tells bright ones from dark ones; `dark`: the wrong way round."""
    judged, known = images(300, 2), images(200, 1)
    question = Question(
        image_shape=(8, 8, 1), probe=known, images=judged.images, units=(2,), rows=rows,
        trained_on=TrainingImageIndex(known), classes=("night", "day"),
    )  # fmt: skip

    def answer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return by_brightness(pixels)[:, ::-1] if dark else by_brightness(pixels)

    verdict = judge_model(archive(), question, claims, Impostor(answering(answer)), Limits())
    assert verdict.judgement.preparation is not None, verdict.judgement.reason
    return verdict.judgement.preparation


def pictures() -> NDArray[np.float32]:
    return np.asarray(images(200, 1).images)[40:60].astype(np.float32)


def test_rows_that_are_training_images_say_how_they_were_prepared() -> None:
    found = prepared(packed(1 - pictures() / 255), trained_claims())
    assert (found.scale, found.offset, found.matched) == (-255.0, 255.0, 20)
    assert "inverted, divided by 255" in found.description
    assert "found in your first batch: 20 of 20 rows are training images prepared like this" in found.description


@pytest.mark.parametrize(
    "rows",
    [
        None, b"", b"\x93NUMPY", packed(np.zeros((0, 8, 8, 1))), packed(np.array(3.0)), packed(np.ones((5, 3))),
        packed(np.full((20, 8, 8, 1), np.nan)), packed(np.random.default_rng(1).random((20, 8, 8, 1))),
    ],
    ids=["none", "empty", "cut", "no rows", "a number", "another shape", "nan", "noise"],
)  # fmt: skip
def test_whatever_else_stands_in_their_place_is_passed_over(rows: bytes | None) -> None:
    found = prepared(rows, trained_claims())
    assert (found.scale, found.matched, found.accuracy) == (255.0, 0, 1.0)
    assert "first batch" not in found.description


def test_classes_that_are_taken_for_each_other_are_told_and_gain_nothing() -> None:
    known = images(200, 1).labels[40:60]
    claims = trained_claims()
    fit = claims.fits[0].model_copy(update={"labels": tuple(int(1 - label) for label in known)})
    taken = Candidate(name=fit.model, fitted=True, output_units=2, taken=True, reason="")
    claims = claims.model_copy(update={"fits": (fit,), "candidates": (taken,)})
    found = prepared(packed(pictures() / 255), claims, dark=True)
    assert (found.swapped, found.accuracy) == (True, 0.0)
    assert "takes the two classes for each other (night must be 0, day must be 1)" in found.description
    assert "so do the labels of 20 rows" in found.description


class Mirror:
    """A network that answers with what it was given."""

    def predict_on_batch(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return values


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"), [("uint8", 255.0, 0.0), ("uint8", -2.0, 7.0), ("float32", 1.0, 0.0)]
)
def test_the_worker_scales_bytes_and_takes_numbers_as_they_are(dtype: str, scale: float, offset: float) -> None:
    sent = np.arange(24).reshape(6, 4).astype(dtype)
    request = {"shape": [6, 4], "dtype": dtype, "scale": scale, "offset": offset}
    found = worker.predict(Mirror(), request, sent.tobytes(), np)
    np.testing.assert_allclose(found, (sent.astype(float) - offset) / scale, rtol=1e-6)
