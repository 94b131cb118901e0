"""The host's side of the judge: starts it, asks, prepares images, keeps the labels to itself."""

import io
import math
import socket
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from grader.checks.kinds import output_activation
from grader.dataset import Images, Split
from grader.errors import Failure, Infrastructure
from grader.evidence import Architecture, Claims, Judgement
from grader.judge.metrics import predicted_classes
from grader.judge.preprocessing import Recipe, choose_recipe, describe_recipe, first_recipes, prepare_images
from grader.judge.protocol import Channel, ProtocolError
from grader.judge.refusals import explain_refusal
from grader.limits import Limits
from grader.sandbox.environment import environment
from grader.sandbox.interface import Confined, Input, Program, Sandbox, Scratch

WALL_S = 600.0
READY_S = 120.0
PART_BYTES = 64 << 20  # of prepared images on their way: what a network asks for must not fill our memory
MOST_UNPACKED, MOST_MEMBERS, MOST_CONFIG = 1 << 30, 64, 4 << 20
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
FOLDER = Path(__file__).resolve().parent
OUR_FILES = ("worker.py", "protocol.py")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be judged: training images to probe with, and the judged images without their labels."""

    image_shape: tuple[int, ...] | None
    probe: Split
    images: Images
    units: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge found, and the model's outputs on the judged images, float32 (n, units), where there are any."""

    judgement: Judgement
    outputs: NDArray[np.float32] | None


def judge_model(model: bytes, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits) -> Verdict:
    """Judge a `.keras` file. Raises Infrastructure; whatever is the model's fault is a refusal with its reason."""
    reason = precheck(model)
    if reason is not None:
        return _refused(reason)
    with _running(model, sandbox, limits) as (channel, confined):
        architecture: Architecture | None = None
        try:
            architecture = _describe(channel)
            return _judge(channel, architecture, question, claims)
        except Failure as failure:
            return _refused(failure.reason, architecture)
        except (ProtocolError, TimeoutError, OSError) as error:
            confined.kill()
            stopped = confined.wait(60)
            return _refused(explain_death(stopped.cause, error), architecture)


def explain_death(cause: str | None, error: Exception) -> str:
    """Why a model was refused whose judge died or said nothing sensible."""
    if cause is not None:
        return f"loading or running the network went over a limit ({cause})"
    if isinstance(error, TimeoutError):
        return f"the network took longer than {WALL_S:.0f} s to predict the images"
    return "the judge crashed while it loaded or ran the network, which is usually a lack of memory"


def precheck(model: bytes) -> str | None:
    """What is wrong with the archive, found with zipfile alone, before any Keras code sees it; None if nothing is."""
    if not model.startswith(b"PK\x03\x04"):
        return "the saved network is no .keras file"
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            members = archive.infolist()
    except Exception as error:  # a hostile archive may raise anything; all of it is the model's fault
        return f"the saved network is damaged ({type(error).__name__})"
    names = [member.filename for member in members]
    if len(names) > MOST_MEMBERS or len(set(names)) != len(names):
        return "the saved network holds too many files, or one of them twice"
    for name in names:
        if (name not in MEMBERS and not name.startswith("assets/")) or ".." in name:
            return f"the saved network holds a file that does not belong there ({name[:60]!r})"
    sizes = {member.filename: member.file_size for member in members}
    if sum(sizes.values()) > MOST_UNPACKED or sizes.get("config.json", 0) > MOST_CONFIG:
        return "the saved network is too big when unpacked"
    return None


@contextmanager
def _running(model: bytes, sandbox: Sandbox, limits: Limits) -> Iterator[tuple[Channel, Confined]]:
    """A judge that has said *ready*. Raises Infrastructure for anything that goes wrong before."""
    with tempfile.TemporaryDirectory(prefix="grader-judge-") as folder, sandbox.root() as root:
        path = Path(folder)
        path.chmod(0o755)
        (path / "model.keras").write_bytes(model)
        (path / "model.keras").chmod(0o444)
        ours, theirs = socket.socketpair()
        try:
            confined = sandbox.start(judge_program(root, path / "model.keras", theirs.fileno(), limits))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        channel = Channel(ours)
        try:
            ours.settimeout(READY_S)
            try:
                ready, _ = channel.receive(at_most=0)
                if "ready" not in ready:
                    raise ProtocolError("it did not say ready")
            except (ProtocolError, TimeoutError) as error:
                confined.kill()
                log = confined.wait(60).log[-1000:]
                raise Infrastructure(f"The judge did not start: {error}. {log}") from None
            ours.settimeout(WALL_S)
            yield channel, confined
        finally:
            channel.close()
            confined.close()


def judge_program(root: Path, model: Path, descriptor: int, limits: Limits) -> Program:
    """The judge as a sandboxed program."""
    guest = "run/guest"
    return Program(
        root=root,
        argv=(
            sys.executable, "-s", "-P", "-B", str(root / guest / "grader/judge/worker.py"), str(root / guest),
            str(root / "data/model.keras"), str(descriptor),
        ),
        environment={**environment(root, limits.threads, 0), "MPLBACKEND": "agg"},
        folder="tmp",
        limits=limits.model_copy(update={"wall": WALL_S + READY_S}),
        inputs=(
            Input(model, "data/model.keras"),
            *(Input(FOLDER / name, f"{guest}/grader/judge/{name}") for name in OUR_FILES),
        ),
        scratch=(Scratch("dev/shm", 16 << 20, shared=True), Scratch("tmp", MOST_UNPACKED, shared=True)),
        descriptors=(descriptor,),
    )  # fmt: skip


def _ask(
    channel: Channel, request: dict[str, object], payload: bytes = b"", *, at_most: int = 0
) -> tuple[dict[str, object], bytes]:
    """A reply with at most so many bytes: a model that took the judge over can't fill the host's memory."""
    channel.send(request, payload)
    reply, data = channel.receive(at_most=at_most)
    if "refused" in reply:
        raise Failure(explain_refusal(str(reply["refused"])))
    return reply, data


def _describe(channel: Channel) -> Architecture:
    reply, _ = _ask(channel, {"do": "describe"})
    try:
        return Architecture.model_validate(reply.get("architecture"))
    except ValidationError:
        raise Failure("the judge's description of the network is malformed") from None


def _judge(channel: Channel, architecture: Architecture, question: Question, claims: Claims) -> Verdict:
    """Find the preparation on training images, then predict the judged ones."""
    units = architecture.output_shape[-1] if len(architecture.output_shape) == 1 else None
    if units not in question.units:
        wanted = " or ".join(str(size) for size in question.units)
        raise Failure(
            f"the network's output has shape {architecture.output_shape}; this exercise needs {wanted} outputs"
        )
    logits = output_activation(architecture) == "linear"
    fit = next((fit for fit in reversed(claims.fits) if fit.epochs_done and fit.x is not None), None)
    seen = fit.x if fit else None
    recipes = first_recipes(
        architecture.input_shape,
        question.image_shape,
        seen=seen.shape if seen else None,
        seen_range=(seen.low, seen.high) if seen and seen.low is not None and seen.high is not None else None,
    )

    def score(recipe: Recipe) -> float:
        outputs = _predict(channel, question.probe.images, recipe, units)
        return float((predicted_classes(outputs, logits=logits) == question.probe.labels).mean())

    chosen, accuracy, tried = choose_recipe(recipes, score)
    outputs = _predict(channel, question.images, chosen, units)
    if not np.isfinite(outputs).all():
        raise Failure("the network predicts NaN or infinity: its training diverged")
    preparation = describe_recipe(chosen, accuracy=accuracy, probed=len(question.probe.labels), tried=tried)
    judgement = Judgement(
        outcome="judged", architecture=architecture, preparation=preparation, judged=len(question.images)
    )
    return Verdict(judgement=judgement, outputs=outputs)


def _predict(channel: Channel, images: Images, recipe: Recipe, units: int) -> NDArray[np.float32]:
    """Outputs (n, units) for raw images, prepared and sent part by part; NaN may be among them."""
    part = max(1, PART_BYTES // math.prod(recipe.shape))
    return np.concatenate(
        [_predict_part(channel, images[start : start + part], recipe, units) for start in range(0, len(images), part)]
    )


def _predict_part(channel: Channel, images: Images, recipe: Recipe, units: int) -> NDArray[np.float32]:
    prepared = prepare_images(images, recipe)
    request: dict[str, object] = {
        "do": "predict", "shape": list(prepared.shape), "scale": recipe.scale, "offset": recipe.offset,
    }  # fmt: skip
    expected = 4 * len(images) * units
    reply, data = _ask(channel, request, prepared.tobytes(), at_most=expected)
    if len(data) != expected or reply.get("shape") != [len(images), units]:
        raise Failure(f"the network's predictions have shape {reply.get('shape')} for {len(images)} images")
    return np.frombuffer(data, np.float32).reshape(len(images), units)


def _refused(reason: str, architecture: Architecture | None = None) -> Verdict:
    if architecture is None:
        return Verdict(judgement=Judgement(outcome="refused", reason=reason), outputs=None)
    return Verdict(judgement=Judgement(outcome="described", reason=reason, architecture=architecture), outputs=None)
