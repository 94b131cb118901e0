"""Are two networks the same one, up to names and to layers that only training has? Pure.

Each layer becomes what it computes: its class, the settings that an answer depends on, and what it reads from. How weights
began, what held them small and what was dropped while they were learnt make no other network.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.checks.layers import DROPOUTS, KINDS
from grader.core.evidence import Architecture, Layer
from grader.core.text import shorten

# Layers that let everything pass once a network is trained.
OF_TRAINING = (
    DROPOUTS
    | {"InputLayer", "Identity", "GaussianNoise", "ActivityRegularization", "AugMix", "CutMix", "MixUp", "RandAugment"}
    | {kind for kind in KINDS if kind.startswith("Random")}
)
# Settings that no answer depends on.
LEFT_OUT = frozenset({
    "name", "trainable", "dtype", "seed", "batch_shape", "batch_input_shape", "sparse", "ragged", "optional", "momentum",
    "synchronized", "renorm", "quantization_config", "lora_rank", "lora_alpha", "autocast", "noise_shape", "build_config",
    "registered_name", "layers", "layer", "mean", "variance",
})  # fmt: skip
LEFT_OUT_ENDINGS = ("_initializer", "_regularizer", "_constraint")
SYMMETRIC = frozenset({"Add", "Multiply", "Average", "Maximum", "Minimum"})  # in whatever order they read
MOST_TOLD, LONGEST = 12, 300  # differences, characters of one


@dataclass(frozen=True)
class _Part:
    """What one layer computes; `reads` are the places of those that it reads from, -1 for the image."""

    kind: str
    settings: str
    output: tuple[int | None, ...] | None
    parameters: int
    reads: tuple[int, ...]

    @property
    def alone(self) -> tuple[object, ...]:
        """Without what it reads from."""
        return self.kind, self.settings, self.output, self.parameters


def is_same_network(one: Architecture, other: Architecture) -> bool:
    """Whether two networks compute the same but for the values of their weights."""
    return digest_graph(one) == digest_graph(other)


def digest_graph(architecture: Architecture) -> str:
    """SHA-256 of all that a network computes, up to names, training, and the order in which it is written down."""
    parts = _parts(architecture)
    known: list[str] = []
    for part in parts:
        reads = ["image" if place < 0 else known[place] for place in part.reads]
        reads = sorted(reads) if part.kind in SYMMETRIC else reads
        known.append(_digest([*map(repr, part.alone), *reads]))
    return _digest([repr(architecture.input_shape), repr(architecture.output_shape), *sorted(known)])


def tell_differences(built: Architecture, handed_in: Architecture) -> tuple[str, ...]:
    """What the handed-in network has otherwise than the one that the notebook builds, layer by layer; empty if nothing."""
    if is_same_network(built, handed_in):
        return ()
    told = [*_of_shapes(built, handed_in), *_of_layers(_parts(built), _parts(handed_in))]
    if len(told) > MOST_TOLD:
        told = [*told[: MOST_TOLD - 1], f"and {len(told) - MOST_TOLD + 1} more differences"]
    return tuple(shorten(line, LONGEST) for line in told)


def _of_shapes(built: Architecture, handed_in: Architecture) -> Iterator[str]:
    if (here := built.input_shape) != (there := handed_in.input_shape):
        yield f"its input has the shape {there}, the one that the notebook builds {here}"
    if (here := built.output_shape) != (there := handed_in.output_shape):
        yield f"its output has the shape {there}, the one that the notebook builds {here}"


def _of_layers(built: Sequence[_Part], handed_in: Sequence[_Part]) -> Iterator[str]:
    matcher = difflib.SequenceMatcher(
        None, [part.alone for part in built], [part.alone for part in handed_in], autojunk=False
    )
    for how, start, end, first, last in matcher.get_opcodes():
        if how == "equal":
            continue
        ours, theirs = built[start:end], handed_in[first:last]
        paired = min(len(ours), len(theirs))
        for number in range(paired):
            yield f"layer {first + number + 1}: {_told(theirs[number], ours[number])}"
        yield from (f"the file has one more layer: {_whole(part)}" for part in theirs[paired:])
        yield from (f"the notebook builds one more layer: {_whole(part)}" for part in ours[paired:])
    if all(how == "equal" for how, *_ in matcher.get_opcodes()):
        for number, (here, there) in enumerate(zip(built, handed_in, strict=True), 1):
            if here.reads != there.reads:
                file, notebook = _places(there.reads), _places(here.reads)
                yield f"layer {number}: {there.kind} reads from {file}, in the notebook from {notebook}"


def _told(theirs: _Part, ours: _Part) -> str:
    if theirs.kind != ours.kind:
        return f"{_whole(theirs)} in the file, {_whole(ours)} in the notebook"
    there, here = json.loads(theirs.settings), json.loads(ours.settings)
    others = [
        f"{key} = {_value(there.get(key))} instead of {_value(here.get(key))}"
        for key in sorted({*there, *here})
        if there.get(key) != here.get(key)
    ]
    if not others and theirs.output != ours.output:
        others = [f"an output of {theirs.output} instead of {ours.output}"]
    if not others:
        others = [f"{theirs.parameters:,} parameters instead of {ours.parameters:,}"]
    return f"{theirs.kind} with {', '.join(others)}"


def _whole(part: _Part) -> str:
    settings: Mapping[str, Any] = json.loads(part.settings)
    named = [f"{key} = {_value(settings[key])}" for key in ("filters", "units", "kernel_size", "pool_size", "activation")
             if settings.get(key) not in (None, "linear")]  # fmt: skip
    return f"{part.kind}({', '.join(named)})" if named else part.kind


def _value(value: object) -> str:
    return shorten("nothing" if value is None else json.dumps(value), 60)


def _places(reads: Sequence[int]) -> str:
    return " and ".join("the image" if place < 0 else f"layer {place + 1}" for place in reads) or "nothing"


def _parts(architecture: Architecture) -> list[_Part]:
    """The layers that count, in order of computation."""
    parts: list[_Part] = []
    place: dict[str, tuple[int, ...]] = {}  # of each name, what stands for it: of a layer that goes, what it reads from
    before: tuple[int, ...] = (-1,)
    for layer in architecture.layers:
        reads = tuple(index for name in layer.inputs for index in place.get(name, (-1,))) or before
        if layer.kind in OF_TRAINING:
            place[layer.name] = (-1,) if layer.kind == "InputLayer" else reads
            before = place[layer.name]
            continue
        parts.append(_Part(layer.kind, _settings(layer), layer.output_shape, layer.parameters, reads))
        place[layer.name] = before = (len(parts) - 1,)
    return parts


def _settings(layer: Layer) -> str:
    kept = {
        key: _axis(value, layer) if key == "axis" else _plain(value)
        for key, value in layer.config.items()
        if key not in LEFT_OUT and not key.endswith(LEFT_OUT_ENDINGS)
    }
    return json.dumps(kept, sort_keys=True, default=str)


def _axis(value: Any, layer: Layer) -> Any:
    """An axis as a number from the first one on: Keras 2 wrote a list of one."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    negative = type(value) is int and value < 0 and layer.output_shape is not None
    return value + len(layer.output_shape or ()) + 1 if negative else value


def _plain(value: Any) -> Any:
    """A setting, with an object that Keras wrote out by its class and settings alone."""
    if isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        return {
            "class_name": value["class_name"],
            "config": _without_names(inner) if isinstance(inner, dict) else inner,
        }
    return value


def _without_names(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in LEFT_OUT}


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
