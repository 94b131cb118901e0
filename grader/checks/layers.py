"""What the checks know about Keras layers: class names, families, activations, and how to speak of them.

The names are written down here, because nothing in this room imports Keras. A rubric that misspells one is refused.
"""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from grader.core.evidence import Architecture, Layer
from grader.core.text import nearest

MOST_NAMED, LONGEST_NAME = 10, 60  # layers in one sentence; characters of a name
LARGEST = 1_000_000  # a size beyond it is nonsense
with Path(__file__).with_name("layers.toml").open("rb") as file:
    _NAMES = tomllib.load(file)
KINDS: tuple[str, ...] = tuple(_NAMES["kinds"])
ACTIVATIONS: tuple[str, ...] = tuple(_NAMES["activations"])

# Families. Preparation is what happens to an image before the network proper; checks of the design let it pass. A Pipeline
# is nothing by itself: what it holds is looked at.
PREPARATION = frozenset(
    {"InputLayer", "Rescaling", "Normalization", "Resizing", "CenterCrop", "GaussianNoise", "AutoContrast"}
    | {"AugMix", "CutMix", "MixUp", "Equalization", "RandAugment", "Solarization", "Pipeline"}
    | {kind for kind in KINDS if kind.startswith("Random")}
)
OPERATION = "ops."  # how the kind of an operation begins that is not a layer
ELEMENTWISE = frozenset(OPERATION + name for name in _NAMES["elementwise"])
CONVOLUTIONS = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"}
)
# What does the work of a kind in another way: it is one wherever a rubric asks for that kind.
FORMS = {
    f"Conv{rank}D": frozenset({f"SeparableConv{rank}D", f"DepthwiseConv{rank}D"} & CONVOLUTIONS) for rank in (1, 2)
}
GLOBAL_POOLINGS = frozenset(kind for kind in KINDS if kind.startswith("Global") and "Pooling" in kind)
POOLINGS = frozenset(kind for kind in KINDS if "Pooling" in kind) - GLOBAL_POOLINGS
DROPOUTS = frozenset(kind for kind in KINDS if kind.endswith("Dropout") or kind.startswith("SpatialDropout"))
ACTIVATION_LAYERS = frozenset({"Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU"})
NORMALIZATIONS = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"})
# "ops.LeakyRelu" -> "leaky_relu"
_OPERATIONS = {
    OPERATION + kind: name for name in ACTIVATIONS for kind in ("".join(map(str.capitalize, name.split("_"))),)
}
NO_INFLUENCE = (  # the hint about layers without
    "As it is, what these layers make of an image is thrown away (multiplied by zero, say, or read by nothing): let the "
    "output depend on it."
)
LITTLE = 0.05  # of the answers' own spread: what moves them less than that does not reach them


def is_operation(layer: Layer) -> bool:
    """Whether it is an operation that is not a layer."""
    return layer.kind.startswith(OPERATION)


def is_arithmetic(layer: Layer) -> bool:
    """Whether it computes with single numbers: neither a tensor of constants nor a second one of the network is given."""
    return layer.kind in ELEMENTWISE and len(layer.inputs) < 2 and not layer.config.get("constants")


def does_work_of(layer: Layer, kind: str) -> bool:
    """Whether `layer` is of the class `kind`, or an operation that does the same: `ops.Conv` for `Conv2D`."""
    if not is_operation(layer):
        return layer.kind == kind
    form = _NAMES["operations"].get(layer.kind.removeprefix(OPERATION), "")
    return kind in {form.format(rank) for rank in ("1D", "2D", "3D")}


def is_kind(layer: Layer, kind: str) -> bool:
    """Whether `layer` is what a rubric means by `kind`: a separable convolution is a convolution."""
    return layer.kind == kind or layer.kind in FORMS.get(kind, ())


def reaches_answer(layer: Layer) -> bool:
    """Whether the network's answers depend on what this layer makes of an image; so where that was not tried."""
    return layer.influence is None or layer.influence >= LITTLE


def reaching_answer(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers that the answers depend on, which alone a network may be given credit for; who reads from whom is kept.

    What was not measured (an operation) and reads from nothing but layers without influence has none either. A layer that
    counts, and reads from nothing else, reads from what those read from: they are as good as left out.
    """
    kept: list[Layer] = []
    gone: dict[str, tuple[str, ...]] = {}  # what is left out, and what it reads from
    for layer in layers:
        inputs = tuple(name for name in layer.inputs if name not in gone)
        before = inputs or tuple(dict.fromkeys(name for left_out in layer.inputs for name in gone[left_out]))
        if not reaches_answer(layer) or (layer.inputs and not inputs and layer.influence is None):
            gone[layer.name] = before
        else:
            kept.append(layer if before == layer.inputs else layer.model_copy(update={"inputs": before}))
    return tuple(kept)


def without_influence(layers: Iterable[Layer], reaching: Iterable[Layer]) -> list[Layer]:
    """Those of the layers that are not among the ones that the answers depend on."""
    names = {layer.name for layer in reaching}
    return [layer for layer in layers if layer.name not in names]


def _known(word: str, names: tuple[str, ...], what: str) -> str:
    if word in names:
        return word
    raise ValueError(f"`{word}` is not the name of {what}{nearest(word, names)}")


def known_kind(word: str) -> str:
    """`word` where it is the class name of a Keras layer. ValueError with the nearest name where it is not."""
    return _known(word, KINDS, "a Keras layer class")


def known_activation(word: str) -> str:
    """`word` where it is the name of a Keras activation. ValueError with the nearest name where it is not."""
    return _known(word, ACTIVATIONS, "a Keras activation")


Kind = Annotated[str, AfterValidator(known_kind)]
ActivationName = Annotated[str, AfterValidator(known_activation)]


def activation_of(layer: Layer) -> str:
    """The name of the activation that `layer` applies, "linear" for none; a function of one's own keeps its name."""
    if is_operation(layer):
        return _OPERATIONS.get(layer.kind, "linear")
    if layer.kind in ACTIVATION_LAYERS - {"Activation"}:
        return _spelt(layer.kind)
    return _activation_name(layer.config.get("activation"))


def _activation_name(written: object) -> str:
    """A name from what `get_config()` wrote: a string, or an object with class_name and config."""
    if written is None:
        return "linear"
    if isinstance(written, str):
        return written
    if not isinstance(written, dict) or "class_name" not in written:
        return "a function of its own"
    inner = written.get("config")
    if written["class_name"] == "function":
        return str(inner)
    if written["class_name"] == "Activation" and isinstance(inner, dict):
        return _activation_name(inner.get("activation"))
    return _spelt(str(written["class_name"]))


def _spelt(kind: str) -> str:
    return kind.lower() if kind.lower() in ACTIVATIONS else kind


def output_activation(architecture: Architecture) -> str:
    """What the model's outputs went through last: of the last layer with weights, or of an Activation layer after it.

    "linear" means that the outputs are logits.
    """
    passive = ACTIVATION_LAYERS | DROPOUTS | NORMALIZATIONS | {"Reshape", "Flatten", "Identity"}
    for layer in reversed(architecture.layers):
        found = activation_of(layer)
        if found != "linear" or not (layer.kind in passive or is_operation(layer)):
            return found
    return "linear"


def numbers(layer: Layer, key: str) -> tuple[int, ...]:
    """The sizes under `key` of a layer's config, one for each axis where it has several; empty where there are none."""
    value = layer.config.get(key)
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(part for part in parts if isinstance(part, int) and 0 < part <= LARGEST)[:3]


def kernel(layer: Layer) -> tuple[int, ...]:
    """A convolution's kernel, (height, width) in two dimensions; empty where the config does not say."""
    return _each_axis(numbers(layer, "kernel_size"), layer)


def strides(layer: Layer) -> tuple[int, ...]:
    """The strides of a convolution or pooling along each axis; 1 where the config does not say."""
    return _each_axis(numbers(layer, "strides") or (1,), layer)


def _each_axis(sizes: tuple[int, ...], layer: Layer) -> tuple[int, ...]:
    """One number stands for all axes."""
    return sizes * next((rank for rank in (1, 3) if f"{rank}D" in layer.kind), 2) if len(sizes) == 1 else sizes


def named(layers: Iterable[Layer], *, most: int = MOST_NAMED) -> str:
    """The layers' names for a sentence: "`conv2d`, `conv2d_1` and `conv2d_2`"; of many the first ones."""
    return some([quoted(layer.name) for layer in layers], most=most)


def quoted(name: str) -> str:
    """A name as code; a student may have given one of any length."""
    return f"`{name}`" if len(name) <= LONGEST_NAME else f"`{name[:LONGEST_NAME]}…`"


def some(words: list[str], *, most: int = MOST_NAMED) -> str:
    """What a submission holds, for a sentence: "a, b and c"; of many the first `most`, and how many more."""
    more = len(words) - most
    return listed([*words[:most], f"{more} more"] if more > 0 else words)


def listed(words: list[str], last: str = "and") -> str:
    """Words for a sentence: "a, b and c"."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def write_shape(shape: Iterable[int | None]) -> str:
    """A shape as Keras writes it: "(28, 28, 1)", "(784,)", and "any" where a size is free."""
    parts = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
