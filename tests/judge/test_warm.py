"""The judge forked from a server that has imported Keras once: the same verdicts to the bit, and nothing between judges."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from grader.core.errors import Infrastructure
from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.judge.client import JudgeAnswer, Question, judge_model, judge_program
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Confined, Program
from grader.sandbox.warm import WarmBubblewrap
from tests.judge.models import images
from tests.sandbox.test_warm import server_of

LIMITS = Limits(memory=2 << 30, threads=1)
HOSTILE = ("escape", "text", "nan", "seven", "repeat")
TAKEN_OVER = """\
import keras, numpy, os, tensorflow
keras.Model.predict_on_batch = lambda self, x: numpy.zeros((len(x), 2), "float32")
numpy.asarray = tensorflow.matmul = None
for folder in ("/tmp", "/dev/shm", "/run/model"):
    open(folder + "/model.keras.lock", "w").close()
open("/run/model/model.keras", "w").close()
os._exit(9)
"""


class Watched(WarmBubblewrap):
    """Warm starts that must not fail; what was started is kept for a look at it."""

    def __init__(self) -> None:
        super().__init__(Bubblewrap.on_this_host().host, pytest.fail)
        self.started: list[Confined] = []
        self.fatal = False  # each child loses its server at once

    def start(self, program: Program) -> Confined:
        confined = super().start(program)
        self.started.append(confined)
        if self.fatal:
            os.kill(server_of(confined), signal.SIGKILL)
        return confined


@pytest.fixture(scope="module")
def warm() -> Iterator[Watched]:
    with closing(Watched()) as sandbox:
        yield sandbox


def judge(model: bytes, sandbox: Bubblewrap) -> JudgeAnswer:
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=images(300, 2).images, units=(2,))
    return judge_model(model, question, Claims(), sandbox, LIMITS)


def same(one: JudgeAnswer, other: JudgeAnswer) -> bool:
    """The same judgement, the same outputs to the bit."""
    outputs = [None if verdict.outputs is None else verdict.outputs.tobytes() for verdict in (one, other)]
    return one.judgement == other.judgement and outputs[0] == outputs[1]


@pytest.mark.parametrize("name", ["image", "escape", "dropout"])
def test_warm_and_cold_judges_say_the_same_to_the_bit(models: Path, warm: Watched, name: str) -> None:
    model = (models / f"{name}.keras").read_bytes()
    assert same(judge(model, warm), judge(model, Bubblewrap(warm.host)))
    assert warm.started[-1].wait().start == "warm"


def test_hostile_networks_before_it_leave_no_trace_in_a_verdict(models: Path, warm: Watched) -> None:
    honest = (models / "image.keras").read_bytes()
    before = judge(honest, warm)
    assert before.judgement.outcome == "judged"
    for name in HOSTILE:
        assert judge((models / f"{name}.keras").read_bytes(), warm).outputs is None
    assert same(judge(honest, warm), before)


def test_a_judge_that_was_taken_over_changes_nothing_for_the_next_one(models: Path, warm: Watched) -> None:
    honest = (models / "image.keras").read_bytes()
    before = judge(honest, warm)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        like = judge_program(Path("/"), honest, theirs.fileno(), LIMITS)
        hostile = replace(like, argv=(sys.executable, "-s", "-P", "-B", "-c", TAKEN_OVER))
        with closing(warm.start(hostile)) as confined:
            stopped = confined.wait(60)
    assert (stopped.start, stopped.code) == ("warm", 9), stopped.log
    assert same(judge(honest, warm), before)


def test_a_server_that_dies_is_our_fault_and_the_network_is_judged_again(models: Path, warm: Watched) -> None:
    honest = (models / "image.keras").read_bytes()
    before = judge(honest, warm)
    warm.fatal = True
    with pytest.raises(Infrastructure):
        judge(honest, warm)
    warm.fatal = False
    assert same(judge(honest, warm), before)
