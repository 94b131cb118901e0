"""What the host makes of a judge that was taken over: it may say anything, and is believed in nothing but its words."""

import signal
import socket
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import Cause, Claims
from grader.core.limits import Limits
from grader.judge import client
from grader.judge.client import JudgeAnswer, Question, arrange, explain_death, judge_model, require_steady
from grader.sandbox import channel as protocol
from grader.sandbox.channel import Channel, is_bounded
from grader.sandbox.interface import Stopped
from tests.judge.hostile import archive
from tests.judge.impostor import Impostor, Script
from tests.judge.models import images

ARCHITECTURE: dict[str, Any] = {
    "kind": "Sequential", "input_shape": [8, 8, 1], "output_shape": [2], "parameters": 130, "layers": [],
}  # fmt: skip
MALFORMED = "the judge's description of the network is malformed"
CRASHED = "the judge crashed while it loaded or ran the network, which is usually a lack of memory"


def judge(impostor: Impostor) -> JudgeAnswer:
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    return judge_model(archive(), question, Claims(), impostor, Limits())


def reason(impostor: Impostor) -> str:
    verdict = judge(impostor)
    assert verdict.outputs is None
    assert verdict.judgement.outcome in ("refused", "described")
    return verdict.judgement.reason


def then(*replies: bytes) -> Script:
    """Says ready, then these bytes, each in answer to a request."""

    def play(channel: Channel, connection: socket.socket) -> None:
        channel.send({"ready": {}})
        for reply in replies:
            channel.receive()
            connection.sendall(reply)

    return play


def answering(answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Script:
    """Describes a network, then answers every request for predictions with `answer(images)`."""

    def play(channel: Channel, connection: socket.socket) -> None:
        channel.send({"ready": {}})
        while True:
            request, payload = channel.receive()
            if request["do"] == "describe":
                channel.send({"architecture": ARCHITECTURE})
            else:
                outputs = answer(np.frombuffer(payload, np.uint8).reshape(request["shape"]))
                channel.send({"shape": list(outputs.shape)}, outputs.astype(np.float32).tobytes())

    return play


def by_brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    bright = pixels.mean(axis=(1, 2, 3)) > 125
    return np.stack([~bright, bright], axis=1).astype(np.float32)


def test_an_honest_one_is_believed_and_every_answer_finds_its_image() -> None:
    verdict = judge(Impostor(answering(by_brightness)))
    assert verdict.judgement.outcome == "judged", verdict.judgement.reason
    assert verdict.outputs is not None
    assert (verdict.outputs.argmax(axis=1) == images(300, 2).labels).all()


def test_images_do_not_arrive_in_the_order_of_their_labels_so_answers_by_place_are_worth_nothing() -> None:
    asked: list[NDArray[np.uint8]] = []

    def listen(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(pixels)
        return by_brightness(pixels)

    judge(Impostor(answering(listen)))
    whole = next(pixels for pixels in asked if len(pixels) == 300)
    known = np.asarray(images(300, 2).images)
    assert (whole != known).any(axis=(1, 2, 3)).mean() > 0.9
    assert sorted(image.tobytes() for image in whole) == sorted(image.tobytes() for image in known)


def test_answers_by_place_are_noticed() -> None:
    labels = images(300, 2).labels

    def by_place(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.eye(2, dtype=np.float32)[np.resize(labels, len(pixels))]

    assert "answers differently when the same images come in another order" in reason(Impostor(answering(by_place)))


def test_the_order_is_a_permutation_that_only_the_file_decides() -> None:
    first, again, other = arrange(500, b"a"), arrange(500, b"a"), arrange(500, b"b")
    assert sorted(first) == list(range(500))
    assert (first == again).all()
    assert (first != other).mean() > 0.9
    assert arrange(0, b"a").tolist() == []


def test_rounding_is_no_difference_and_one_image_in_a_hundred_is_not_either() -> None:
    outputs = np.random.default_rng(1).normal(size=(128, 10)).astype(np.float32)
    require_steady(outputs, outputs + np.float32(1e-3))
    again = outputs.copy()
    again[5] += 10
    require_steady(outputs, again)
    again[6:9] += 10
    with pytest.raises(Failure, match="another order"):
        require_steady(outputs, again)


def test_numbers_that_are_none_the_second_time_are_noticed() -> None:
    outputs = np.ones((128, 2), np.float32)
    with pytest.raises(Failure, match="another order"):
        require_steady(outputs, np.full_like(outputs, np.nan))


def silent(channel: Channel, connection: socket.socket) -> None:
    connection.settimeout(20)
    connection.recv(1)


def hangs_up(channel: Channel, connection: socket.socket) -> None:
    """Says nothing at all."""


def test_what_fails_before_the_word_ready_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READY_S", 0.2)
    for script in (silent, hangs_up, lambda channel, _: channel.send({"steady": 1})):
        for clings in (False, True):
            with pytest.raises(Infrastructure, match="The judge did not start") as caught:
                judge(Impostor(script, clings=clings))
            assert ("its last words" in str(caught.value)) is not clings


def test_what_dies_after_the_word_ready_is_the_networks() -> None:
    assert reason(Impostor(then())) == CRASHED
    assert reason(Impostor(then(), clings=True)) == CRASHED
    assert "more processor time" in reason(Impostor(then(), signal=signal.SIGXCPU))


def test_a_judge_that_says_nothing_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WALL_S", 0.2)

    def stalls(channel: Channel, connection: socket.socket) -> None:
        channel.send({"ready": {}})
        channel.receive()
        silent(channel, connection)

    assert reason(Impostor(stalls)).startswith("the network took longer than 0.2 s")


def test_a_judge_that_answers_in_drops_does_not_get_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WALL_S", 0.5)

    def drips(channel: Channel, connection: socket.socket) -> None:
        channel.send({"ready": {}})
        channel.receive()
        for _ in range(1200):
            connection.sendall(b" ")
            time.sleep(0.1)

    began = time.monotonic()
    assert reason(Impostor(drips)).startswith("the network took longer than 0.5 s")
    assert time.monotonic() - began < 60, "all drops take two minutes"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause.MEMORY_LIMIT, "needs more memory than the 4 GiB allowed: use fewer units"),
        (Cause.WALL_LIMIT, "took longer than 10 min to load or to predict"),
        (Cause.PROCESS_LIMIT, "went over a limit (process-limit)"),
    ],
)
def test_a_limit_that_was_passed_is_named(cause: Cause, words: str) -> None:
    stopped = Stopped(cause=cause, signal=9, code=None, cpu_s=1.0, peak_mb=1.0, log="")
    assert words in explain_death(stopped, ConnectionError(), Limits())


def described(**changed: object) -> bytes:
    import json

    return json.dumps({"bytes": 0, "architecture": {**ARCHITECTURE, **changed}}).encode() + b"\n"


@pytest.mark.parametrize(
    "reply",
    [
        b'{"bytes": 0}\n', b'{"bytes": 0, "architecture": []}\n', described(kind=5), described(input_shape=None),
        described(output_shape=["two"]), described(input_shape=[1] * 9), described(kind="x" * 3000), described(extra=1),
        described(input_shape=[10**19]), described(parameters=10**400), described(layers=[{}] * 2001),
        described(layers=[{"name": "a", "kind": "b", "config": {"x": [0] * 2001}}]),
    ],
)  # fmt: skip
def test_a_description_that_is_none_or_has_no_end_is_malformed(reply: bytes) -> None:
    assert reason(Impostor(then(reply))) == MALFORMED


@pytest.mark.parametrize("filling", [b"[],", b"{},"])
def test_a_description_of_a_million_faults_costs_the_host_little(filling: bytes) -> None:
    size = (protocol.HEADER_BYTES - 200) // len(filling)
    reply = b'{"bytes": 0, "architecture": {"layers": [' + filling * size + b"0]}}\n"
    tracemalloc.start()
    try:
        assert reason(Impostor(then(reply))) == MALFORMED
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


def test_a_refusal_of_megabytes_is_shortened() -> None:
    import json

    for words in ("x" * (3 << 20), "Could not locate class " + "x" * (3 << 20)):
        assert len(reason(Impostor(then(json.dumps({"bytes": 0, "refused": words}).encode() + b"\n")))) < 1100


@pytest.mark.parametrize("bytes_", [b"\n", b"[]\n", b'{"bytes": -1}\n', b"\xff\n", b"[" * 100_000 + b"\n", b"x" * 100])
def test_what_is_no_message_ends_the_judging(bytes_: bytes) -> None:
    assert reason(Impostor(then(bytes_))) == CRASHED


def test_more_bytes_than_there_are_answers_are_never_read() -> None:
    size = 4 * 200 * 2
    for claimed in (size + 1, 1 << 30):
        assert reason(Impostor(then(described(), b'{"bytes": %d, "shape": [200, 2]}\n' % claimed))) == CRASHED


@pytest.mark.parametrize(
    "shape",
    [None, [200], [200, 3], [2, 200], [199, 2], "200, 2", [200, 2, 1], {"0": 200}, [1] * 100_000],
)
def test_predictions_of_another_shape_are_refused_in_few_words(shape: object) -> None:
    import json

    reply = json.dumps({"bytes": 1600, "shape": shape}).encode() + b"\n" + bytes(1600)
    found = reason(Impostor(then(described(), reply)))
    assert found.startswith("the network's predictions have shape ")
    assert found.endswith(("for 200 images", "..."))
    assert len(found) < 1100


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_no_numbers_are_refused(value: float) -> None:
    def never(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((len(pixels), 2), value, np.float32)

    assert "predicts NaN or infinity" in reason(Impostor(answering(never)))


def test_the_largest_numbers_there_are_can_be_compared() -> None:
    largest = np.finfo(np.float32).max

    def extreme(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(np.array([largest, -largest], np.float32), (len(pixels), 1))

    assert judge(Impostor(answering(extreme))).judgement.outcome == "judged"
    outputs = np.full((128, 2), largest, np.float32)
    with pytest.raises(Failure, match="another order"):
        require_steady(outputs, -outputs)


def test_only_what_is_short_is_bounded() -> None:
    assert is_bounded({"a": [1, 2.5, None, True, "x" * 2000], "b": {"c": [[]] * 2000}})
    long = "x" * 2001
    for value in (long, [0] * 2001, {str(n): 0 for n in range(2001)}, {long: 0}, 1 << 63, [[[[long]]]]):
        assert not is_bounded(value)
