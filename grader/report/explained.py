"""The shapes and parameters of a network explained in its own numbers: `shapes` put into words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from grader.evidence import Architecture, Layer
from grader.report.shapes import (
    CONVOLVING,
    FAMILIES,
    Axis,
    Formula,
    Sliding,
    dense_instead,
    flattened,
    free_rule,
    parameter_count,
    pooled_cells,
    sliding,
    written_rule,
)
from grader.report.visible import one_line, shorten
from grader.report.words import count, plural, shape

MOST = 100  # layers that are explained


@dataclass(frozen=True, kw_only=True)
class LayerExplained:
    """How one layer's numbers come about: its size (lines with notes), its parameters, a dense layer in its place."""

    number: int
    name: str
    kind: str
    shapes: str
    size: tuple[tuple[str, str], ...]
    parameters: str
    dense: str


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The layers that have something to explain; `saved` is what convolutions save, in a sentence."""

    layers: tuple[LayerExplained, ...]
    more: int
    slides: bool  # the size rule is used
    saved: str


def explained(architecture: Architecture | None) -> Explained | None:
    """The explanations of a network's layers, or None where there is nothing to explain."""
    layers = architecture.layers if architecture else ()
    each = [found for number, layer in enumerate(layers, 1) if (found := _layer(number, layer)) is not None]
    if not each:
        return None
    return Explained(
        layers=tuple(each[:MOST]),
        more=max(len(each) - MOST, 0),
        slides=any(sliding(layer) for layer in layers),
        saved=_saved(layers),
    )


def times_as_many(many: int, few: int) -> str:
    """How `many` compares with `few` in words: "about 53,000 times as many"."""
    if many == few:
        return "just as many"
    if many < few:
        return "fewer: on so small an input, sharing weights saves nothing"
    if many < 10 * few:
        return f"{round(many / few, 1):g} times as many" if 20 * many >= 21 * few else "hardly more"
    digits = len(str(many // few)) - 2
    rounded = round(many // few, -digits)
    for name, size in (("billion", 10**9), ("million", 10**6)):
        if rounded >= size:
            return f"about {count(rounded // size) if rounded >= 10 * size else f'{rounded / size:g}'} {name} times as many"
    return f"about {count(rounded)} times as many"


def _layer(number: int, layer: Layer) -> LayerExplained | None:
    size, parameters, dense = _size(layer), _parameters(layer), _dense(layer)
    if not (size or parameters or dense):
        return None
    incoming = layer.input_shapes[0] if len(layer.input_shapes) == 1 else None
    return LayerExplained(
        number=number,
        name=shorten(one_line(layer.name), 80),
        kind=shorten(one_line(layer.kind), 60),
        shapes=f"{shape(incoming)} → {shape(layer.output_shape)}" if incoming and layer.output_shape else "",
        size=size,
        parameters=parameters,
        dense=dense,
    )


def _size(layer: Layer) -> tuple[tuple[str, str], ...]:
    family, _ = FAMILIES.get(layer.kind, (None, 0))
    found = sliding(layer)
    if found is not None:
        return (*_axes(found.axes), (_channels(layer, found), ""))
    if family == "transposed":
        return (("each cell that comes in is spread over a window of those that go out: another rule", ""),)
    if family == "adaptive":
        return (("its windows are cut so that the size asked for comes out, whatever comes in", ""),)
    if family == "global":
        return ((_global(layer), ""),)
    row = flattened(layer)
    return () if row is None else ((f"{_equation(row)}: all cells in one row", ""),)


def _axes(axes: Sequence[Axis]) -> list[tuple[str, str]]:
    """A line for each group of axes with the same numbers."""
    lines = []
    for _, group in groupby(axes, key=lambda axis: replace(axis, name="")):
        same = list(group)
        names = " and ".join(axis.name for axis in same) if len(same) < 3 else "depth, height and width"
        verb = "is" if len(same) == 1 else "are"
        axis = same[0]
        line = f"{names} {verb} free: where m cells come in, {free_rule(axis)} go out"
        if axis.incoming is not None:
            line = f"{names}: {written_rule(axis, axis.incoming)}"
        lines.append((line, "; ".join(_notes(axis))))
    return lines


def _notes(axis: Axis) -> Iterator[str]:
    if axis.dilation > 1 and axis.window > 1:
        spread = f"{count(axis.dilation)} · ({count(axis.window)} - 1) + 1 = {count(axis.reach)}"
        yield f"a dilation of {count(axis.dilation)} spreads the kernel over f = {spread} cells"
    if axis.padding == "causal":
        yield f"`causal` pads {plural(axis.reach - 1, 'cell')}, one less than f, all before the start: nothing looks ahead"
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
        return f"`same` asks for {aim}: {need} = {count(total)}, so nothing is padded"
    ends = f"{count(before)} at each end, p = {count(before)}"
    if before != after:
        ends = f"unevenly: {count(before) if before else 'none'} before, {count(after)} after"
    return f"`same` asks for {aim}: {need} = {plural(total, 'cell')} padded, {ends}"


def _channels(layer: Layer, found: Sliding) -> str:
    family, _ = FAMILIES[layer.kind]
    if family == "pooling":
        return f"channels: {found.channels.text}, as they came in"
    if family == "depthwise":
        return f"channels: {_equation(found.channels)}, each from one that came in"
    return f"channels: {found.channels.text}, one from each filter"


def _global(layer: Layer) -> str:
    cells = pooled_cells(layer)
    what = "the largest" if "Max" in layer.kind else "the mean"
    of = f"its {_equation(cells)} cells" if cells else "all its cells"
    return f"one number for each channel: {what} of {of}"


def _parameters(layer: Layer) -> str:
    family, _ = FAMILIES.get(layer.kind, (None, 0))
    if family in ("pooling", "global", "adaptive"):
        return "none: it has nothing to learn" if layer.parameters == 0 else ""
    formula = parameter_count(layer)
    if formula is None:
        return ""
    groups = layer.config.get("groups", 1)
    note = ""
    if layer.kind == "BatchNormalization":
        learnt = [word for key, word in (("scale", "a scale"), ("center", "a shift")) if layer.config.get(key)]
        note = f": for each channel a mean and a variance, measured{', and ' * bool(learnt)}{' and '.join(learnt)}"
        note += ", learnt" * bool(learnt)
    elif family == "convolution" and groups != 1:
        note = f": each filter sees one of {count(groups)} groups of channels"
    return f"{_equation(formula)}{note}"


def _dense(layer: Layer) -> str:
    formula = dense_instead(layer)
    if formula is None:
        free = layer.kind in FAMILIES and any(None in sizes for sizes in layer.input_shapes)
        return "impossible: with a weight for every input, a dense layer can't take in a free size" if free else ""
    if layer.parameters <= 0:
        learns = FAMILIES[layer.kind][0] in CONVOLVING
        return "" if learns or layer.parameters else f"{_equation(formula)}, where this layer needs none"
    return f"{_equation(formula)}, {times_as_many(formula.value, layer.parameters)}"


def _saved(layers: Sequence[Layer]) -> str:
    """What all convolutions save together; empty where there are none, or where one can't be compared."""
    convolutions = [layer for layer in layers if FAMILIES.get(layer.kind, (None, 0))[0] in CONVOLVING]
    dense = [formula.value for layer in convolutions if (formula := dense_instead(layer)) is not None]
    own = sum(layer.parameters for layer in convolutions)
    if not convolutions or len(dense) < len(convolutions) or own <= 0 or sum(dense) <= own:
        return ""
    one = len(convolutions) == 1
    return (
        f"The {plural(len(convolutions), 'convolution') if not one else 'convolution'} of this network "
        f"{'has' if one else 'have'} {plural(own, 'parameter')}. {'A dense layer' if one else 'Dense layers'} from the "
        f"same inputs to the same outputs would have {count(sum(dense))}, {times_as_many(sum(dense), own)}: a "
        "convolution uses the same few weights at every place."
    )


def _equation(formula: Formula) -> str:
    value = count(formula.value)
    return value if formula.text == value else f"{formula.text} = {value}"
