"""The graded network and its training as a report shows them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from grader.evidence import Architecture, ArraySummary, Evidence, Fit, Layer, Preparation
from grader.limits import write_duration
from grader.report.explained import Explained, explained
from grader.report.plots import Chart, Series
from grader.report.visible import one_line, shorten
from grader.report.words import count, percent, plural, shape
from grader.results import ModelSummary, Result

MOST = 60  # rows of candidates or fits
MOST_LAYERS = 300

# What a layer is known by, in the order it is read; a value that everybody has is left out.
_SETTINGS: tuple[tuple[str, str], ...] = (
    ("filters", "filters"),
    ("kernel_size", "kernel"),
    ("pool_size", "pool"),
    ("strides", "strides"),
    ("padding", "padding"),
    ("units", "units"),
    ("activation", "activation"),
    ("rate", "rate"),
    ("factor", "factor"),
    ("scale", "scale"),
    ("target_shape", "shape"),
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
    """One layer as a row."""

    number: int
    name: str
    kind: str
    settings: str
    output: str
    parameters: str
    share: float
    frozen: bool


@dataclass(frozen=True)
class CandidateView:
    """A network that was found, and why it was taken or not."""

    name: str
    taken: bool
    about: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """Which network was graded, how pictures were prepared for it, and its layers."""

    chosen: str | None
    about: tuple[tuple[str, str], ...]
    candidates: tuple[CandidateView, ...]
    preparation: str
    tried: tuple[tuple[str, str], ...]
    layers: tuple[LayerView, ...]
    more_layers: int
    explained: Explained | None
    parameters: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class FitView:
    """One call of `fit`."""

    number: int
    model: str
    epochs: str
    batch: str
    optimizer: str
    loss: str
    given: str
    reach: str
    cell: int | None
    validation: str
    seconds: str
    error: str


@dataclass(frozen=True)
class TrainingView:
    """All calls of `fit`, and the curves of one of them."""

    fits: tuple[FitView, ...]
    more_fits: int
    charts: tuple[Chart, ...]
    caption: str


def model_view(result: Result, evidence: Evidence | None) -> ModelView:
    """The network section; give it values whose text is visible already."""
    summary = result.model
    judgement = evidence.facts.judgement if evidence else None
    architecture = judgement.architecture if judgement else None
    parameters = architecture.parameters if architecture else summary.parameters
    problem = ""
    if evidence and judgement and judgement.outcome != "judged":
        problem = judgement.reason or evidence.claims.problem or ""
    return ModelView(
        chosen=shorten(one_line(summary.chosen), 120) if summary.chosen else None,
        about=_about(summary, architecture),
        candidates=_candidates(summary, evidence),
        preparation=shorten(summary.preprocessing or _described(judgement.preparation if judgement else None), 2_000),
        tried=_tried(judgement.preparation if judgement else None),
        layers=_layers(architecture),
        more_layers=max(len(architecture.layers) - MOST_LAYERS, 0) if architecture else 0,
        explained=explained(architecture),
        parameters="" if parameters is None else count(parameters),
        problem=shorten(problem, 2_000),
    )


def training_view(result: Result, evidence: Evidence | None) -> TrainingView | None:
    """The training section, or None where `fit` was never called."""
    fits = evidence.claims.fits if evidence else ()
    if not fits:
        return None
    drawn = _drawn(fits, result.model.chosen)
    charts = _charts(drawn.history) if drawn else ()
    caption = f"Learning curves of the last fit of `{shorten(one_line(drawn.model), 80)}`." if drawn and charts else ""
    return TrainingView(
        tuple(_fit(number, fit) for number, fit in enumerate(fits[:MOST], 1)), len(fits[MOST:]), charts, caption
    )


def settings(layer: Layer) -> str:
    """A layer's key settings in words: `filters 32, kernel 3 × 3, activation relu`."""
    said = []
    for key, word in _SETTINGS:
        if key not in layer.config:
            continue
        value = layer.config[key]
        plain = tuple(value) if isinstance(value, list | tuple) else value
        if isinstance(plain, dict):
            plain = plain.get("class_name") or plain.get("registered_name") or "an own one"
        usual = any(key == name and plain == common for name, common in _USUAL)
        if usual or (key == "strides" and plain == _pool(layer)):
            continue
        said.append(f"{word} {_setting(plain)}")
    return ", ".join(said)


def _pool(layer: Layer) -> object:
    pool = layer.config.get("pool_size")
    return tuple(pool) if isinstance(pool, list | tuple) else pool


def _setting(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(part, int | float) for part in value):
        return " × ".join(f"{part:g}" for part in value[:6])
    if isinstance(value, float):
        return f"{value:g}"
    return shorten(one_line(str(value)), 40)


def _about(summary: ModelSummary, architecture: Architecture | None) -> tuple[tuple[str, str], ...]:
    rows = []
    if summary.family:
        rows.append(("kind", f"{summary.family}{f', {architecture.kind}' if architecture else ''}"))
    sizes = summary.input_shape or (architecture.input_shape if architecture else None)
    if sizes is not None:
        rows.append(("takes in", shape(sizes)))
    if architecture is not None:
        rows.append(("gives out", shape(architecture.output_shape)))
        rows.append(("layers", count(len(architecture.layers))))
    parameters = architecture.parameters if architecture else summary.parameters
    if parameters is not None:
        rows.append(("parameters", count(parameters)))
    return tuple((name, shorten(one_line(value), 120)) for name, value in rows)


def _candidates(summary: ModelSummary, evidence: Evidence | None) -> tuple[CandidateView, ...]:
    found = evidence.claims.candidates if evidence else ()
    if not found:
        return tuple(CandidateView(shorten(name, 120), name == summary.chosen, "", "") for name in summary.candidates)
    views = []
    for item in found[:MOST]:
        units = "" if item.output_units is None else f", {plural(item.output_units, 'output')}"
        about = f"{'trained' if item.fitted else 'never trained'}{units}"
        views.append(CandidateView(shorten(one_line(item.name), 120), item.taken, about, shorten(item.reason, 600)))
    return tuple(views)


def _described(preparation: Preparation | None) -> str:
    return preparation.description if preparation else ""


def _tried(preparation: Preparation | None) -> tuple[tuple[str, str], ...]:
    tried = sorted(preparation.tried.items(), key=lambda item: -item[1])[:MOST] if preparation else []
    return tuple((shorten(one_line(name), 120), percent(value, 1)) for name, value in tried)


def _layers(architecture: Architecture | None) -> tuple[LayerView, ...]:
    if architecture is None:
        return ()
    most = max((layer.parameters for layer in architecture.layers), default=0)
    return tuple(
        LayerView(
            number=number,
            name=shorten(one_line(layer.name), 80),
            kind=shorten(one_line(layer.kind), 60),
            settings=settings(layer),
            output=shape(layer.output_shape),
            parameters=count(layer.parameters),
            share=layer.parameters / most if most else 0.0,
            frozen=layer.trainable < layer.parameters and layer.trainable == 0,
        )
        for number, layer in enumerate(architecture.layers[:MOST_LAYERS], 1)
    )


def _drawn(fits: tuple[Fit, ...], chosen: str | None) -> Fit | None:
    """The last fit of the graded network that left a history, else the last of any."""
    with_history = [fit for fit in fits if any(fit.history.values())]
    own = [fit for fit in with_history if fit.model == chosen]
    choice = own or with_history
    return choice[-1] if choice else None


def _fit(number: int, fit: Fit) -> FitView:
    rate = "" if fit.learning_rate is None else f", rate {fit.learning_rate:g}"
    validation = {"data": "data of its own", "split": "split off", "none": "none"}
    return FitView(
        number=number,
        model=shorten(one_line(fit.model), 80),
        epochs=f"{count(fit.epochs_done)} of {count(fit.epochs)}",
        batch="not known" if fit.batch_size is None else count(fit.batch_size),
        optimizer=shorten(one_line(f"{fit.optimizer or 'not known'}{rate}"), 80),
        loss=shorten(one_line(fit.loss or "not known"), 80),
        given=shape(fit.x.shape) if fit.x else "not known",
        reach=_reach(fit.x),
        cell=fit.cell,
        validation=validation[fit.validation],
        seconds=write_duration(fit.seconds),
        error=shorten(fit.error or "", 600),
    )


def _reach(x: ArraySummary | None) -> str:
    return "" if x is None or x.low is None or x.high is None else f"from {x.low:.4g} to {x.high:.4g}"


def _charts(history: Mapping[str, tuple[float | None, ...]]) -> tuple[Chart, ...]:
    accuracy = next((key for key in history if "acc" in key.lower() and not key.startswith("val_")), None)
    charts = []
    for title, key, as_percent in (("Accuracy", accuracy, True), ("Loss", "loss", False)):
        named = (("training", key or ""), ("validation", f"val_{key}"))
        series = tuple(Series(label, history[name]) for label, name in named if history.get(name))
        if series:
            charts.append(Chart(title, series, as_percent))
    return tuple(charts)
