"""The shapes and parameters of a network explained in its own numbers: `shapes` put into words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from grader.evidence import Architecture, Layer
from grader.report.phrases import Phrase, Text, joined, many, say
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
from grader.report.words import count, shape

MOST = 100  # layers that are explained


@dataclass(frozen=True, kw_only=True)
class LayerExplained:
    """How one layer's numbers come about: its size (lines with notes), its parameters, a dense layer in its place."""

    number: int
    name: str
    kind: str
    shapes: Text
    size: tuple[tuple[Text, Text], ...]
    parameters: Text
    dense: Text


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The layers that have something to explain; `saved` is what convolutions save, in a sentence."""

    layers: tuple[LayerExplained, ...]
    more: int
    slides: bool  # the size rule is used
    saved: Text


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


def times_as_many(more: int, few: int) -> Phrase:
    """How `more` compares with `few` in words: "about 53,000 times as many"."""
    if more == few:
        return say("just as many")
    if more < few:
        return say("fewer: on so small an input, sharing weights saves nothing")
    if more < 10 * few:
        factor = f"{round(more / few, 1):g}"
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
    known = [axis for axis in found.axes if axis.incoming is not None] if found else []
    return tuple(dict.fromkeys(written_rule(axis, axis.incoming) for axis in known if axis.incoming is not None))


def _factor(rounded: int, size: int) -> str:
    return count(rounded // size) if rounded >= 10 * size else f"{rounded / size:g}"


def _layer(number: int, layer: Layer) -> LayerExplained | None:
    size, parameters, dense = _size(layer), _parameters(layer), _dense(layer)
    if not (size or parameters or dense):
        return None
    incoming = layer.input_shapes[0] if len(layer.input_shapes) == 1 else None
    return LayerExplained(
        number=number,
        name=shorten(one_line(layer.name), 80),
        kind=shorten(one_line(layer.kind), 60),
        shapes=joined((shape(incoming), shape(layer.output_shape)), " → ") if incoming and layer.output_shape else "",
        size=size,
        parameters=parameters,
        dense=dense,
    )


def _size(layer: Layer) -> tuple[tuple[Text, Text], ...]:
    family, _ = FAMILIES.get(layer.kind, (None, 0))
    found = sliding(layer)
    if found is not None:
        return (*_axes(found.axes), (_channels(layer, found), ""))
    if family == "transposed":
        return ((say("each cell that comes in is spread over a window of those that go out: another rule"), ""),)
    if family == "adaptive":
        return ((say("its windows are cut so that the size asked for comes out, whatever comes in"), ""),)
    if family == "global":
        return ((_global(layer), ""),)
    row = flattened(layer)
    return () if row is None else ((say("{cells}: all cells in one row", cells=_equation(row)), ""),)


def _axes(axes: Sequence[Axis]) -> list[tuple[Text, Text]]:
    """A line for each group of axes with the same numbers."""
    lines: list[tuple[Text, Text]] = []
    for _, group in groupby(axes, key=lambda axis: replace(axis, name="")):
        same = list(group)
        axis, names = same[0], _names(same)
        if axis.incoming is not None:
            line = say("{axes}: {rule}", axes=names, rule=written_rule(axis, axis.incoming))
        elif len(same) == 1:
            line = say("{axes} is free: where m cells come in, {rule} go out", axes=names, rule=free_rule(axis))
        else:
            line = say("{axes} are free: where m cells come in, {rule} go out", axes=names, rule=free_rule(axis))
        lines.append((line, joined(_notes(axis), "; ")))
    return lines


def _names(axes: Sequence[Axis]) -> Phrase:
    words = {"length": say("length"), "depth": say("depth"), "height": say("height"), "width": say("width")}
    named = [words[axis.name] for axis in axes]
    if len(named) == 1:
        return named[0]
    if len(named) == 2:
        return say("{one} and {other}", one=named[0], other=named[1])
    return say("depth, height and width")


def _notes(axis: Axis) -> Iterator[Text]:
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


def _same(axis: Axis, incoming: int) -> Phrase:
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


def _channels(layer: Layer, found: Sliding) -> Phrase:
    family, _ = FAMILIES[layer.kind]
    if family == "pooling":
        return say("channels: {n}, as they came in", n=found.channels.text)
    if family == "depthwise":
        return say("channels: {n}, each from one that came in", n=_equation(found.channels))
    return say("channels: {n}, one from each filter", n=found.channels.text)


def _global(layer: Layer) -> Phrase:
    cells = pooled_cells(layer)
    of = say("its {n} cells", n=_equation(cells)) if cells else say("all its cells")
    if "Max" in layer.kind:
        return say("one number for each channel: the largest of {cells}", cells=of)
    return say("one number for each channel: the mean of {cells}", cells=of)


def _parameters(layer: Layer) -> Text:
    family, _ = FAMILIES.get(layer.kind, (None, 0))
    if family in ("pooling", "global", "adaptive"):
        return say("none: it has nothing to learn") if layer.parameters == 0 else ""
    formula = parameter_count(layer)
    if formula is None:
        return ""
    note: Text = ""
    if layer.kind == "BatchNormalization":
        note = _normalised(bool(layer.config.get("scale")), bool(layer.config.get("center")))
    elif family == "convolution" and layer.config.get("groups", 1) != 1:
        note = say("each filter sees one of {n} groups of channels", n=layer.config.get("groups", 1))
    return joined((_equation(formula), note), ": ")


def _normalised(scale: bool, centre: bool) -> Phrase:
    if scale and centre:
        return say("for each channel a mean and a variance, measured, and a scale and a shift, learnt")
    if scale:
        return say("for each channel a mean and a variance, measured, and a scale, learnt")
    if centre:
        return say("for each channel a mean and a variance, measured, and a shift, learnt")
    return say("for each channel a mean and a variance, measured")


def _dense(layer: Layer) -> Text:
    formula = dense_instead(layer)
    if formula is None:
        free = layer.kind in FAMILIES and any(None in sizes for sizes in layer.input_shapes)
        if not free:
            return ""
        return say("impossible: with a weight for every input, a dense layer can't take in a free size")
    if layer.parameters <= 0:
        learns = FAMILIES[layer.kind][0] in CONVOLVING
        if learns or layer.parameters:
            return ""
        return say("{number}, where this layer needs none", number=_equation(formula))
    return joined((_equation(formula), times_as_many(formula.value, layer.parameters)), ", ")


def _saved(layers: Sequence[Layer]) -> Text:
    """What all convolutions save together; empty where there are none, or where one can't be compared."""
    convolutions = [layer for layer in layers if FAMILIES.get(layer.kind, (None, 0))[0] in CONVOLVING]
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
