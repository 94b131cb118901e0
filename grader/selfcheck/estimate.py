"""What a self-check found: which points are certain, how long a full run takes, what data goes where. Pure."""

from collections.abc import Sequence
from typing import Literal

from grader.checks.cell_and_line import Places, failing_lines
from grader.checks.execution import one_line, write_error
from grader.checks.hints import hint_for
from grader.checks.registry import NOT_CHECKED
from grader.core.evidence import Architecture, Cell, Evidence, Fit, Maker, Value
from grader.core.limits import Limits
from grader.core.results import Accuracy, Outcome, Result

Mode = Literal["smoke", "full", "live"]
FIT_SHARE = 0.8  # of the time that is left: so much a training gets, then it is stopped
LONGEST_LINE = 100


class Unchecked(Value):
    """A check that could not be made here, and why."""

    name: str
    title: str
    out_of: float
    reason: str


class PointsByCertainty(Value):
    """Points by what they rest on; they add up to `out_of`.

    `certain` rest on the network's layers, which more training does not change; `likely` on how the code ran this time;
    `open` were not checked; `lost` is what the findings cost; `by_person` are given by hand, after the hand-in.
    """

    out_of: float
    certain: float
    likely: float
    open: float
    lost: float
    by_person: float = 0.0


class Training(Value):
    """One call of `fit` as the full run will make it: seconds by the pace of the first steps; None: nobody knows.

    `failed`: it ended with an error.
    """

    cell: int | None
    model: str
    epochs: int
    steps: int | None
    step_s: float
    seconds: float | None
    failed: bool = False


class Estimate(Value):
    """The full run on this machine, by the pace of a smoke run: an estimate, no promise. Seconds and MiB.

    `cells` are those that may take longer than a cell may; `at_least`: something trains for a time that can't be foreseen.
    """

    seconds: float
    allowed_s: float
    trainings: tuple[Training, ...] = ()
    cells: tuple[int, ...] = ()
    cell_allowed_s: float
    memory_mb: float | None = None
    memory_allowed_mb: float
    at_least: bool = False

    @property
    def too_big(self) -> bool:
        """Whether nine tenths of the memory were used up already."""
        return self.memory_mb is not None and self.memory_mb > 0.9 * self.memory_allowed_mb


class LayerShape(Value):
    """A layer, the shapes that come in and the one that goes out, without the axis of the batch."""

    name: str
    kind: str
    inputs: tuple[tuple[int | None, ...], ...]
    output: tuple[int | None, ...] | None
    parameters: int


class CellFailure(Value):
    """A cell that failed: the error, the line where it happened, if that is known, and what to do.

    `where` is what the place is called: "cell 3", or of a module "line 12 of work.py".
    """

    cell: int
    where: str
    error: str
    line: str = ""
    hint: str = ""


class NetworkBeside(Value):
    """A trained network that lies beside the work, as the grader would judge it: `problem` says why it can't be.

    `maker` says whether the code builds this very network, and `differences` what tells the two apart.
    """

    name: str
    size: int
    allowed: int
    maker: Maker = "unknown"
    differences: tuple[str, ...] = ()
    problem: str = ""
    accuracy: Accuracy | None = None


class Checked(Value):
    """What a self-check found; `took_s` are the seconds that it took."""

    mode: Mode
    result: Result
    standing: PointsByCertainty
    open: tuple[str, ...] = ()  # names of the checks that a smoke run leaves open
    unchecked: tuple[Unchecked, ...] = ()
    failures: tuple[CellFailure, ...] = ()
    fed: tuple[str, ...] = ()
    layers: tuple[LayerShape, ...] = ()
    estimate: Estimate | None = None
    network: NetworkBeside | None = None
    remarks: tuple[str, ...] = ()
    took_s: float = 0.0

    @property
    def costs_points(self) -> bool:
        """Whether something that was checked would cost points."""
        return self.standing.lost > 0


class Answer(Value):
    """What a check found, and where its report was written, if it was to be written."""

    checked: Checked
    report: str | None = None


def left_open(result: Result, judged: Sequence[str]) -> tuple[str, ...]:
    """The checks of a smoke run that rest on judged images, or on what it did not come to."""
    return tuple(
        check.name
        for check in result.checks
        if result.smoke is not None
        and (check.name in judged or (check.outcome is Outcome.SKIPPED and check.reason.startswith(NOT_CHECKED)))
    )


def stand(result: Result, judged: Sequence[str], unchecked: Sequence[Unchecked] = ()) -> PointsByCertainty:
    """How the points stand; `judged` names the checks that rest on judged images."""
    certain = likely = left = lost = by_person = 0.0
    waiting = left_open(result, judged)
    for check in result.checks:
        if check.name in waiting:
            left += check.out_of
            continue
        if check.outcome is Outcome.AWAITING:
            by_person += check.out_of
            continue
        lost += check.out_of - check.points
        if check.rests_on == "facts" and check.name not in judged:
            certain += check.points
        else:
            likely += check.points
    left += sum(item.out_of for item in unchecked)
    total = certain + likely + left + lost + by_person
    return PointsByCertainty(
        out_of=round(total, 2), certain=round(certain, 2), likely=round(likely, 2), open=round(left, 2), lost=round(lost, 2),
        by_person=round(by_person, 2),
    )  # fmt: skip


def estimate(evidence: Evidence, limits: Limits) -> Estimate:
    """Time and memory of the full run, from the pace of a smoke run and what the code asked for."""
    claims, ending = evidence.claims, evidence.facts.ending
    module = bool(Places.of(evidence).file)  # whose cells nobody knows
    trainings = tuple(_full_training(fit.model_copy(update={"cell": None} if module else {})) for fit in claims.fits)
    spent = sum(fit.seconds for fit in claims.fits)
    whole = sum(training.seconds or 0.0 for training in trainings)
    return Estimate(
        seconds=round(max(0.0, ending.wall_s - spent) + whole + max(0.0, claims.left_out_s), 1),
        allowed_s=limits.wall,
        trainings=trainings,
        cells=_slow_cells(claims.cells, claims.fits, trainings, limits.cell),
        cell_allowed_s=limits.cell,
        memory_mb=ending.peak_mb,
        memory_allowed_mb=limits.memory / (1 << 20),
        at_least=any(training.seconds is None for training in trainings),
    )


def _full_training(fit: Fit) -> Training:
    """First step, all other steps of all epochs, and as many passes over the validation data."""
    pace = fit.pace
    steps = pace.steps if pace is not None else None
    seconds = None
    if fit.error is not None or fit.how != "fit":
        seconds = fit.seconds  # it fails then as now; what is left out of a loop of the notebook's own is counted apart
    elif pace is not None and pace.done > 0 and steps is not None and pace.validation_steps is not None:
        an_epoch = steps * pace.step_s + pace.validation_steps * pace.validation_step_s
        seconds = round(pace.first_s + fit.epochs * an_epoch, 1)
    return Training(
        cell=fit.cell, model=fit.model, epochs=fit.epochs, steps=steps, step_s=pace.step_s if pace else 0.0,
        seconds=seconds, failed=fit.error is not None,
    )  # fmt: skip


def _slow_cells(
    cells: Sequence[Cell], fits: Sequence[Fit], trainings: Sequence[Training], allowed_s: float
) -> tuple[int, ...]:
    slow = []
    for cell in cells:
        here = [(fit, full) for fit, full in zip(fits, trainings, strict=True) if fit.cell == cell.number]
        more = sum((full.seconds or fit.seconds) - fit.seconds for fit, full in here)
        if here and cell.seconds + more > FIT_SHARE * allowed_s:
            slow.append(cell.number)
    return tuple(slow)


def failed_cells(places: Places, asked: str = "") -> tuple[CellFailure, ...]:
    """Every cell that failed, in order; `asked`: what the exercise asks of the network."""
    return tuple(
        CellFailure(
            cell=cell.number, where=places.of_error(cell), error=write_error(cell.error),
            line=_failing_line(cell, places.cells), hint=hint_for(cell, places, asked),
        )
        for cell in places.cells
        if cell.error is not None
    )  # fmt: skip


def _failing_line(cell: Cell, cells: Sequence[Cell]) -> str:
    """What stands on the line where the error of a cell came up."""
    return next((one_line(at.text)[:LONGEST_LINE] for at in failing_lines(cell, cells)[-1:]), "")


def layer_shapes(architecture: Architecture | None) -> tuple[LayerShape, ...]:
    """The layers with their shapes, in order of computation."""
    return tuple(
        LayerShape(
            name=layer.name, kind=layer.kind, inputs=layer.input_shapes, output=layer.output_shape,
            parameters=layer.parameters,
        )
        for layer in (architecture.layers if architecture else ())
    )  # fmt: skip


def data_fed(evidence: Evidence) -> tuple[str, ...]:
    """What each training was given, in words: shape, kind of numbers and range."""
    told = []
    places = Places.of(evidence)
    for fit in evidence.claims.fits:
        if fit.x is None:
            continue
        span = "" if fit.x.low is None or fit.x.high is None else f", values {fit.x.low:g} to {fit.x.high:g}"
        labels = f"; labels {write_shape(fit.y.shape)}" if fit.y is not None else ""
        where = "" if places.file or not fit.cell else f"cell {fit.cell}: "
        array = f"{write_shape(fit.x.shape)} {fit.x.dtype}"
        told.append(f"{where}`{fit.model}.fit` was given {array}{span}{labels}")
    return tuple(dict.fromkeys(told))


def write_shape(shape: Sequence[int | None] | None) -> str:
    """A shape as Python writes it, with `?` for what is free."""
    if shape is None:
        return "?"
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"
