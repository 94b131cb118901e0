"""What a handed-in network is: opened, judged, and compared with those that its code builds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Architecture, Claims, HandedInNetwork, Judgement, Maker, ModelFile
from grader.core.store import pack_outputs
from grader.intake.networks import HDF5, ChosenNetwork
from grader.judge.client import JudgeAnswer, Question, describe_network, judge_handed_in
from grader.judge.compare_networks import is_same_network, tell_differences
from grader.run.context import RunContext

NONE_HANDED_IN = (
    'no trained network was handed in, and this exercise trains none: hand in the file that `model.save("model.keras")` '
    "makes, beside the code"
)


@dataclass(frozen=True, kw_only=True)
class JudgedFile:
    """What is known of the file, what the judge found, and the network's outputs on the judged images."""

    network: HandedInNetwork
    judgement: Judgement
    outputs: NDArray[np.float32] | None = None


def judge_file(
    chosen: ChosenNetwork | None, built: Sequence[bytes], question: Question, claims: Claims, context: RunContext
) -> JudgedFile:
    """Judge the chosen file, and say whether it is one of the networks that the code `built`, the proposed one first.

    `claims` are those of the code's short run. Raises Infrastructure.
    """
    described = _describe(built, context)
    first = described[0] if described else None
    if chosen is None:
        judgement = _instead(first, NONE_HANDED_IN)
        return JudgedFile(network=HandedInNetwork(maker="no network", built=first), judgement=judgement)
    answer = _judge(chosen.data, built, question, claims, context)
    opened, judgement = answer.opened, answer.judgement
    known = HandedInNetwork(
        name=chosen.name.encode("utf-8", "replace").decode(), why=chosen.why,
        file=ModelFile(size=len(chosen.data), sha256=hashlib.sha256(chosen.data).hexdigest()), built=first,
        form=opened.form if opened else "", saved_by=opened.saved_by if opened else "",
        weights=opened.digest if opened else None, sketch=opened.sketch if opened else (),
    )  # fmt: skip
    if judgement.architecture is None:
        reason = f"{known.name}: {judgement.reason}"
        return JudgedFile(network=known, judgement=_instead(first, reason, refused=True))
    maker, same = _maker(judgement.architecture, described, code=bool(claims.cells))
    differences = tell_differences(first, judgement.architecture) if maker == "different" and first else ()
    if maker == "unknown":
        differences = (claims.problem or "the code builds no Keras network in its short run",)
    known = known.model_copy(update={"maker": maker, "differences": differences, "built": same or first})
    if same is not None:
        judgement = judgement.model_copy(update={"architecture": _as_built(same, judgement.architecture)})
    if answer.outputs is not None:
        predictions = hashlib.sha256(pack_outputs(answer.outputs)).hexdigest()
        judgement = judgement.model_copy(update={"predictions": predictions})
    return JudgedFile(network=known, judgement=judgement, outputs=answer.outputs)


def _describe(built: Sequence[bytes], context: RunContext) -> list[Architecture]:
    answers = (describe_network(model, context.sandbox, context.limits).judgement.architecture for model in built)
    return [architecture for architecture in answers if architecture is not None]


def _judge(file: bytes, built: Sequence[bytes], question: Question, claims: Claims, context: RunContext) -> JudgeAnswer:
    """The answer of the judge; weights alone are tried with each network that there is until they fit."""
    fits = tuple(fit.model_copy(update={"history": {}}) for fit in claims.fits)  # of a few steps
    claims = claims.model_copy(update={"fits": fits})
    answer = judge_handed_in(file, built[0] if built else None, question, claims, context.sandbox, context.limits)
    for other in built[1:] if file.startswith(HDF5) else ():
        if answer.opened is not None:
            break
        answer = judge_handed_in(file, other, question, claims, context.sandbox, context.limits)
    return answer


def _maker(
    found: Architecture, described: Sequence[Architecture], *, code: bool
) -> tuple[Maker, Architecture | None]:  # fmt: skip
    """Whether the code builds the network that was found, and which of the described ones it is."""
    if not code:
        return "no code", None
    same = next((built for built in described if is_same_network(built, found)), None)
    if same is not None:
        return "same", same
    return ("different" if described else "unknown"), None


def _instead(built: Architecture | None, reason: str, *, refused: bool = False) -> Judgement:
    """What is known where no file could be judged: the layers that the code builds."""
    if built is not None:
        return Judgement(outcome="described", reason=reason, architecture=built)
    return Judgement(outcome="refused" if refused else "no-model", reason=reason)


def _as_built(built: Architecture, judged: Architecture) -> Architecture:
    """The layers that checks look at: those that were judged, or where only training layers differ, those of the code."""
    kinds = [layer.kind for layer in judged.layers]
    return judged if kinds == [layer.kind for layer in built.layers] else _with_influence(built, judged)


def _with_influence(built: Architecture, judged: Architecture) -> Architecture:
    """The layers of the code, with the influence that was measured where a kind occurs as often in both."""
    influence: dict[str, list[float | None]] = {}
    for layer in judged.layers:
        influence.setdefault(layer.kind, []).append(layer.influence)
    often = {kind: sum(layer.kind == kind for layer in built.layers) for kind in influence}
    left = {kind: values for kind, values in influence.items() if often[kind] == len(values)}
    layers = tuple(
        layer.model_copy(update={"influence": left[layer.kind].pop(0)}) if left.get(layer.kind) else layer
        for layer in built.layers
    )
    return built.model_copy(update={"layers": layers})
