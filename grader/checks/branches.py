"""Where the ways of a network meet, and what each of them has done before. Pure, over the layers that the judge saw.

The layers come from a model that may be hostile: nothing here may raise, whatever names, connections and configs say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from grader.checks.kinds import CONVOLUTIONS
from grader.evidence import Layer

DEEPEST = 8  # models within models
LARGEST = 1_000_000  # a size beyond it is nonsense


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


def numbers(layer: Layer, key: str) -> tuple[int, ...]:
    """The sizes under `key` of a layer's config, one for each axis where it has several; empty where there are none."""
    value = layer.config.get(key)
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(part for part in parts if isinstance(part, int) and 0 < part <= LARGEST)[:3]


def kernel(layer: Layer) -> tuple[int, ...]:
    """A convolution's kernel, (height, width) in two dimensions; empty where the config does not say."""
    found = numbers(layer, "kernel_size")
    return found * 2 if len(found) == 1 and "2D" in layer.kind else found


def three_by_three(layer: Layer) -> bool:
    """Whether the kernel has the size 3 along every axis."""
    return set(kernel(layer)) == {3}


def pointwise(layer: Layer) -> bool:
    """Whether the kernel looks at one place at a time: 1 along every axis."""
    return set(kernel(layer)) == {1}
