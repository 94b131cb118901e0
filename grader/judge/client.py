"""The host's side of the judge: starts it, asks it, prepares images for it, and keeps the labels to itself.

`judge_model` is the way in. At the end of the file: Keras' words for a model that it won't load or run, put into a
student's words with the next step.
"""

import hashlib
import math
import re
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from grader.checks.layers import output_activation
from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import (
    Architecture,
    Cause,
    Claims,
    Fit,
    Judgement,
    Preparation,
    Shifted,
    Value,
    training_accuracy,
)
from grader.core.files import kind_of, read_npy
from grader.core.limits import Limits
from grader.course.dataset import Images, Split
from grader.judge.choose_preparation import Scored, choose_recipe, describe_choice, score_outputs
from grader.judge.keras_archive import HDF5, MOST_UNPACKED, precheck
from grader.judge.match_rows import RowMatch, TrainingImageIndex, further_recipes, match_rows
from grader.judge.preparation import Recipe, first_recipes, is_told, pick_images, prepare_images
from grader.judge.probes import choose_shifted, count_changed, measure_influence, shift_images, with_influence
from grader.sandbox.channel import ProtocolError, is_bounded
from grader.sandbox.endings import classify, explain_ending
from grader.sandbox.environment import PYTHON, environment
from grader.sandbox.interface import Input, Preload, Program, Sandbox, Scratch, Stopped
from grader.sandbox.warm import WarmBubblewrap
from grader.sandbox.worker_process import WorkerProcess, start_worker

WALL_S = 600.0
READY_S = 120.0
ZIP = b"PK\x03\x04"
SAVE = 'save the network with `model.save("model.keras")`'
PART_BYTES = 64 << 20  # of prepared images on their way: what a network asks for must not fill our memory
MOST_AXES = 8
MOST_ROWS = 256  # recorded ones that are looked for among the training images
MOST_REASON = 1000  # characters: what a network is refused for may quote it
ASKED_TWICE = 128  # images that are predicted again in other company
MOST_SHIFTING_S = 5.0  # what moved images may take; a network that is slower is not asked
FEWEST_CUT, MOST_CUT = 8, 32  # judged images that are asked where layers are cut
MOST_CUTTING_S = 5.0  # what that may take
STEADY, UNSTEADY_SHARE = 0.02, 0.02  # of the largest output; of the images that may differ by more
ROOMS = Path(__file__).resolve().parents[1]
OUR_FILES = ("judge/worker.py", "judge/open_handed_in.py", "sandbox/channel.py")
GUEST, MODEL, BUILT = "run/guest", "run/model/model.keras", "run/model/built.keras"
ROOM_BESIDE = 1 << 20  # bytes of the folder that holds the network, beside it


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be judged: training images to probe with, and the judged images without their labels.

    `rows` is what the kernel says the network was trained on first, a `.npy` file; `trained_on` all training images.
    """

    image_shape: tuple[int, ...] | None
    probe: Split
    images: Images
    units: tuple[int, ...]
    rows: bytes | None = None
    trained_on: TrainingImageIndex | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JudgeAnswer:
    """What the judge found, and the model's outputs on the judged images, float32 (n, units), where there are any."""

    judgement: Judgement
    outputs: NDArray[np.float32] | None
    opened: "OpenedFile | None" = None


class OpenedFile(Value):
    """What the judge says of a handed-in file once it is open: its form, and a digest and a sketch of its weights."""

    form: Literal["keras", "hdf5", "weights"]
    saved_by: Annotated[str, Field(max_length=40)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sketch: Annotated[tuple[float, ...], Field(max_length=256)]


def judge_model(model: bytes, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits) -> JudgeAnswer:
    """Judge a `.keras` file. Raises Infrastructure; whatever is the model's fault is a refusal with its reason."""
    return _ask_judge(_File(model), question, claims, sandbox, limits)


def describe_network(model: bytes, sandbox: Sandbox, limits: Limits) -> JudgeAnswer:
    """The layers of a `.keras` file, which is asked for nothing else. Raises Infrastructure."""
    return _ask_judge(_File(model), None, Claims(), sandbox, limits)


def judge_handed_in(
    file: bytes, built: bytes | None, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits
) -> JudgeAnswer:  # fmt: skip
    """Judge a network that was handed in, in any form in which Keras saves one; weights alone in the network `built`.

    Raises Infrastructure; whatever is the file's fault is a refusal with its reason.
    """
    return _ask_judge(_File(file, handed_in=True, built=built), question, claims, sandbox, limits)


@dataclass(frozen=True)
class _File:
    """A network's file on its way into the judge."""

    data: bytes
    handed_in: bool = False
    built: bytes | None = None

    def wrong(self) -> str | None:
        """What is wrong with it as seen from outside."""
        if not self.handed_in or self.data.startswith(ZIP):
            return precheck(self.data)
        kind = kind_of(self.data)
        if kind is not None and not self.data.startswith(HDF5[:4]):
            return f"the handed-in file is {kind.title}: {kind.remedy[0].lower()}{kind.remedy[1:].rstrip('.')}"
        if not self.data.startswith(HDF5):
            return f"the handed-in file is neither a .keras nor an HDF5 file: {SAVE}"
        return None


def _ask_judge(file: _File, question: Question | None, claims: Claims, sandbox: Sandbox, limits: Limits) -> JudgeAnswer:
    """Start a judge for one file and ask it; without a question only for the layers."""
    reason = file.wrong()
    if reason is not None:
        return _refused(reason)
    built = file.built if file.built is not None and precheck(file.built) is None else None
    starting = start_worker(
        sandbox,
        lambda root, descriptor: judge_program(
            root, file.data, descriptor, limits, handed_in=file.handed_in, built=built
        ),
        name="The judge",
        ready_s=READY_S,
    )
    with starting as worker:
        judge = _Judge(worker, until=time.monotonic() + WALL_S)
        architecture: Architecture | None = None
        opened: OpenedFile | None = None
        try:
            opened = _opened(judge) if file.handed_in else None
            architecture = _describe(judge)
            if question is None:
                return JudgeAnswer(judgement=Judgement(outcome="described", architecture=architecture), outputs=None)
            order = arrange(len(question.images), file.data)
            return replace(_judge(judge, architecture, question, claims, order), opened=opened)
        except Failure as failure:
            return replace(_refused(failure.reason, architecture), opened=opened)
        except (ProtocolError, OSError) as error:  # a TimeoutError is an OSError
            stopped = worker.end()
            if stopped is not None and stopped.cause is Cause.INFRASTRUCTURE:
                raise Infrastructure("The judge was lost: what it was forked from has died.") from None
            return replace(_refused(explain_death(stopped, error, limits), architecture), opened=opened)


def _opened(judge: "_Judge") -> OpenedFile:
    reply, _ = judge.ask({"do": "opened"})
    try:
        if is_bounded(reply):
            return OpenedFile.model_validate(reply.get("opened"))
    except ValidationError:
        pass
    raise Failure("the judge's words about the file are malformed")


def expect_networks(sandbox: Sandbox, limits: Limits) -> None:
    """Have a fork server for judges with these limits started, while notebooks run: that takes its time."""
    if isinstance(sandbox, WarmBubblewrap):
        sandbox.prepare_server(judge_program(Path("/"), b"", 0, limits))


def explain_death(stopped: Stopped | None, error: Exception, limits: Limits) -> str:
    """Why a model was refused whose judge died or said nothing sensible."""
    fault = Cause.WALL_LIMIT if isinstance(error, TimeoutError) else None
    cause = fault or Cause.CRASH if stopped is None else classify(fault, stopped)
    return explain_ending("network", cause, limits.model_copy(update={"wall": WALL_S}))


@dataclass(frozen=True)
class _Judge:
    """A judge that has said *ready*, and until when (`time.monotonic()`) all that is asked of it must be done.

    What the host prepares for it counts: once its time is over, or its process has died, nobody waits for more.
    """

    worker: WorkerProcess
    until: float

    def require_running(self) -> None:
        """Raise TimeoutError where its time is over, ProtocolError where it has died."""
        if time.monotonic() >= self.until:
            raise TimeoutError("the judge's time is over")
        if self.worker.confined.poll() is not None:
            raise ProtocolError("the judge has died")

    def ask(
        self, request: dict[str, object], payload: bytes = b"", *, at_most: int = 0
    ) -> tuple[dict[str, object], bytes]:
        """The reply. Raises Failure for a refusal, ProtocolError, and OSError as a TimeoutError."""
        self.require_running()
        left = max(0.01, self.until - time.monotonic())
        reply, data = self.worker.ask(request, payload, at_most=at_most, within=left)
        if "refused" in reply:
            raise Failure(explain_refusal(str(reply["refused"])))
        return reply, data


def judge_program(
    root: Path, model: bytes, descriptor: int, limits: Limits, *, handed_in: bool = False, built: bytes | None = None
) -> Program:  # fmt: skip
    """The judge as a sandboxed program. It may be forked from one that has imported Keras and opened nothing.

    `handed_in`: the file may be in any form; `built` is the network that weights alone are put into.
    """
    return Program(
        root=root,
        argv=(
            *PYTHON, str(root / GUEST / "grader/judge/worker.py"), str(root / GUEST),
            str(root / MODEL), str(descriptor), *(["handed-in"] if handed_in else []),
            *([str(root / BUILT)] if built is not None else []),
        ),
        environment={**environment(root, limits.threads, 0), "MPLBACKEND": "agg"},
        folder="tmp",
        limits=limits.model_copy(update={"wall": WALL_S + READY_S}),
        inputs=tuple(Input(ROOMS / name, f"{GUEST}/grader/{name}") for name in OUR_FILES),
        scratch=(
            Scratch("dev/shm", 16 << 20, shared=True),
            Scratch("tmp", MOST_UNPACKED, shared=True),
            Scratch(str(Path(MODEL).parent), len(model) + len(built or b"") + ROOM_BESIDE),
        ),
        files={MODEL: model, **({} if built is None else {BUILT: built})},
        descriptors=(descriptor,),
        preload=Preload(entry="grader.judge.worker:prepare", path=GUEST),
    )  # fmt: skip


def _describe(judge: _Judge) -> Architecture:
    reply, _ = judge.ask({"do": "describe"})
    malformed = Failure("the judge's description of the network is malformed")
    if not is_bounded(reply):  # before it is validated: a list of a million faults becomes a million errors
        raise malformed
    try:
        architecture = Architecture.model_validate(reply.get("architecture"))
    except ValidationError:
        raise malformed from None
    if max(len(architecture.input_shape), len(architecture.output_shape)) > MOST_AXES:
        raise malformed
    return architecture


def _judge(
    judge: _Judge, architecture: Architecture, question: Question, claims: Claims, order: NDArray[np.int64]
) -> JudgeAnswer:
    """Find the preparation on training images, then predict the judged ones, which are sent in `order`."""
    units = architecture.output_shape[-1] if len(architecture.output_shape) == 1 else None
    if units not in question.units:
        wanted = " or ".join(str(size) for size in question.units)
        raise Failure(
            f"the network's output has shape {architecture.output_shape}; this exercise needs {wanted} outputs"
        )
    preparation, chosen = _prepare(judge, architecture, question, claims, units)
    outputs = np.empty((len(question.images), units), np.float32)
    started = time.monotonic()
    outputs[order] = _predict(judge, pick_images(question.images, order), chosen, units)
    if not np.isfinite(outputs).all():
        raise Failure("the network predicts NaN or infinity: its training diverged")
    each_s = (time.monotonic() - started) / len(order)
    some = max(FEWEST_CUT, min(MOST_CUT, int(MOST_CUTTING_S / max(each_s, 1e-6))))
    again = order[::-1][:ASKED_TWICE]
    require_steady(outputs[again], _predict(judge, pick_images(question.images, again), chosen, units))
    judgement = Judgement(
        outcome="judged", preparation=preparation, judged=len(question.images),
        architecture=_cut(judge, architecture, pick_images(question.images, order[:some]), chosen),
        shifted=_shift(judge, question, chosen, outputs, output_activation(architecture), each_s),
    )  # fmt: skip
    return JudgeAnswer(judgement=judgement, outputs=outputs)


def _shift(
    judge: _Judge, question: Question, recipe: Recipe, outputs: NDArray[np.float32], activation: str, each_s: float
) -> Shifted | None:
    """How often the network changes its mind over images that are moved by one pixel; None where that takes too long."""
    chosen = choose_shifted(len(outputs), photographs=question.image_shape is None)
    if each_s * len(chosen) > MOST_SHIFTING_S:
        return None
    moved = shift_images(pick_images(question.images, chosen), recipe.size)
    images = np.stack(moved) if isinstance(question.images, np.ndarray) else moved
    return count_changed(outputs[chosen], _predict(judge, images, recipe, outputs.shape[1]), activation=activation)


def _cut(judge: _Judge, architecture: Architecture, images: Images, recipe: Recipe) -> Architecture:
    """The architecture with each layer's influence on the answers."""
    units = architecture.output_shape[-1] or 0
    prepared = cache(lambda: prepare_images(images, recipe, judge.require_running))  # once, where it is asked at all

    def cut(names: tuple[str, ...]) -> NDArray[np.float32]:
        try:
            return _predict_part(judge, prepared(), recipe, units, cut=names)
        except Failure:  # then these layers can't be left out
            return np.full((len(images), units), np.nan, np.float32)

    return with_influence(architecture, measure_influence(architecture.layers, cut, most_s=MOST_CUTTING_S))


def _prepare(
    judge: _Judge, architecture: Architecture, question: Question, claims: Claims, units: int
) -> tuple[Preparation, Recipe]:
    """How images must be prepared for the network: by the recorded rows and by trying on training images."""
    fits = _own_fits(claims)
    seen = next((fit.x for fit in reversed(fits) if fit.x is not None), None)
    labels = next((fit.labels for fit in reversed(fits) if fit.labels), ())
    seen_range = (seen.low, seen.high) if seen and seen.low is not None and seen.high is not None else None
    recipes = first_recipes(
        architecture.input_shape, question.image_shape, seen=seen.shape if seen else None, seen_range=seen_range,
        standard=question.trained_on.overall() if question.trained_on else None,
    )  # fmt: skip
    activation, probe = output_activation(architecture), question.probe

    def score(recipe: Recipe) -> Scored:
        outputs = _predict(judge, probe.images, recipe, units)
        return score_outputs(outputs, probe.labels, activation=activation)

    def further() -> Iterator[Recipe]:
        """Reads every training image, for the few networks that are tried with them."""
        yield from further_recipes(recipes[0], question.trained_on.images if question.trained_on else probe.images)

    match = _match(judge, question, architecture)
    choice = choose_recipe(
        recipes, score, matched=match.recipe if match else None, told=is_told(recipes[0], seen_range),
        claimed=training_accuracy(claims), further=further(),
    )  # fmt: skip
    preparation = describe_choice(
        choice, probed=len(probe.labels), match=match, labels=labels, classes=question.classes
    )
    return preparation, choice.recipe


def _own_fits(claims: Claims) -> tuple[Fit, ...]:
    """The trainings of the judged network, or of all where none goes by its name."""
    taken = next((item.name for item in claims.candidates if item.taken), None)
    done = tuple(fit for fit in claims.fits if fit.epochs_done or fit.steps)
    return tuple(fit for fit in done if fit.model == taken) or done


def _match(judge: _Judge, question: Question, architecture: Architecture) -> RowMatch | None:
    """What the recorded rows say; a kernel may have left anything in their place."""
    if question.rows is None or question.trained_on is None:
        return None
    try:
        rows = read_npy(question.rows)
        if not 1 <= len(rows.shape) <= MOST_AXES or not len(rows):
            return None
        return match_rows(
            rows[:MOST_ROWS], question.trained_on, architecture.input_shape, question.image_shape, judge.require_running
        )
    except (ValueError, MemoryError):  # then trying tells, as for rows that are not recognised
        return None


def arrange(count: int, model: bytes) -> NDArray[np.int64]:
    """The order (count,) in which judged images are sent: no network can know it, and the same file gets the same.

    It follows from the file's SHA-256, so a network that holds the answers by place would have to hold its own digest.
    """
    seed = int.from_bytes(hashlib.sha256(model).digest(), "big")
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def require_steady(first: NDArray[np.float32], again: NDArray[np.float32]) -> None:
    """Raise Failure unless outputs (n, units) for the same images are the same when they came in another order."""
    once, twice = first.astype(np.float64), again.astype(np.float64)  # the difference of two float32 may be none
    apart = np.abs(once - twice).max(axis=1) > STEADY * np.abs(once).max()
    if not np.isfinite(again).all() or apart.mean() > UNSTEADY_SHARE:
        raise Failure(
            "the network answers differently when the same images come in another order, so there is no one answer to "
            "judge: one of its layers reads from one image to the next, or leaves something to chance"
        )


def _predict(judge: _Judge, images: Images, recipe: Recipe, units: int) -> NDArray[np.float32]:
    """Outputs (n, units) for raw images, prepared and sent part by part; NaN may be among them."""
    part = max(1, PART_BYTES // (4 * math.prod(recipe.shape)))
    parts = (
        prepare_images(images[start : start + part], recipe, judge.require_running)
        for start in range(0, len(images), part)
    )
    return np.concatenate([_predict_part(judge, prepared, recipe, units) for prepared in parts])


def _predict_part(
    judge: _Judge, prepared: NDArray[np.uint8] | NDArray[np.float32], recipe: Recipe, units: int,
    cut: tuple[str, ...] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    scale, offset = recipe.remaining
    request: dict[str, object] = {
        "do": "predict", "shape": list(prepared.shape), "dtype": prepared.dtype.name,
        "scale": scale, "offset": offset, **({} if cut is None else {"cut": list(cut)}),
    }  # fmt: skip
    expected = 4 * len(prepared) * units
    reply, data = judge.ask(request, prepared.tobytes(), at_most=expected)
    if len(data) != expected or reply.get("shape") != [len(prepared), units]:
        raise Failure(f"the network's predictions have shape {reply.get('shape')} for {len(prepared)} images")
    return np.frombuffer(data, np.float32).reshape(len(prepared), units)


def _refused(reason: str, architecture: Architecture | None = None) -> JudgeAnswer:
    reason = reason if len(reason) <= MOST_REASON else f"{reason[:MOST_REASON]}..."
    outcome: Literal["refused", "described"] = "refused" if architecture is None else "described"
    return JudgeAnswer(judgement=Judgement(outcome=outcome, reason=reason, architecture=architecture), outputs=None)


# Keras wraps a reason in the configuration it was found in, which the student's file wrote: the reason is taken out first,
# so that a name in the file can't pass for it.
MOST_WORDS = 1 << 16  # characters of Keras' words that are looked at
WRAPPED = (
    r"\AA total of \d+ objects could not be loaded\. Example error message for object [^\n]*\n\n",
    r"\A(?:\w+: )?Exception encountered when calling [^\n]*\n\n",
)
BEHIND = r"Full object config:|Arguments received by |\n\nList of objects that could not be loaded"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
REFUSALS = tomllib.loads(Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8"))["refusal"]


def explain_refusal(words: str) -> str:
    """What was wrong with the model; Keras' own words, shortened, where nothing better is known."""
    reason = reason_in(words)
    for refusal in REFUSALS:
        found = re.search(refusal["said"], reason)
        if found:
            text: str = refusal["text"]
            return text.format(**{key: value.split(">")[-1] for key, value in found.groupdict().items()})
    said = " ".join(next((line for line in reason.splitlines() if line.strip()), "no reason given").split())
    return f"the network could not be loaded or run outside the notebook: {said[:300]}"


def reason_in(words: str) -> str:
    """The innermost of nested error messages, without the configurations around it."""
    kept = words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS // 8]}\n{words[-MOST_WORDS * 7 // 8 :]}"
    kept = ANSI.sub("", kept)
    kind, _, rest = kept.partition(": ")
    inner = kept.rpartition("Exception encountered: ")[2]
    kept = inner if inner != kept else rest if kind.isidentifier() else kept
    for wrapping in WRAPPED:
        kept = re.sub(wrapping, "", kept, count=1)
    reason = re.split(BEHIND, kept, maxsplit=1)[0]
    return f"{kind}: {reason}" if kind.isidentifier() else reason
