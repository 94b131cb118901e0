"""Which known architecture does the network resemble, and why? Pure, over the layers that the judge saw.

Branches are looked at first, because only they tell ResNet and GoogLeNet, which begin with AlexNet's large kernel and
overlapping pooling, from AlexNet. Where several ways of computation meet, each way's own convolutions count, those that
are on no other way. Added to a way with none, or with one that only projects, they make a skip; two such ways, side by
side in the channels, make an Inception module. The more frequent of both names the family. Any other meeting of
convolutions (DenseNet, U-Net, towers) makes the network one of its own kind.

A network without branches is read as a row of stages, each a few convolutions up to the pooling, or the strides, that end
it. Preparation, activations, normalisation, dropout and padding are looked through, and so is a gate (`Multiply`).

The model may be hostile: nothing here may raise, whatever its names, connections and configs say.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from grader.checks.layers import (
    ACTIVATION_LAYERS,
    CONVOLUTIONS,
    GLOBAL_POOLINGS,
    NORMALIZATIONS,
    POOLINGS,
    PREPARATION,
    is_arithmetic,
    is_operation,
    kernel,
    listed,
    named,
    numbers,
    reaching_answer,
    strides,
)
from grader.core.evidence import Architecture, Layer, Value

DEEPEST = 8  # models within models
MOST_LAYERS = 2_000  # the largest networks in common use have about a thousand
SHOWN, MOST_NUMBERS = 3, 12  # layers, and numbers, in one sentence
LARGE_KERNEL, LENET_KERNEL = 7, 5
LENET_PAIRS = (2, 3)
ALEXNET_CONVOLUTIONS = 3
_named = partial(named, most=SHOWN)
OF_PERCEPTRONS = frozenset({"Dense"}) | NORMALIZATIONS | ACTIVATION_LAYERS | PREPARATION


class KnownArchitecture(NamedTuple):
    """A family: its title for people, and what makes it."""

    title: str
    about: str


with Path(__file__).with_name("families.toml").open("rb") as file:
    KNOWN = {name: KnownArchitecture(**row) for name, row in tomllib.load(file).items()}
FAMILIES = tuple(KNOWN)


class Family(Value):
    """What a network resembles: `reason` names the layers and numbers that made the decision.

    Where that is no known architecture, `nearest` names the one that it comes closest to, and `missing` says what it
    would need to be one; both may be empty.
    """

    name: str
    title: str
    reason: str
    nearest: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Merge:
    """A layer in which several ways meet. `own`: each way's own convolutions and upsamplings, in order of `sources`."""

    layer: Layer
    sources: tuple[Layer, ...]
    own: tuple[tuple[Layer, ...], ...]

    @cached_property
    def counts(self) -> list[int]:
        """How many convolutions each way has to itself."""
        return [sum(layer.kind in CONVOLUTIONS for layer in way) for way in self.own]

    @property
    def ways(self) -> int:
        """How many ways have convolutions of their own."""
        return sum(count > 0 for count in self.counts)

    @property
    def joins_maps(self) -> bool:
        """Whether maps meet here, not flat vectors: those belong to the head of the network."""
        shape = self.layer.output_shape
        return shape is None or len(shape) > 1

    @property
    def is_skip(self) -> bool:
        """An addition around convolutions: one way has none of its own, or a single one that only projects."""
        if self.layer.kind != "Add" or not self.joins_maps or not self.ways:
            return False
        projects = any(count == 1 and pointwise(way[0]) for count, way in zip(self.counts, self.own, strict=True))
        return min(self.counts) == 0 or (min(self.counts) == 1 and (max(self.counts) > 1 or projects))

    @property
    def is_module(self) -> bool:
        """Two or more ways with own convolutions, side by side in the channels; a way that enlarges is a decoder."""
        enlarges = any(layer.kind not in CONVOLUTIONS for way in self.own for layer in way)
        return self._side_by_side and self.ways > 1 and not enlarges

    @property
    def is_other(self) -> bool:
        """A meeting of convolutions that is neither; a gate has its own convolutions and is looked through."""
        if self.layer.kind == "Multiply" or self.is_skip or self.is_module:
            return False
        return self.ways > 1 or (self.ways == 1 and self.joins_maps and self.layer.kind == "Concatenate")

    @property
    def _side_by_side(self) -> bool:
        axis, shape = self.layer.config.get("axis"), self.layer.output_shape
        last = shape is None or not isinstance(axis, int) or axis in (-1, len(shape))
        return self.layer.kind == "Concatenate" and self.joins_maps and last


def find_merges(layers: tuple[Layer, ...]) -> Iterator[Merge]:
    """Every layer that reads from several others, with the ways that meet there.

    `behind[i]` is a set, as bits, of the convolutions and upsamplings that layer i was computed from, itself included.
    """
    behind: list[int] = []
    for place, sources in enumerate(_sources(layers)):
        once = twice = 0
        for source in sources:
            twice |= once & behind[source]
            once |= behind[source]
        if len(sources) > 1:
            own = tuple(_members(behind[source] & ~twice, layers) for source in sources)
            yield Merge(layers[place], tuple(layers[source] for source in sources), own)
        behind.append(once | (_marked(layers[place]) << place))


def _marked(layer: Layer) -> bool:
    return layer.kind in CONVOLUTIONS or layer.kind.startswith("UpSampling") or layer.kind.endswith("Transpose")


def _members(bits: int, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(layers[lowest.bit_length() - 1])
        bits ^= lowest
    return tuple(found)


def _sources(layers: tuple[Layer, ...]) -> Iterator[tuple[int, ...]]:
    """For each layer the places of those it reads from, all before its own: so there are no cycles.

    The name of an inner model stands for its last layer. A layer whose sources aren't there (the first of a Sequential
    model reads from an input that is not listed) reads from the layer before it.
    """
    places: dict[str, int] = {}
    for place, layer in enumerate(layers):
        found = tuple(dict.fromkeys(places[name] for name in layer.inputs if name in places))
        yield found or ((place - 1,) if place else ())
        parts = layer.name.split("/", DEEPEST)
        places.update(("/".join(parts[:depth]), place) for depth in range(1, len(parts)))
        places[layer.name] = place


def recognise(architecture: Architecture) -> Family:
    """The family of a network, by the layers that its answers depend on.

    Never raises: a description that makes no sense has a family too.
    """
    if len(architecture.layers) > MOST_LAYERS:
        return _family("custom", f"its {len(architecture.layers):,} layers are too many to look at")
    layers = reaching_answer(architecture.layers)
    if not any(layer.kind in CONVOLUTIONS for layer in layers):
        return _without_convolutions(layers)
    merges = tuple(find_merges(layers))
    skips = tuple(merge for merge in merges if merge.is_skip)
    modules = tuple(merge for merge in merges if merge.is_module)
    if modules and len(modules) >= len(skips):
        return _family("inception", _say_modules(modules, skips))
    if skips:
        return _family("resnet", _say_skips(skips, modules))
    other = next((merge for merge in merges if merge.is_other), None)
    return _of_its_own(other) if other else _row(layers)


def _family(name: str, reason: str, nearest: str = "", missing: str = "") -> Family:
    return Family(name=name, title=KNOWN[name].title, reason=reason, nearest=nearest, missing=missing)


def _without_convolutions(layers: tuple[Layer, ...]) -> Family:
    dense = tuple(layer for layer in layers if layer.kind == "Dense")
    operations = tuple(layer for layer in layers if is_operation(layer) and not is_arithmetic(layer))
    if operations:
        kinds = listed(sorted({layer.kind for layer in operations})[:SHOWN])
        return _family("custom", f"there is no layer that convolves, and {_named(operations)} ({kinds}) are not layers")
    others = tuple(layer for layer in layers if layer.parameters and layer.kind not in OF_PERCEPTRONS)
    if others:
        kinds = listed(sorted({layer.kind for layer in others})[:SHOWN])
        return _family(
            "custom",
            f"there is no convolution, and {_named(others)} ({kinds}) with weights of their own kind",
        )
    if not dense:
        return _family("custom", "there is neither a convolution nor a dense layer")
    reason = f"{_count(dense, 'dense layer')} ({_named(dense)}) and no convolution"
    return _family("mlp", reason, "lenet", KNOWN["lenet"].about)


def _say_skips(skips: tuple[Merge, ...], modules: tuple[Merge, ...]) -> str:
    first = skips[0]
    ways = sorted(zip(first.counts, first.sources, strict=True), key=lambda way: way[0])
    (projected, near), (convolutions, far) = ways[0], ways[-1]
    words = f"{_count(skips, 'skip')} around convolutions; the first, `{first.layer.name}`, adds `{near.name}`"
    words += (
        f"{', a projection,' if projected else ''} to `{far.name}`, {_count(convolutions, 'convolution')} further on"
    )
    return words + (f" (and {_count(modules, 'concatenation')} of parallel convolutions)" if modules else "")


def _say_modules(modules: tuple[Merge, ...], skips: tuple[Merge, ...]) -> str:
    first = modules[0]
    kernels = [_by(size) for size in sorted({kernel(layer) for way in first.own for layer in way})]
    words = f"{_count(modules, 'concatenation')} of parallel convolutions; the first, `{first.layer.name}`, "
    words += f"joins {first.ways} branches with kernels of {listed(kernels[:MOST_NUMBERS])}"
    return words + (f" (and {_count(skips, 'additive skip')})" if skips else "")


def _of_its_own(merge: Merge) -> Family:
    where = f"`{merge.layer.name}` ({merge.layer.kind})"
    if merge.ways > 1:
        reason = f"{where} joins {merge.ways} ways with convolutions of their own, as no known architecture does"
        return _family("custom", reason, "inception", KNOWN["inception"].about)
    made = _count(max(merge.counts), "convolution")
    reason = f"{where} puts earlier maps beside what {made} made of them, as DenseNet and U-Net do"
    return _family("custom", reason, "resnet", "maps added (`Add`) to what convolutions made of them, not concatenated")


def pointwise(layer: Layer) -> bool:
    """Whether the kernel looks at one place at a time: 1 along every axis."""
    return set(kernel(layer)) == {1}


class Stage(NamedTuple):
    """Convolutions in a row; `pooled` where a pooling layer, or the last one's strides, made their maps smaller."""

    convolutions: tuple[Layer, ...]
    pooled: bool

    @property
    def is_block(self) -> bool:
        """VGG's: two or more 3 × 3 convolutions, with none but 1 × 1 beside them, ended by pooling."""
        pointed = sum(map(pointwise, self.convolutions))
        return self.pooled and self.height > 1 and self.height + pointed == len(self.convolutions)

    @property
    def height(self) -> int:
        """How many 3 × 3 convolutions there are."""
        return sum(set(kernel(layer)) == {3} for layer in self.convolutions)


class Trait(NamedTuple):
    """Something that makes a family: whether it is `met`, in which `words`, and what is `missing` where it isn't."""

    met: bool
    words: str
    missing: str


def _row(layers: tuple[Layer, ...]) -> Family:
    stages = tuple(_stages(layers))
    convolutions = tuple(layer for stage in stages for layer in stage.convolutions)
    traits = {  # in this order: AlexNet stacks convolutions too, and VGG's blocks hold LeNet's pairs
        "alexnet": _alexnet(layers, convolutions),
        "vgg": _vgg(stages, convolutions),
        "lenet": _lenet(layers, stages, convolutions),
    }
    for name, found in traits.items():
        if all(trait.met for trait in found):
            return _family(name, "; ".join(trait.words for trait in found if trait.words))
    nearest = min(traits, key=lambda name: sum(not trait.met for trait in traits[name]))
    missing = "; ".join(trait.missing for trait in traits[nearest] if not trait.met)
    pooled = _count([stage for stage in stages if stage.pooled], "stage")
    row = f"{_count(convolutions, 'convolution')} ({_named(convolutions)}) without branches, {pooled} ended by pooling"
    return _family("plain", row, nearest, missing)


def _stages(layers: tuple[Layer, ...]) -> Iterator[Stage]:
    row: list[Layer] = []
    for layer in layers:
        strided = False
        if layer.kind in CONVOLUTIONS:
            row.append(layer)
            strided = max(strides(layer)) > 1
        pooled = strided or layer.kind in POOLINGS | GLOBAL_POOLINGS
        if row and (pooled or layer.kind in ("Flatten", "Dense")):
            yield Stage(tuple(row), pooled)
            row.clear()
    if row:
        yield Stage(tuple(row), False)


def _alexnet(layers: tuple[Layer, ...], convolutions: tuple[Layer, ...]) -> tuple[Trait, ...]:
    first = convolutions[0]
    begins = f"`{first.name}` begins with kernels of {_by(kernel(first))}"
    begins += f" in strides of {max(strides(first))}" if max(strides(first)) > 1 else ""
    overlapping = [
        layer
        for layer in layers
        if layer.kind in POOLINGS and max(numbers(layer, "pool_size"), default=0) > max(strides(layer)) > 1
    ]
    pooling = "".join(
        f"the pooling overlaps: `{layer.name}` pools {_by(numbers(layer, 'pool_size'))} in strides of {max(strides(layer))}"
        for layer in overlapping[:1]
    )
    return (
        Trait(min(kernel(first), default=0) >= LARGE_KERNEL, begins, "a first kernel of 7 × 7 or more"),
        Trait(
            bool(overlapping),
            pooling,
            "overlapping pooling, as in `MaxPooling2D((3, 3), strides=2)`",
        ),
        Trait(
            len(convolutions) >= ALEXNET_CONVOLUTIONS,
            _count(convolutions, "convolution"),
            f"{ALEXNET_CONVOLUTIONS} convolutions or more",
        ),
    )


def _vgg(stages: tuple[Stage, ...], convolutions: tuple[Layer, ...]) -> tuple[Trait, ...]:
    blocks = tuple(stage for stage in stages if stage.is_block)
    counted = [block.convolutions[-1] for block in blocks] if len(blocks) > 1 else convolutions
    filters = [_filters(layer) for layer in counted]
    grow = filters[0] < filters[-1] and all(before <= after for before, after in pairwise(filters))
    heights = listed([str(block.height) for block in blocks[:MOST_NUMBERS]])
    ended = "pooling or strides" if any(max(strides(block.convolutions[-1])) > 1 for block in blocks) else "pooling"
    begun = _named(block.convolutions[0] for block in blocks)
    return (
        Trait(
            len(blocks) > 1,
            f"{_count(blocks, 'block')} of {heights} stacked 3 × 3 convolutions, each ended by {ended} (from {begun})",
            "two blocks or more in which pooling follows on two or more 3 × 3 convolutions"
            + (f" (there is one, from {begun})" if blocks else " (there is none)"),
        ),
        Trait(grow, f"{' → '.join(map(str, filters[:MOST_NUMBERS]))} filters", "more filters from block to block"),
    )


def _lenet(layers: tuple[Layer, ...], stages: tuple[Stage, ...], convolutions: tuple[Layer, ...]) -> tuple[Trait, ...]:
    pairs = tuple(stage.convolutions[0] for stage in stages if stage.pooled)
    large = tuple(layer for layer in convolutions if max(kernel(layer), default=0) > LENET_KERNEL)
    dense = tuple(layer for layer in layers if layer.kind == "Dense")
    few, many = LENET_PAIRS
    return (
        Trait(
            few <= len(pairs) <= many,
            f"{_count(pairs, 'pair')} of convolution and pooling ({_named(pairs)})",
            f"two or three pairs of convolution and pooling (there {'is' if len(pairs) == 1 else 'are'} {len(pairs)})",
        ),
        Trait(len(convolutions) <= len(pairs) + 1, "", f"one convolution for each pooling (of {len(convolutions)})"),
        Trait(not large, "", f"kernels of 5 × 5 or less (not so: {_named(large)})"),
        Trait(bool(dense), f"then {_count(dense, 'dense layer')} ({_named(dense)})", "dense layers at the end"),
    )


def _filters(layer: Layer) -> int:
    """How many there are; a depthwise convolution has none, and as many maps as it gives out."""
    maps = tuple(size for size in (layer.output_shape or ())[-1:] if size is not None)
    return (numbers(layer, "filters") or maps or (0,))[0]


def _by(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes)) or "an unknown size"


def _count(items: int | tuple[object, ...] | list[Stage], what: str) -> str:
    number = items if isinstance(items, int) else len(items)
    return f"{number} {what}{'' if number == 1 else 's'}"
