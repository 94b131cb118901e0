"""Hostile networks in the real judge, a process each: every one ends as a refusal that a student understands.

What the archive alone gives away never gets here (test_archive.py), and what a judge could do that was taken over is
in test_impostor.py. These seventeen need Keras to be seen through, or a limit to be stopped by.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.judge import client
from grader.judge.client import JudgeAnswer, Question, judge_model
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox
from tests.judge import hostile
from tests.judge.models import images

LIMITS = Limits(memory=2 << 30)
LONGEST_S = 200.0  # on a machine that has other things to do; what is not stopped would take days
NOT_KERAS = "which is neither a layer nor a function that networks are built from"


@pytest.fixture
def sandbox(warm_sandbox: Sandbox) -> Sandbox:
    return warm_sandbox


def judge(model: bytes, sandbox: Sandbox) -> JudgeAnswer:
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    begun = time.monotonic()
    verdict = judge_model(model, question, Claims(), sandbox, LIMITS)
    assert time.monotonic() - begun < LONGEST_S
    return verdict


def refusal(model: bytes, sandbox: Sandbox) -> str:
    verdict = judge(model, sandbox)
    assert verdict.outputs is None
    assert verdict.judgement.outcome in ("refused", "described")
    assert "\x1b" not in verdict.judgement.reason
    return verdict.judgement.reason


def test_python_in_a_lambda_does_not_run_even_where_nothing_would_hold_it(models: Path) -> None:
    assert (models / "escape-control").read_text() == "ran", "without safe_mode it does: the attack is real"
    found = refusal((models / "escape.keras").read_bytes(), open_sandbox("none"))
    assert "holds a Lambda layer, which is Python code and is not loaded" in found
    assert not (models / "escaped").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (hostile.as_layer("keras.layers", "TFSMLayer", filepath="/tmp/x"), "runs another program's model"),
        (hostile.as_layer("keras.layers", "StringLookup", vocabulary="/etc/passwd"), "reads a vocabulary from a file"),
        (hostile.as_activation("keras.utils", "get_file"), f"`keras.utils.get_file`, {NOT_KERAS}"),
        (hostile.as_activation("keras.saving", "load_model"), f"`keras.saving.load_model`, {NOT_KERAS}"),
        (hostile.as_activation("keras.config", "enable_unsafe_deserialization"),
         f"`keras.config.enable_unsafe_deserialization`, {NOT_KERAS}"),
        (hostile.as_activation("os", "system"), "the network uses `system`, which exists only"),
        (hostile.as_activation("keras.src.utils.file_utils", "get_file"),
         f"`keras.src.utils.file_utils.get_file`, {NOT_KERAS}"),
        (hostile.with_units(2_000_000_000), "more memory than"),
    ],
    ids=["TFSMLayer", "vocabulary", "get_file", "load_model", "unsafe", "os.system", "keras.src", "2e9 units"],
)  # fmt: skip
def test_a_configuration_that_names_what_no_network_needs_is_refused(
    models: Path, sandbox: Sandbox, change: Callable[[dict[str, object]], None], words: str
) -> None:
    assert words in refusal(hostile.reconfigured((models / "image.keras").read_bytes(), change), sandbox)


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (hostile.outside_link, "refers to other files"),
        (hostile.outside_data, "refers to other files"),
        (hostile.shape_bomb, "unpacks to far more than it holds"),
    ],
)
def test_weights_that_are_not_in_the_file_are_refused(
    models: Path, sandbox: Sandbox, fill: Callable[[object], None], words: str
) -> None:
    model = hostile.with_members((models / "image.keras").read_bytes(), weights=hostile.weights(fill))
    assert words in refusal(model, sandbox)


def test_weights_that_are_cut_off_are_damaged(models: Path, sandbox: Sandbox) -> None:
    model = (models / "image.keras").read_bytes()
    cut = hostile.members_of(model)[hostile.WEIGHTS][:4000]
    assert "is damaged and can't be opened" in refusal(hostile.with_members(model, weights=cut), sandbox)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("outputs", "several inputs or outputs"),
        ("text", "predicts text"),
        ("repeat", "more memory than"),
        ("position", "answers differently when the same images come in another order"),
    ],
)
def test_a_network_that_loads_and_can_not_be_judged_is_refused(
    models: Path, sandbox: Sandbox, name: str, words: str
) -> None:
    assert words in refusal((models / f"{name}.keras").read_bytes(), sandbox)


def test_a_network_that_does_not_come_to_an_end_is_stopped(
    models: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "WALL_S", 8.0)
    found = refusal((models / "slow.keras").read_bytes(), sandbox)
    assert found.startswith("the network took longer than 8 s to load or to predict the images")
