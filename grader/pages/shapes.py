"""Where a layer's numbers come from: its output size, its parameters, and a dense layer in its place. Pure.

The size rule of the lecture is floor((m + 2p - f)/s + 1) along each axis: m cells come in, p are padded at each end,
f is the size of the kernel or pool, s the stride. A layer's config comes from a student's model: every value is
looked at before it is used, and arithmetic that does not give the very number that the judge saw is not shown.
The second half puts it into words, layer by layer.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from grader.core.evidence import Architecture, Layer
from grader.core.text import joined, one_line
from grader.pages.language import count, gettext_noop, many, numbers, say
from grader.pages.wording import shape

LARGEST = 10**9  # beyond it no size is believed: no formula grows longer than a line
MOST_AXES = 4

Family = Literal["convolution", "separable", "depthwise", "transposed", "pooling", "global", "adaptive"]
Padding = Literal["valid", "same", "causal"]
Sizes = tuple[int | None, ...]

_STEMS: dict[str, Family] = {
    "Conv": "convolution",
    "SeparableConv": "separable",
    "DepthwiseConv": "depthwise",
    "MaxPooling": "pooling",
    "AveragePooling": "pooling",
    "GlobalMaxPooling": "global",
    "GlobalAveragePooling": "global",
    "AdaptiveMaxPooling": "adaptive",
    "AdaptiveAveragePooling": "adaptive",
}
_RANKS = (1, 2, 3)
# class name -> what it does and over how many axes
FAMILIES: dict[str, tuple[Family, int]] = {
    **{f"{stem}{rank}D": (family, rank) for stem, family in _STEMS.items() for rank in _RANKS},
    **{f"Conv{rank}DTranspose": ("transposed", rank) for rank in _RANKS},
}
CONVOLVING: frozenset[Family] = frozenset({"convolution", "separable", "depthwise", "transposed"})
_AXES: dict[int, tuple[str, ...]] = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True)
class Formula:
    """Arithmetic as people write it, and what it gives."""

    text: str
    value: int


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis that a window slides along; `incoming` is None where the size is free."""

    name: str
    incoming: int | None
    window: int
    stride: int
    dilation: int
    padding: Padding

    @property
    def reach(self) -> int:
        """Cells from the window's first to its last: d · (f - 1) + 1 for a dilation of d."""
        return self.dilation * (self.window - 1) + 1

    def pads(self, incoming: int) -> tuple[int, int]:
        """Cells padded before and after. `same`: max((ceil(m/s) - 1) · s + f - m, 0) in all, an odd one after."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "causal":
            return self.reach - 1, 0
        total = max((-(-incoming // self.stride) - 1) * self.stride + self.reach - incoming, 0)
        return total // 2, total - total // 2

    def outgoing(self, incoming: int) -> int:
        """The size rule: floor((m + 2p - f)/s + 1)."""
        return (incoming + sum(self.pads(incoming)) - self.reach) // self.stride + 1


@dataclass(frozen=True)
class Sliding:
    """The axes of a convolution or pooling, and where its outgoing channels come from."""

    axes: tuple[Axis, ...]
    channels: Formula


def _family(layer: Layer) -> tuple[Family | None, int]:
    """What a layer does and over how many axes; None for one that neither convolves nor pools."""
    return FAMILIES.get(layer.kind, (None, 0))


def sliding(layer: Layer) -> Sliding | None:
    """How the output's shape follows from the input's; None where the rule does not give the shape that the judge saw."""
    family, rank = _family(layer)
    volumes = _volumes(layer, rank)
    if volumes is None or family not in ("convolution", "separable", "depthwise", "pooling"):
        return None
    (incoming, channels_in), (outgoing, channels_out) = volumes
    windows = _wholes(layer.config.get("pool_size" if family == "pooling" else "kernel_size"), rank)
    strides = _wholes(layer.config.get("strides"), rank)
    dilations = (1,) * rank if family == "pooling" else _wholes(layer.config.get("dilation_rate"), rank)
    padding = _padding(layer.config.get("padding"))
    channels = _channel_formula(layer, family, channels_in)
    if windows is None or strides is None or dilations is None or padding is None or channels is None:
        return None
    axes = tuple(
        Axis(name=name, incoming=m, window=f, stride=s, dilation=d, padding=padding)
        for name, m, f, s, d in zip(_AXES[rank], incoming, windows, strides, dilations, strict=True)
    )
    given = tuple(None if axis.incoming is None else axis.outgoing(axis.incoming) for axis in axes)
    return Sliding(axes, channels) if given == outgoing and channels.value == channels_out else None


def written_rule(axis: Axis, incoming: int) -> str:
    """The size rule with an axis' numbers: "(28 + 2·1 - 3)/1 + 1 = 28"; floor only where there is a remainder."""
    before, after = axis.pads(incoming)
    same_ends = f" + 2·{count(before)}" if before else ""
    pad = same_ends if before == after else "".join(f" + {count(cells)}" for cells in (before, after) if cells)
    rule = f"({count(incoming)}{pad} - {count(axis.reach)})/{count(axis.stride)} + 1"
    size = axis.outgoing(incoming)
    rest = (incoming + before + after - axis.reach) % axis.stride
    if not rest:
        return f"{rule} = {count(size)}"
    hundredths, more = divmod(100 * rest, axis.stride)
    point = numbers("0.5")[1]
    exact = f"{count(size)}{point}{f'{hundredths:02}…' if more else f'{hundredths:02}'.rstrip('0')}"
    return f"floor({rule}) = floor({exact}) = {count(size)}"


def free_rule(axis: Axis) -> str:
    """The size rule for a free size m."""
    if axis.padding != "valid":
        return "m" if axis.stride == 1 else f"ceil(m/{count(axis.stride)})"
    rule = f"(m - {count(axis.reach)})/{count(axis.stride)} + 1"
    return rule if axis.stride == 1 else f"floor({rule})"


def parameter_count(layer: Layer) -> Formula | None:
    """The arithmetic of a layer's parameters; None where it does not give the number that the judge saw."""
    family, rank = _family(layer)
    formula = None
    if layer.kind == "Dense":
        formula = _dense_formula(layer)
    elif layer.kind == "BatchNormalization":
        formula = _normalization(layer)
    elif family in CONVOLVING:
        formula = _convolution(layer, family, rank)
    return formula if formula and formula.value == layer.parameters else None


def dense_instead(layer: Layer) -> Formula | None:
    """The weights and biases of a dense layer from the same input to the same output: (inputs + 1) · outputs."""
    inputs, outputs = _cells(_only(layer.input_shapes)), _cells(layer.output_shape)
    if layer.kind not in FAMILIES or inputs is None or outputs is None:
        return None
    return Formula(f"({count(inputs)} + 1) · {count(outputs)}", (inputs + 1) * outputs)


def flattened(layer: Layer) -> Formula | None:
    """How many cells a Flatten layer puts in a row, where all axes are known."""
    shape = _only(layer.input_shapes)
    cells = _cells(shape)
    if layer.kind != "Flatten" or shape is None or cells is None or layer.output_shape != (cells,):
        return None
    return Formula(_times(*(size for size in shape if size is not None)), cells)


def pooled_cells(layer: Layer) -> Formula | None:
    """How many cells of a channel a global pooling reduces to one number; None where a size is free or not believable."""
    family, rank = _family(layer)
    shape = _only(layer.input_shapes)
    volume = _volume(shape, rank, layer.config.get("data_format")) if family == "global" and shape else None
    cells = _wholes(volume[0], rank) if volume else None
    if volume is None or cells is None or _cells(layer.output_shape) != volume[1]:
        return None
    return Formula(_times(*cells), math.prod(cells))


def _dense_formula(layer: Layer) -> Formula | None:
    shape = _only(layer.input_shapes)
    inputs, units, bias = _whole(shape[-1] if shape else None), _whole(layer.config.get("units")), _bias(layer)
    if inputs is None or units is None or bias is None:
        return None
    return _weighed((inputs,), bias, (units,))


def _normalization(layer: Layer) -> Formula | None:
    """Mean and variance of each channel are measured, its scale and shift learnt."""
    shape, axis = _only(layer.input_shapes), layer.config.get("axis")
    learnt = (layer.config.get("scale"), layer.config.get("center"))
    if shape is None or type(axis) is not int or not all(isinstance(part, bool) for part in learnt):
        return None
    place = axis - 1 if axis > 0 else axis  # Keras counts the batch as axis 0
    channels = _whole(shape[place]) if axis and -len(shape) <= place < len(shape) else None
    each = 2 + sum(map(bool, learnt))
    return None if channels is None else Formula(_times(each, channels), each * channels)


def _convolution(layer: Layer, family: Family | None, rank: int) -> Formula | None:
    volumes = _volumes(layer, rank)
    kernel, bias = _wholes(layer.config.get("kernel_size"), rank), _bias(layer)
    if volumes is None or kernel is None or bias is None:
        return None
    channels, filters = volumes[0][1], _whole(layer.config.get("filters"))
    if family in ("depthwise", "separable"):
        multiplier = _whole(layer.config.get("depth_multiplier"))
        if multiplier is None:
            return None
        maps = (channels,) if multiplier == 1 else (channels, multiplier)
        if family == "depthwise":
            return _weighed(kernel, bias, maps)
        if filters is None:
            return None
        apart, across = _weighed(kernel, False, maps), _weighed(maps, bias, (filters,))
        return Formula(f"{apart.text} + {across.text}", apart.value + across.value)
    groups = 1 if family == "transposed" else _whole(layer.config.get("groups"))
    if filters is None or groups is None or channels % groups:
        return None
    return _weighed((*kernel, channels // groups), bias, (filters,))


def _weighed(weights: Sequence[int], bias: bool, units: Sequence[int]) -> Formula:
    """(weights + 1) · units, without the 1 where there is no bias."""
    text = f"({_times(*weights)} + 1) · {_times(*units)}" if bias else _times(*weights, *units)
    return Formula(text, (math.prod(weights) + bias) * math.prod(units))


def _channel_formula(layer: Layer, family: Family, incoming: int) -> Formula | None:
    if family == "pooling":
        return Formula(count(incoming), incoming)
    many = _whole(layer.config.get("depth_multiplier" if family == "depthwise" else "filters"))
    if many is None:
        return None
    return Formula(_times(incoming, many), incoming * many) if family == "depthwise" else Formula(count(many), many)


def _volumes(layer: Layer, rank: int) -> tuple[tuple[Sizes, int], tuple[Sizes, int]] | None:
    """Spatial sizes and channels of the only input and of the output."""
    order = layer.config.get("data_format")
    incoming, outgoing = (_volume(shape, rank, order) for shape in (_only(layer.input_shapes), layer.output_shape))
    return None if incoming is None or outgoing is None else (incoming, outgoing)


def _volume(shape: Sizes | None, rank: int, order: object) -> tuple[Sizes, int] | None:
    if shape is None or rank not in _RANKS or len(shape) != rank + 1:
        return None
    if order not in ("channels_last", "channels_first"):
        return None
    last = order == "channels_last"
    spatial, channels = (shape[:-1], _whole(shape[-1])) if last else (shape[1:], _whole(shape[0]))
    known = all(size is None or _whole(size) for size in spatial)
    return (spatial, channels) if known and channels is not None else None


def _only(shapes: tuple[Sizes, ...]) -> Sizes | None:
    return shapes[0] if len(shapes) == 1 else None


def _cells(shape: Sizes | None) -> int | None:
    sizes = _wholes(shape) if shape and len(shape) <= MOST_AXES else None
    return math.prod(sizes) if sizes else None


def _whole(value: object) -> int | None:
    """The value if it is a believable count (True and 3.0 are not), else None."""
    return value if type(value) is int and 1 <= value <= LARGEST else None


def _wholes(value: object, rank: int | None = None) -> tuple[int, ...] | None:
    """The values if all are believable counts, one for each axis, else None."""
    if not isinstance(value, list | tuple) or (rank is not None and len(value) != rank):
        return None
    found = tuple(number for number in map(_whole, value) if number is not None)
    return found if len(found) == len(value) else None


def _bias(layer: Layer) -> bool | None:
    bias = layer.config.get("use_bias")
    return bias if isinstance(bias, bool) else None


def _padding(value: object) -> Padding | None:
    known: tuple[Padding, ...] = ("valid", "same", "causal")
    return next((padding for padding in known if padding == value), None)


def _times(*numbers: int) -> str:
    return " · ".join(map(count, numbers))


MOST = 100  # layers that are explained

# What a batch normalisation counts, by whether it learns a scale and a shift.
_NORMALISED = {
    (True, True): gettext_noop("for each channel a measured mean and variance, and a learnt scale and shift"),
    (True, False): gettext_noop("for each channel a measured mean and variance, and a learnt scale"),
    (False, True): gettext_noop("for each channel a measured mean and variance, and a learnt shift"),
    (False, False): gettext_noop("for each channel a measured mean and variance"),
}


@dataclass(frozen=True, kw_only=True)
class LayerExplanation:
    """How one layer's numbers come about: its size (lines with notes), its parameters, a dense layer in its place."""

    number: int
    name: str
    kind: str
    shapes: str
    size: tuple[tuple[str, str], ...]
    parameters: str
    dense: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The layers that have something to explain; `saved` is what convolutions save, in a sentence."""

    layers: tuple[LayerExplanation, ...]
    more: int
    slides: bool  # the size rule is used
    saved: str


def explain_layers(architecture: Architecture | None) -> Explanation | None:
    """How the numbers of a network's layers come about, or None where there is nothing to explain."""
    layers = architecture.layers if architecture else ()
    each = [found for number, layer in enumerate(layers, 1) if (found := _layer(number, layer)) is not None]
    if not each:
        return None
    return Explanation(
        layers=tuple(each[:MOST]),
        more=max(len(each) - MOST, 0),
        slides=any(sliding(layer) for layer in layers),
        saved=_saved(layers),
    )


def times_as_many(more: int, few: int) -> str:
    """How `more` compares with `few` in words: "about 53,000 times as many"."""
    if more == few:
        return say("just as many")
    if more < few:
        return say("fewer: on so small an input, sharing weights saves nothing")
    if more < 10 * few:
        factor = numbers(f"{round(more / few, 1):g}")
        return say("{factor} times as many", factor=factor) if 20 * more >= 21 * few else say("hardly more")
    digits = len(str(more // few)) - 2
    rounded = round(more // few, -digits)
    if rounded >= 10**9:
        return say("about {factor} billion times as many", factor=_factor(rounded, 10**9))
    if rounded >= 10**6:
        return say("about {factor} million times as many", factor=_factor(rounded, 10**6))
    return say("about {factor} times as many", factor=rounded)


def rules(layer: Layer) -> tuple[str, ...]:
    """The size rule in the layer's numbers, each different axis once; nothing for other layers and for free sizes."""
    found = sliding(layer)
    axes = found.axes if found else ()
    return tuple(dict.fromkeys(written_rule(axis, axis.incoming) for axis in axes if axis.incoming is not None))


def _factor(rounded: int, size: int) -> str:
    return count(rounded // size) if rounded >= 10 * size else numbers(f"{rounded / size:g}")


def _layer(number: int, layer: Layer) -> LayerExplanation | None:
    size, parameters, dense = _size(layer), _parameters(layer), _dense_in_words(layer)
    if not (size or parameters or dense):
        return None
    incoming = _only(layer.input_shapes)
    return LayerExplanation(
        number=number,
        name=one_line(layer.name, 80),
        kind=one_line(layer.kind, 60),
        shapes=joined((shape(incoming), shape(layer.output_shape)), " → ") if incoming and layer.output_shape else "",
        size=size,
        parameters=parameters,
        dense=dense,
    )


def _size(layer: Layer) -> tuple[tuple[str, str], ...]:
    family, _ = _family(layer)
    found = sliding(layer)
    if found is not None:
        return (*_axes(found.axes), (_channels_in_words(layer, found), ""))
    if family == "transposed":
        return ((say("each input cell is spread over a window of output cells: another rule applies"), ""),)
    if family == "adaptive":
        return ((say("its windows are chosen so that the output has the requested size, whatever the input"), ""),)
    if family == "global":
        return ((_global(layer), ""),)
    row = flattened(layer)
    return () if row is None else ((say("{cells}: all cells in one row", cells=_equation(row)), ""),)


def _axes(axes: Sequence[Axis]) -> list[tuple[str, str]]:
    """A line for each group of axes with the same numbers."""
    lines: list[tuple[str, str]] = []
    for _, group in groupby(axes, key=lambda axis: replace(axis, name="")):
        same = list(group)
        axis, names = same[0], _names(same)
        if axis.incoming is not None:
            line = say("{axes}: {rule}", axes=names, rule=written_rule(axis, axis.incoming))
        elif len(same) == 1:
            line = say("{axes} is free: m input cells give {rule} output cells", axes=names, rule=free_rule(axis))
        else:
            line = say("{axes} are free: m input cells give {rule} output cells", axes=names, rule=free_rule(axis))
        lines.append((line, joined(_notes(axis), "; ")))
    return lines


def _names(axes: Sequence[Axis]) -> str:
    words = {"length": say("length"), "depth": say("depth"), "height": say("height"), "width": say("width")}
    named = [words[axis.name] for axis in axes]
    if len(named) == 1:
        return named[0]
    if len(named) == 2:
        return say("{one} and {other}", one=named[0], other=named[1])
    return say("depth, height and width")


def _notes(axis: Axis) -> Iterator[str]:
    if axis.dilation > 1 and axis.window > 1:
        spread = f"{count(axis.dilation)} · ({count(axis.window)} - 1) + 1 = {count(axis.reach)}"
        yield say("a dilation of {d} spreads the kernel over f = {spread} cells", d=axis.dilation, spread=spread)
    if axis.padding == "causal":
        yield many(
            axis.reach - 1,
            "`causal` pads {n} cell, one less than f, all before the start: nothing looks ahead",
            "`causal` pads {n} cells, one less than f, all before the start: nothing looks ahead",
        )
    elif axis.padding == "same" and axis.incoming is not None:
        yield _same(axis, axis.incoming)


def _same(axis: Axis, incoming: int) -> str:
    """What `same` pads: max((ceil(m/s) - 1) · s + f - m, 0) in all."""
    before, after = axis.pads(incoming)
    m, f, s = count(incoming), count(axis.reach), count(axis.stride)
    wanted = axis.outgoing(incoming)
    aim = f"{m}" if axis.stride == 1 else f"ceil({m}/{s}) = {count(wanted)}"
    need = f"({count(wanted)} - 1) · {s} + {f} - {m}"
    total = (wanted - 1) * axis.stride + axis.reach - incoming
    if total <= 0:
        return say("`same` asks for {aim}: {need} = {total}, so nothing is padded", aim=aim, need=need, total=total)
    ends = say("{p} at each end, p = {p}", p=before)
    if before != after:
        first = count(before) if before else say("none")
        ends = say("unevenly: {before} before, {after} after", before=first, after=after)
    return many(
        total,
        "`same` asks for {aim}: {need} = {n} cell padded, {ends}",
        "`same` asks for {aim}: {need} = {n} cells padded, {ends}",
        aim=aim,
        need=need,
        ends=ends,
    )


def _channels_in_words(layer: Layer, found: Sliding) -> str:
    family, _ = FAMILIES[layer.kind]
    if family == "pooling":
        return say("channels: {n}, as in the input", n=found.channels.text)
    if family == "depthwise":
        return say("channels: {n}, each from one input channel", n=_equation(found.channels))
    return say("channels: {n}, one from each filter", n=found.channels.text)


def _global(layer: Layer) -> str:
    cells = pooled_cells(layer)
    of = say("its {n} cells", n=_equation(cells)) if cells else say("all its cells")
    if "Max" in layer.kind:
        return say("one number for each channel: the largest of {cells}", cells=of)
    return say("one number for each channel: the mean of {cells}", cells=of)


def _parameters(layer: Layer) -> str:
    family, _ = _family(layer)
    if family in ("pooling", "global", "adaptive"):
        return say("none: it has nothing to learn") if layer.parameters == 0 else ""
    formula = parameter_count(layer)
    if formula is None:
        return ""
    note = ""
    if layer.kind == "BatchNormalization":
        note = say(_NORMALISED[bool(layer.config.get("scale")), bool(layer.config.get("center"))])
    elif family == "convolution" and layer.config.get("groups", 1) != 1:
        note = say("each filter sees one of {n} groups of channels", n=layer.config.get("groups", 1))
    return joined((_equation(formula), note), ": ")


def _dense_in_words(layer: Layer) -> str:
    formula = dense_instead(layer)
    if formula is None:
        free = layer.kind in FAMILIES and any(None in sizes for sizes in layer.input_shapes)
        if not free:
            return ""
        return say("impossible: a dense layer has a weight for every input, so the input's size can't be free")
    if layer.parameters <= 0:
        learns = FAMILIES[layer.kind][0] in CONVOLVING
        if learns or layer.parameters:
            return ""
        return say("{number}, where this layer needs none", number=_equation(formula))
    return joined((_equation(formula), times_as_many(formula.value, layer.parameters)), ", ")


def _saved(layers: Sequence[Layer]) -> str:
    """What all convolutions save together; empty where there are none, or where one can't be compared."""
    convolutions = [layer for layer in layers if _family(layer)[0] in CONVOLVING]
    dense = [formula.value for layer in convolutions if (formula := dense_instead(layer)) is not None]
    own = sum(layer.parameters for layer in convolutions)
    if not convolutions or len(dense) < len(convolutions) or own <= 0 or sum(dense) <= own:
        return ""
    times = times_as_many(sum(dense), own)
    return many(
        len(convolutions),
        "The convolution of this network has {own}. A dense layer from the same inputs to the same outputs "
        "would have {dense}, {times}: a convolution uses the same few weights at every place.",
        "The {n} convolutions of this network have {own}. Dense layers from the same inputs to the same outputs "
        "would have {dense}, {times}: a convolution uses the same few weights at every place.",
        own=many(own, "{n} parameter", "{n} parameters"),
        dense=sum(dense),
        times=times,
    )


def _equation(formula: Formula) -> str:
    value = count(formula.value)
    return value if formula.text == value else f"{formula.text} = {value}"
