"""The trainings of a notebook as a report shows them: a row each, curves of the graded network, where it overfits. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from grader.core.evidence import Evidence, Fit
from grader.core.results import Result
from grader.core.text import joined, one_line
from grader.pages.accuracy import is_doubted
from grader.pages.language import count, many, numbers, percent, say
from grader.pages.plots import Chart, Series, value_in_words
from grader.pages.wording import accuracy_percent

EPOCHS = 10_000  # of one curve
VALUE_ROWS = 50  # of the table of all values, evenly spread over longer trainings
RISE = 1.03  # a validation loss that stays this much above its lowest has turned
GAP = 0.03  # between training and judged accuracy, from which on it is spoken of
FALL = 0.97  # a training loss that went on falling by as much


@dataclass(frozen=True)
class CurveValues:
    """The values of all curves in a table: what each column is called, and a row for an epoch."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TrainingView:
    """All trainings, and the curves of the graded network with what they show."""

    fits: tuple[Fit, ...]
    charts: tuple[Chart, ...]
    caption: str
    overfitting: str
    values: CurveValues | None = None


@dataclass(frozen=True)
class Onset:
    """Where overfitting sets in: the epoch of the lowest validation loss, that loss, and the one of the last epoch."""

    epoch: int
    lowest: float
    last: float


def training_view(result: Result, evidence: Evidence | None) -> TrainingView | None:
    """The training section, or None where nothing was trained."""
    fits = evidence.claims.fits if evidence else ()
    if not fits:
        return None
    drawn = _drawn(fits, result.model.chosen)
    history, joints = _in_one(drawn)
    onset = find_onset(history.get("loss", ()), history.get("val_loss", ()))
    drawable = max(map(len, history.values()), default=0) > 1  # a single epoch is not a curve
    charts = _charts(history, joints, onset) if drawable else ()
    caption = ""
    if charts:
        model = one_line(drawn[-1].model, 80)
        caption = many(
            len(drawn),
            "Learning curves of the last training of `{model}`.",
            "Learning curves of the {n} trainings of `{model}`, one after the other; a vertical line parts them.",
            model=model,
        )
    return TrainingView(
        fits,
        charts,
        caption,
        joined((_overfitting(history, onset), _gap(history, result))) if charts else "",
        _values(charts) if charts else None,
    )


def find_onset(loss: Sequence[float | None], validation: Sequence[float | None]) -> Onset | None:
    """The epoch after which the network memorises its training images, or None where the curves show no such epoch.

    It is the epoch of the lowest validation loss, if two or more epochs follow, the mean validation loss of those lies 3 %
    above the lowest or more, and the training loss went on falling by 3 % or more (Prechelt, "Early stopping - but when?",
    1998, looks at the same two curves).
    """
    known = [(value, place) for place, value in enumerate(validation) if value is not None]
    if len(known) < 3:
        return None
    lowest, place = min(known)
    later = [value for value, other in known if other > place]
    trained = [value for value in loss[place:] if value is not None]
    if len(later) < 2 or len(trained) < 2 or lowest <= 0:
        return None
    if sum(later) / len(later) < RISE * lowest or later[-1] <= lowest or trained[-1] > FALL * trained[0]:
        return None
    return Onset(place + 1, lowest, later[-1])


def _overfitting(history: dict[str, tuple[float | None, ...]], onset: Onset | None) -> str:
    if onset is not None:
        return say(
            "Overfitting sets in after epoch {epoch}: there the validation loss was lowest ({lowest}). By the last epoch "
            "it rose to {last}, while the training loss went on falling: from there on the network learnt its training "
            "images by heart. Stop there, or hold it back with Dropout or augmentation.",
            epoch=onset.epoch,
            lowest=numbers(f"{onset.lowest:.4g}"),
            last=numbers(f"{onset.last:.4g}"),
        )
    if not any(value is not None for value in history.get("val_loss", ())):
        return say(
            "There are no validation losses, so nobody can see whether the network overfits: give `fit` validation data."
        )
    return say("The validation loss shows no overfitting up to the last epoch.")


def _gap(history: dict[str, tuple[float | None, ...]], result: Result) -> str:
    """Training accuracy beside the judged one: validation data that are stand-ins can't show the difference."""
    known = [value for value in history.get(_accuracy_key(history) or "", ()) if value is not None]
    if (
        result.accuracy is None
        or is_doubted(result)
        or not known
        or known[-1] > 1
        or known[-1] - result.accuracy.value < GAP
    ):
        return ""
    return say(
        "On its training images the network was right in {training} of cases in the last epoch, on the judged ones in "
        "{judged}: what lies between them is learnt by heart.",
        training=percent(known[-1], 1),
        judged=accuracy_percent(result.accuracy),
    )


def _accuracy_key(history: dict[str, tuple[float | None, ...]]) -> str | None:
    return next((key for key in history if "acc" in key.lower() and not key.startswith("val_")), None)


def _drawn(fits: tuple[Fit, ...], chosen: str | None) -> tuple[Fit, ...]:
    """The trainings of the graded network that have a history, else the last training that has one."""
    with_history = [fit for fit in fits if any(fit.history.values())]
    own = [fit for fit in with_history if fit.model == chosen]
    if not own:
        return tuple(with_history[-1:])
    last = own[-1]
    return tuple(fit for fit in own if fit.identity == last.identity and fit.history.keys() == last.history.keys())


def _in_one(fits: Sequence[Fit]) -> tuple[dict[str, tuple[float | None, ...]], tuple[int, ...]]:
    """The histories one after the other, and the epochs after which one ends and another begins."""
    if not fits:
        return {}, ()
    lengths = [max(len(values) for values in fit.history.values()) for fit in fits]
    history = {}
    for key in fits[-1].history:
        values: list[float | None] = []
        for fit, length in zip(fits, lengths, strict=True):
            values += [*fit.history[key], *(None,) * (length - len(fit.history[key]))]
        history[key] = tuple(values[:EPOCHS])
    return history, tuple(accumulate(lengths))[:-1]


def _charts(
    history: dict[str, tuple[float | None, ...]], joints: tuple[int, ...], onset: Onset | None
) -> tuple[Chart, ...]:
    charts = []
    for title, key, as_percent in ((say("Accuracy"), _accuracy_key(history), True), (say("Loss"), "loss", False)):
        named = ((say("training"), key or ""), (say("validation"), f"val_{key}"))
        series = tuple(Series(label, history[name]) for label, name in named if history.get(name))
        if series:
            charts.append(Chart(title, series, as_percent, joints, onset.epoch if onset else None))
    return tuple(charts)


def _values(charts: Sequence[Chart]) -> CurveValues:
    """What the points of the charts say to who hovers over them, for everybody else."""
    every = [(chart, series) for chart in charts for series in chart.series]
    epochs = max(len(series.values) for _, series in every)
    step = -(-epochs // VALUE_ROWS)
    shown = sorted({*range(0, epochs, step), epochs - 1})

    def value(chart: Chart, series: Series, place: int) -> str:
        known = series.values[place] if place < len(series.values) else None
        return "–" if known is None else value_in_words(known, chart.percent)

    return CurveValues(
        (say("epoch"), *(f"{chart.title}: {series.label}" for chart, series in every)),
        tuple((count(place + 1), *(value(*curve, place) for curve in every)) for place in shown),
    )
