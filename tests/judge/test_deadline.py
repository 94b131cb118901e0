"""What the host does for a judge whose time is over, or that has died: it prepares no more images for nobody."""

import io
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.course.dataset import Split
from grader.judge import client, match_rows, preparation
from grader.judge.client import JudgeAnswer, Question, judge_model
from grader.judge.match_rows import TrainingImageIndex
from grader.sandbox.channel import Channel
from tests.fakes import photographs
from tests.judge.hostile import archive
from tests.judge.impostor import Impostor, Script

COUNT = 120  # photographs of each kind; a recipe is tried on all of them
PROMPT = 10  # images that may pass before it is seen that nobody waits


def judging(size: int, *, answers: bool) -> Script:
    """A judge of a network that takes pictures of so many pixels a side; unless it `answers` it dies once it said so."""
    about: dict[str, Any] = {
        "kind": "Functional", "input_shape": [size, size, 3], "output_shape": [2], "parameters": 1, "layers": [],
    }  # fmt: skip

    def play(channel: Channel, connection: socket.socket) -> None:
        channel.send({"ready": {}})
        channel.receive()
        channel.send({"architecture": about})
        while answers:
            request, _ = channel.receive()
            outputs = np.full((request["shape"][0], 2), 0.5, np.float32)
            channel.send({"shape": list(outputs.shape)}, outputs.tobytes())

    return play


def judge(impostor: Impostor, rows: bytes | None = None) -> JudgeAnswer:
    known = Split(photographs(1, COUNT), np.arange(COUNT) % 2)
    question = Question(
        image_shape=None,
        probe=known,
        images=photographs(2, COUNT),
        units=(2,),
        rows=rows,
        trained_on=TrainingImageIndex(known),
    )
    return judge_model(archive(), question, Claims(), impostor, Limits())


def counted(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, first: Callable[[], None] = lambda: None
) -> list[None]:
    """Grows by one with each call of a function of ours, which waits until `first` is done."""
    calls: list[None] = []
    real: Callable[..., Any] = getattr(module, name)

    def call(*values: Any) -> Any:
        calls.append(None)
        first()
        return real(*values)

    monkeypatch.setattr(module, name, call)
    return calls


def test_a_network_of_huge_pictures_takes_no_longer_than_the_judge_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WALL_S", 2.0)
    resized = counted(monkeypatch, preparation, "_resize", lambda: time.sleep(0.5))
    verdict = judge(Impostor(judging(200, answers=True)))
    assert 0 < len(resized) < PROMPT
    assert verdict.judgement.outcome == "described"
    assert verdict.judgement.reason == (
        "the network took longer than 2 s to load or to predict the images: make it smaller"
    )


def test_no_images_are_prepared_for_a_judge_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = Impostor(judging(200, answers=False))
    resized = counted(monkeypatch, preparation, "_resize", impostor.wait_until_gone)
    verdict = judge(impostor)
    assert len(resized) < PROMPT
    assert verdict.judgement.reason.startswith("the judge crashed")


def test_nor_are_recorded_rows_looked_for_among_the_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = Impostor(judging(200, answers=False))
    looked_at = counted(monkeypatch, match_rows, "small_copies", impostor.wait_until_gone)
    buffer = io.BytesIO()
    rows: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (4, 200, 200, 3), np.uint8)
    np.save(buffer, rows, allow_pickle=False)
    verdict = judge(impostor, buffer.getvalue())
    assert len(looked_at) < PROMPT
    assert verdict.judgement.reason.startswith("the judge crashed")
