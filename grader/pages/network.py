"""The graded network as a report shows it: which one, how pictures were prepared for it, its layers as a diagram. Pure.

Of one that was handed in: its file, whether the code builds it, what its audit gave.

Every layer is a row of a table, and every row draws its own piece of the wires, stretched to the row's height, and its
output as a block. A tensor that is still needed further down keeps a lane of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.core.evidence import Architecture, Claims, Evidence, Layer, Preparation
from grader.core.results import AuditFinding, ModelSummary, Result
from grader.core.text import joined, one_line, shorten
from grader.pages.language import count, gettext_noop, many, numbers, percent, say, translated
from grader.pages.shapes import Explanation, explain_layers, rules
from grader.pages.wording import shape

DEEPEST = 8  # networks within networks
MOST_LANES = 8  # beyond it wires are spaghetti, and only words are left
LANE = 14  # pixels from lane to lane
TALLEST = 30  # pixels of the largest block


@dataclass(frozen=True)
class WiringRow:
    """One layer's piece of the wiring: its own lane, the lanes that it reads, those that go past, and whether it goes on."""

    lane: int
    reads: tuple[int, ...]
    past: tuple[int, ...]
    goes_on: bool


@dataclass(frozen=True)
class Wiring:
    """All rows, and how many lanes they need."""

    rows: tuple[WiringRow, ...]
    lanes: int


def wire(layers: Sequence[Layer]) -> Wiring:
    """Give each layer, in the order of computation, a lane; a network whose layers don't say what they read is a chain."""
    sources = _sources(layers)
    last = [max((j for j, read in enumerate(sources) if i in read), default=i) for i in range(len(layers))]
    lane_of: dict[int, int] = {}  # of those whose output is still needed
    rows = []
    for i, read in enumerate(sources):
        reads = tuple(lane_of[j] for j in read)
        kept = {j: lane for j, lane in lane_of.items() if last[j] > i}
        lane = next(lane for lane in range(len(layers)) if lane not in kept.values())
        rows.append(WiringRow(lane, reads, tuple(sorted(kept.values())), last[i] > i))
        lane_of = {**kept, i: lane} if last[i] > i else kept
    return Wiring(tuple(rows), 1 + max((max((row.lane, *row.past)) for row in rows), default=0))


def _sources(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """For each layer the earlier ones that it reads, by place."""
    found = []
    place: dict[str, int] = {}
    silent = not any(layer.inputs for layer in layers)
    for i, layer in enumerate(layers):
        named = dict.fromkeys(place[name] for name in layer.inputs if name in place)
        found.append(((i - 1,) if i else ()) if silent else tuple(named))
        parts = layer.name.split("/", DEEPEST)  # what holds layers stands for the last of them
        place |= {"/".join(parts[: depth + 1]): i for depth in range(len(parts))}
    return found


def draw_wires(wiring: Wiring, number: int) -> str:
    """The wires of one row as SVG that fills the row's height; empty where there are too many lanes."""
    if wiring.lanes > MOST_LANES:
        return ""
    row = wiring.rows[number]
    x = _middle(row.lane)
    strokes = [f"M{_middle(lane)} 0V100" for lane in row.past]
    for lane in row.reads:
        start = _middle(lane)
        strokes.append(f"M{x} 0V50" if lane == row.lane else f"M{start} 0C{start} 30 {x} 20 {x} 50")
    strokes += [f"M{x} 50V100"] if row.goes_on else []
    width = LANE * wiring.lanes
    return (
        f'<svg class="wires" width="{width}" height="100%" viewBox="0 0 {width} 100" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false"><path d="{"".join(strokes)}"/>'
        f'<path class="node" d="M{x} 50h0"/></svg>'
    )


def largest_picture(layers: Sequence[Layer]) -> int:
    """The longest side of any input or output in the network: blocks are drawn in proportion to it."""
    shapes = [
        sizes for layer in layers for sizes in (*layer.input_shapes, layer.output_shape) if sizes and len(sizes) > 1
    ]
    return max((size for sizes in shapes for size in sizes[:-1] if size is not None), default=1)


def draw_volume(layer: Layer, largest: int) -> str:
    """The layer's output as a block: its face shrinks with the picture, its depth grows with the channels."""
    sizes = [size for size in layer.output_shape or () if size is not None]
    if not sizes:
        return ""
    deep = math.log2(max(sizes[-1], 1))
    if len(sizes) == 1:
        return _block("row", 5.0, min(TALLEST, 5 + 3 * deep), 0.0)
    side = 5 + (TALLEST - 5) * min(max(sizes[:-1]) / max(largest, 1), 1.0) ** 0.7
    return _block("volume", side, side, min(13.0, 1 + 1.5 * deep))


def _block(kind: str, width: float, height: float, depth: float) -> str:
    """A block seen from the front and a little from above; `depth` in pixels to the right and up."""
    up = depth * 0.6
    box = 48
    x, y = (box - width - depth) / 2, (box - height + up) / 2
    face = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    top = f'<path d="M{x:.1f} {y:.1f}l{depth:.1f} {-up:.1f}h{width:.1f}l{-depth:.1f} {up:.1f}z"/>' if depth else ""
    side = (
        f'<path class="side" d="M{x + width:.1f} {y:.1f}l{depth:.1f} {-up:.1f}v{height:.1f}l{-depth:.1f} {up:.1f}z"/>'
        if depth
        else ""
    )
    return (
        f'<svg class="block {kind}" width="{box}" height="{box}" viewBox="0 0 {box} {box}" aria-hidden="true" '
        f'focusable="false">{top}{side}{face}</svg>'
    )


def _middle(lane: int) -> int:
    return LANE * lane + LANE // 2


MOST = 30  # rows of candidates or fits
MOST_LAYERS = 200
LONGEST_DIFFERENCE = 400  # characters

# What a layer is known by, in the order it is read; a value that everybody has is left out.
_SETTINGS: tuple[tuple[str, str], ...] = (
    ("filters", gettext_noop("filters")),
    ("kernel_size", gettext_noop("kernel")),
    ("pool_size", gettext_noop("pool")),
    ("strides", gettext_noop("strides")),
    ("padding", gettext_noop("padding")),
    ("units", gettext_noop("units")),
    ("activation", gettext_noop("activation")),
    ("rate", gettext_noop("rate")),
    ("factor", gettext_noop("factor")),
    ("scale", gettext_noop("scale")),
    ("target_shape", gettext_noop("shape")),
)
_USUAL: tuple[tuple[str, object], ...] = (
    ("activation", "linear"),
    ("padding", "valid"),
    ("strides", (1, 1)),
    ("strides", (1,)),
    ("strides", 1),
    ("strides", None),
    ("scale", True),  # of a normalisation; a Rescaling's is a number
)


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """One layer as a row; `wires` and `volume` are its part of the diagram, as SVG; `reads` is said where wires fork."""

    layer: Layer
    settings: str
    rules: tuple[str, ...]
    reads: str
    share: float  # of the largest layer's parameters
    wires: str
    volume: str


@dataclass(frozen=True)
class CandidateView:
    """A network that was found, and why it was taken or not."""

    name: str
    taken: bool
    about: str
    reason: str


@dataclass(frozen=True)
class HandedInView:
    """What a student's page says of a handed-in network."""

    sentence: str
    differences: tuple[str, ...]
    audit: str


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """Which network was graded, how pictures were prepared for it, and its layers."""

    chosen: str | None
    judged: bool
    about: tuple[tuple[str, str], ...]
    candidates: tuple[CandidateView, ...]
    preparation: str
    tried: tuple[tuple[str, str], ...]
    matched: str
    layers: tuple[LayerView, ...]
    lanes: int
    more_layers: int
    explanation: Explanation | None
    parameters: str
    problem: str
    handed_in: HandedInView | None = None


def model_view(result: Result, evidence: Evidence | None) -> ModelView:
    """The network section; give it values whose text is visible already."""
    summary = result.model
    judgement = evidence.facts.judgement if evidence else None
    architecture = judgement.architecture if judgement else None
    parameters = architecture.parameters if architecture else summary.parameters
    problem = ""
    if evidence and judgement and judgement.outcome != "judged":
        problem = judgement.reason or evidence.claims.problem or ""
    wiring = wire(architecture.layers[:MOST_LAYERS] if architecture else ())
    preparation = judgement.preparation if judgement else None
    described = summary.preprocessing or (preparation.description if preparation else "")
    return ModelView(
        chosen=one_line(summary.chosen, 120) if summary.chosen else None,
        judged=judgement is None or judgement.outcome == "judged",
        about=_about(summary, architecture),
        candidates=_candidates(summary, evidence),
        preparation=shorten(translated(described), 2_000),
        tried=_tried(preparation),
        matched=_matched(preparation),
        layers=_layers(architecture, wiring) if architecture else (),
        lanes=wiring.lanes if wiring.lanes <= MOST_LANES else 0,
        more_layers=max(len(architecture.layers) - MOST_LAYERS, 0) if architecture else 0,
        explanation=explain_layers(architecture),
        parameters="" if parameters is None else count(parameters),
        problem=shorten(translated(problem), 2_000),
        handed_in=handed_in_view(result),
    )


def settings(layer: Layer) -> str:
    """A layer's key settings in words: `filters 32, kernel 3 × 3, activation relu`."""
    said: list[str] = []
    for key, word in _SETTINGS:
        if key not in layer.config:
            continue
        value = layer.config[key]
        plain = tuple(value) if isinstance(value, list | tuple) else value
        if isinstance(plain, dict):
            plain = plain.get("class_name") or plain.get("registered_name") or "an own one"
        pool = layer.config.get("pool_size")
        usual = [common for name, common in _USUAL if name == key]
        if plain in usual or (key == "strides" and plain == (tuple(pool) if isinstance(pool, list | tuple) else pool)):
            continue
        said.append(joined((say(word), _setting(plain))))
    return joined(said, ", ")


def _setting(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(part, int | float) for part in value):
        return " × ".join(numbers(f"{part:g}") for part in value[:6])
    if isinstance(value, float):
        return numbers(f"{value:g}")
    return one_line(str(value), 40)


def _about(summary: ModelSummary, architecture: Architecture | None) -> tuple[tuple[str, str], ...]:
    rows: list[tuple[str, str]] = []
    if summary.family:
        kind = f"{translated(summary.family)}{f', {architecture.kind}' if architecture else ''}"
        rows.append((say("kind"), one_line(kind, 120)))
    sizes = summary.input_shape or (architecture.input_shape if architecture else None)
    if sizes is not None:
        rows.append((say("input shape"), shape(sizes)))
    if architecture is not None:
        rows.append((say("output shape"), shape(architecture.output_shape)))
        rows.append((say("layers"), count(len(architecture.layers))))
    parameters = architecture.parameters if architecture else summary.parameters
    if parameters is not None:
        rows.append((say("parameters"), count(parameters)))
    return tuple(rows)


def _candidates(summary: ModelSummary, evidence: Evidence | None) -> tuple[CandidateView, ...]:
    found = evidence.claims.candidates if evidence else ()
    if not found:
        return tuple(CandidateView(shorten(name, 120), name == summary.chosen, "", "") for name in summary.candidates)
    views = []
    for item in found[:MOST]:
        units = "" if item.output_units is None else many(item.output_units, "{n} output", "{n} outputs")
        told = _own_score(item.name, evidence.claims) if evidence else None
        score = "" if told is None else say("{accuracy} according to the notebook", accuracy=percent(told, 1))
        about = joined((say("trained") if item.fitted else say("never trained"), units, score), ", ")
        views.append(CandidateView(one_line(item.name, 120), item.taken, about, shorten(translated(item.reason), 600)))
    return tuple(views)


def _own_score(name: str, claims: Claims) -> float | None:
    """The last accuracy that the notebook measured for one of its networks: by `evaluate`, else by validation in `fit`."""
    evaluated = [item.accuracy for item in claims.evaluations if item.model == name and item.accuracy is not None]
    if evaluated:
        return evaluated[-1]
    histories = [fit.history for fit in claims.fits if fit.model == name]
    curves = [
        values
        for key, values in (histories[-1].items() if histories else ())
        if key.startswith("val_") and "acc" in key
    ]
    return next((value for values in curves for value in reversed(values) if value is not None), None)


def _tried(preparation: Preparation | None) -> tuple[tuple[str, str], ...]:
    tried = sorted(preparation.tried.items(), key=lambda item: -item[1])[:MOST] if preparation else []
    return tuple((translated(one_line(name, 120)), percent(value, 1)) for name, value in tried)


def _matched(preparation: Preparation | None) -> str:
    if preparation is None or not preparation.matched:
        return ""
    return many(
        preparation.matched,
        "{n} row that the network was trained on equals what this preparation makes of a training image.",
        "{n} rows that the network was trained on equal what this preparation makes of training images.",
    )


def _layers(architecture: Architecture, wiring: Wiring) -> tuple[LayerView, ...]:
    most = max((layer.parameters for layer in architecture.layers), default=0)
    shown = architecture.layers[:MOST_LAYERS]
    largest = largest_picture(shown)
    return tuple(
        LayerView(
            layer=layer,
            settings=settings(layer),
            rules=rules(layer),
            reads=_reads(layer, wiring),
            share=layer.parameters / most if most else 0.0,
            wires=draw_wires(wiring, place),
            volume=draw_volume(layer, largest),
        )
        for place, layer in enumerate(shown)
    )


def _reads(layer: Layer, wiring: Wiring) -> str:
    if wiring.lanes < 2 or not layer.inputs:
        return ""
    named = ", ".join(one_line(name, 60) for name in layer.inputs[:8])
    return say("reads {layers}", layers=named)


def handed_in_view(result: Result) -> HandedInView | None:
    """None where the network was trained here."""
    if result.model.source != "handed-in" or result.model.maker is None:
        return None
    listed = result.model.differences if result.model.maker == "different" else ()
    return HandedInView(
        sentence=_sentence(result), differences=tuple(shorten(line, LONGEST_DIFFERENCE) for line in listed),
        audit=_audit_sentence(result.audit),
    )  # fmt: skip


def _sentence(result: Result) -> str:
    file = one_line(result.model.file or "", 120)
    match result.model.maker:
        case "same":
            return say(
                "The network in {file} was judged as it was handed in. The code was run for a moment: it builds this very "
                "network.",
                file=file,
            )  # fmt: skip
        case "different":
            return say(
                "The network in {file} is not the one that the code builds. It earns nothing until your instructor decides.",
                file=file,
            )  # fmt: skip
        case "no code":
            return say("The network in {file} was judged as it was handed in. It came without code.", file=file)
        case "no network":
            return say("No trained network was handed in, and this exercise trains none.")
    if not result.model.differences:
        return say("The network in {file} could not be opened.", file=file)
    return say("Nobody saw the code build the network in {file}: it was not judged.", file=file)


def _audit_sentence(audit: AuditFinding | None) -> str:
    """What an audit gave; empty where there was none, or none yet."""
    if audit is None or audit.outcome == "due":
        return ""
    if audit.outcome == "not judged":
        return say("An audit trained the code in full, and got no network that could be judged.")
    told = {"trained": percent(audit.trained or 0.0, 2), "file": percent(audit.handed_in or 0.0, 2)}
    if audit.outcome == "confirmed":
        return say(
            "An audit trained the code in full: it reaches {trained}, the handed-in network {file}. That confirms it.",
            **told,
        )
    return say(
        "An audit trained the code in full: it reaches {trained}, the handed-in network {file}. That does not confirm it.",
        **told,
    )
