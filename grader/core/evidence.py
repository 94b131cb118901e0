"""Evidence: all that is known about one run of one submission, frozen.

Two kinds are kept apart. *Facts* come from the host and from the judge, which ran no student code: how the run ended, the
model's layers, its predictions. *Claims* are what the kernel said about itself (outputs, errors, histories, accuracies):
they are shown, and are worth few points. Marking needs nothing else but the labels.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

SCHEMA = 1
Isolation = Literal["bubblewrap", "podman", "docker", "none"]
Serve = Literal["sealed", "open"]
Start = Literal["cold", "warm"]  # a new interpreter, or a fork of one that had imported TensorFlow: the same weights


# What a kernel claims may be a number of any length; sums, formats and divisions of these go well.
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]


class Value(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)  # JSON has no NaN


class Cause(StrEnum):
    """How a run ended: the failure taxonomy."""

    FINISHED = "finished"
    CELL_TIMEOUT = "cell-timeout"
    WALL_LIMIT = "wall-limit"
    MEMORY_LIMIT = "memory-limit"
    PROCESS_LIMIT = "process-limit"
    DISK_LIMIT = "disk-limit"
    OUTPUT_LIMIT = "output-limit"
    CPU_LIMIT = "cpu-limit"
    PROTOCOL_VIOLATION = "protocol-violation"
    CRASH = "crash"
    KILLED = "killed"
    KERNEL_EXITED = "kernel-exited"
    INFRASTRUCTURE = "infrastructure"
    NOT_RUN = "not-run"  # nothing could be run: the submission was unreadable


class Ending(Value):
    """How the run ended, in words, and what it used (seconds, seconds, MiB); `cell` counts from 1."""

    cause: Cause
    message: str
    cell: Whole | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None
    peak_mb: float | None = None
    cut: Whole | None = None  # the cell in which a smoke run ended: of it, and of those after it, nothing is known


class Output(Value):
    """One output of a cell: text (ANSI and HTML removed) or a picture (base64 of a PNG)."""

    kind: Literal["stream", "result", "display", "error"]
    text: str = ""
    png: str | None = None


class CellError(Value):
    """The exception that a cell ended with, as the kernel told it."""

    name: str
    message: str
    traceback: str = ""


MOST_TAGS, LONGEST_TAG = 10, 60  # of one cell; characters
Tag = Annotated[str, Field(max_length=LONGEST_TAG)]


class Cell(Value):
    """A code cell after the run; `number` counts code cells from 1, `seconds` is the host's clock.

    `tags` are those that the notebook was handed in with.
    """

    number: Whole
    source: str
    executed: bool
    seconds: float = 0.0
    outputs: tuple[Output, ...] = ()
    error: CellError | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)] = ()


class ArraySummary(Value):
    """Shape, dtype and range of an array that `fit` was given (`low`, `high`: of its first 256 rows)."""

    shape: tuple[Whole | None, ...]
    dtype: str
    low: float | None = None
    high: float | None = None


class Smoke(Value):
    """A smoke run: real code on data of the real shape, but each `fit` was cut to so many images and epochs.

    It shows whether a notebook works. Nothing of it is judged, and no points for an accuracy rest on it.
    """

    images: Annotated[Whole, Field(ge=1)] = 640
    epochs: Annotated[Whole, Field(ge=1)] = 1
    seconds: Annotated[float, Field(gt=0)] = 28.0  # for all cells together, then it ends wherever it is
    timed: bool = True  # else nobody asks how fast it went, and every training sees a twentieth

    @model_serializer(mode="wrap")
    def _without_timed(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Written where it is false alone: older evidence has no such key, and results quote its digest."""
        written: dict[str, object] = write(self)
        if self.timed:
            written.pop("timed", None)
        return written


class Pace(Value):
    """How fast a training of a smoke run went: seconds of its first step, which builds the graph, and of a later one.

    `steps` are those of a whole epoch (None: unknown), `done` those that were made; the last two are of one pass over the
    validation data.
    """

    first_s: float
    step_s: float
    steps: Whole | None = None
    done: Whole = 0
    validation_step_s: float = 0.0
    validation_steps: Whole | None = 0


class Fit(Value):
    """One training as the recorder in the kernel saw it: a call of `Model.fit`, or `how` else it was done.

    `first_accuracy` and `first_loss` are those of its first batch, before the first step changed a weight; `updates` counts
    the optimizer's steps; `moved` is how far a sample of the weights went, as a part of its length.
    """

    cell: Whole | None
    model: str  # the variable's name where one was found, else the model's own name
    identity: Whole  # the same number for the same model object
    epochs: Whole
    epochs_done: Whole
    batch_size: Whole | None
    optimizer: str | None = None
    learning_rate: float | None = None
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    history: dict[str, tuple[float | None, ...]] = {}
    x: ArraySummary | None = None
    y: ArraySummary | None = None
    validation: Literal["data", "split", "none"] = "none"
    validation_x: ArraySummary | None = None
    seconds: float = 0.0
    error: str | None = None
    how: Literal["fit", "train_on_batch", "own loop"] = "fit"
    steps: Whole | None = None  # of a training without `fit`, whose epochs nobody can see
    labels: tuple[Whole, ...] = ()  # the classes of the first rows, as `fit` was given them
    first_accuracy: float | None = None
    first_loss: float | None = None
    updates: Whole | None = None
    moved: float | None = None
    pace: Pace | None = None  # of a smoke run


class Evaluation(Value):
    """One call of `evaluate` on a network after its last training: what it was given, and what came out."""

    cell: Whole | None
    model: str
    identity: Whole
    accuracy: float | None = None
    loss: float | None = None
    x: ArraySummary | None = None


class Overlap(Value):
    """Of so many rows that a network was trained on, how many are images that are judged, and of the served test set.

    The rows are the kernel's word, the comparison is the host's.
    """

    rows: Whole
    judged: Whole
    test: Whole


class Candidate(Value):
    """A network that was found in the kernel, whether it was taken or not, and why.

    `file` is where it was saved, `kinds` the class names of its layers. `changed`: its weights are not those that its last
    `fit` left.
    """

    name: str
    fitted: bool
    output_units: Whole | None
    taken: bool
    reason: str
    file: str | None = None
    kinds: tuple[str, ...] = ()
    changed: bool | None = None


class Claims(Value):
    """What the kernel said about itself."""

    cells: tuple[Cell, ...] = ()
    fits: tuple[Fit, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    overlap: Overlap | None = None
    shims: tuple[str, ...] = ()  # old names that were made to work
    notes: tuple[str, ...] = ()  # what was left out, and a training that was stopped in good order
    undrawn: tuple[Whole, ...] = ()  # cells in which a package was to draw that is not installed where they were run
    problem: str | None = None  # why no model could be saved, in the recorder's words
    left_out_s: float = 0.0  # of a smoke run: seconds of evaluating and predicting that it left out, by its own pace

    @property
    def taken(self) -> Candidate | None:
        """The network that is graded."""
        return next((item for item in self.candidates if item.taken), None)


class Layer(Value):
    """One layer or operation as the judge saw it; shapes without the batch axis, None where a size is free.

    `influence`: how far the answers to judged images go apart where this layer's outputs are exchanged among the images, in
    terms of how far they are apart anyway. None where that was not tried: in a network without branches every layer counts.
    """

    name: str  # "outer/inner" for what another layer or network holds
    kind: str  # the class name: "Conv2D"; "ops.Conv" for an operation that is no layer
    config: dict[str, Any] = {}
    input_shapes: tuple[tuple[int | None, ...], ...] = ()
    output_shape: tuple[int | None, ...] | None = None
    parameters: int = 0
    trainable: int = 0
    inputs: tuple[str, ...] = ()  # names of the layers it reads from
    influence: float | None = None


class Architecture(Value):
    """The judged model's layers, in order of computation."""

    kind: str  # "Sequential" or "Functional"
    input_shape: tuple[int | None, ...]
    output_shape: tuple[int | None, ...]
    parameters: int
    layers: tuple[Layer, ...]


class Preparation(Value):
    """How raw images were turned into what the model wants, and how that was found out.

    `value = (pixel - offset) / scale`, where `description` names nothing else; `accuracy` and `tried` are on training
    images, whose labels are no secret.
    """

    scale: float
    offset: float
    resize: str  # "none", or the interpolation
    channels: Literal["as they are", "grey", "BGR", "grey to RGB", "grey of BGR"]
    shape: tuple[int, ...]
    accuracy: float
    probed: int
    tried: dict[str, float]
    description: str
    matched: int = 0  # rows that the network was trained on and that this recipe makes of training images
    swapped: bool = False  # the network takes the first class for the second


class Array(Value):
    """An array of numbers: NumPy's dtype string, the shape, the bytes (rows first, base64)."""

    dtype: str
    shape: tuple[Whole, ...]
    data: str


Argument = Array | int | float | str


class Call(Value):
    """One call of a submitted function: what the host gave it, and what came back.

    `form` says what the answer was and `value` holds its numbers; `said` is the exception, or what else happened, in
    words that follow "it". `group` is the title of the cases it belongs to.
    """

    function: str
    group: str
    arguments: tuple[Argument, ...]
    outcome: Literal["returned", "raised", "lost"]  # lost: it did not return, or ended the process
    form: Literal["array", "number", "tuple", "list", "other"] = "other"
    value: Array | None = None
    said: str = ""


class Shifted(Value):
    """Of so many judged images, how many the network takes for another class once they are moved by one pixel."""

    images: Whole
    changed: Whole


class Judgement(Value):
    """What the judge found: `refused` names what was wrong with the model, `predictions` is the .npy's SHA-256.

    `called` and `not-called` are for modules of functions, which have no model.
    """

    outcome: Literal["judged", "described", "refused", "no-model", "called", "not-called"]
    reason: str = ""
    architecture: Architecture | None = None
    preparation: Preparation | None = None
    predictions: str | None = None
    judged: Whole = 0
    shifted: Shifted | None = None


class ModelFile(Value):
    """The opaque file that the kernel left."""

    size: Whole
    sha256: str


Maker = Literal["same", "different", "unknown", "no code", "no network"]


class HandedInNetwork(Value):
    """The trained network that was handed in, judged in place of one that is trained here; and who made it.

    `maker`: whether the notebook, run for a few seconds (`smoke`), builds that very network; unknown where it came to
    none. `built` is the network that it builds and `differences` what is told of the two, layer by layer. `weights` is a
    SHA-256 of their values, `sketch` some of them. Without a `file` none was handed in, and none was trained either.
    """

    name: str = ""
    file: ModelFile | None = None
    form: Literal["", "keras", "hdf5", "weights"] = ""
    saved_by: str = ""  # the version of Keras, as the file says
    why: str = ""  # why this one of several
    smoke: Smoke | None = None  # None: there was no code to run
    maker: Maker = "unknown"
    built: Architecture | None = None
    differences: tuple[str, ...] = ()
    weights: str | None = None
    sketch: tuple[float, ...] = ()

    @property
    def why_withheld(self) -> str:
        """Why it earns nothing, where nobody saw the code build it."""
        if self.maker == "different":
            return f"the handed-in {self.name} is not the network that the code builds, and a person decides first"
        return f"nobody saw the code build the network in {self.name}, and a person decides first"


class Facts(Value):
    """What the host and the judge saw."""

    ending: Ending
    model: ModelFile | None = None
    judgement: Judgement
    calls: str | None = None  # SHA-256 of the file with the calls of a module's functions
    functions: dict[str, str] = {}  # what is wrong with a function before it is called: missing, another signature
    start: Start = "cold"
    start_note: str = ""  # why it was started cold where a warm start was asked for
    handed_in: dict[str, Whole] = {}  # files of the submission with judged images in them: about how many
    handed_in_network: HandedInNetwork | None = None  # None: what was judged is what the run trained


class Reported(Value):
    """A number that a cell's output gives for an accuracy, a fraction, and the words that stand before it."""

    cell: Whole
    words: str
    value: float


class Attachment(Value):
    """A picture that was put into a Markdown cell, by the name that the cell calls it: base64 of a PNG."""

    name: str
    png: str


class MarkdownCell(Value):
    """A Markdown cell as it was handed in; `after`: how many code cells with something in them stand before it."""

    after: Annotated[Whole, Field(ge=0)]
    source: str
    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)] = ()
    attachments: tuple[Attachment, ...] = ()


class Source(Value):
    """The submission as handed in: file name, SHA-256 of all its files, notes of intake, accuracies in its outputs.

    `modules` is the code that lay beside it, by name, as far as a class is compared by it. `markdown` are a notebook's
    other cells, `counts` what stood in brackets beside its code cells (`In [3]`; None: not run).
    """

    name: str
    sha256: str
    notes: tuple[str, ...] = ()
    saved: tuple[Reported, ...] = ()
    modules: dict[str, str] = {}
    markdown: tuple[MarkdownCell, ...] = ()
    counts: tuple[Whole | None, ...] = ()


class CourseEnvironment(Value):
    """What a course had added to what its notebooks may import.

    `pins` are the course's own, `packages` what was installed for them; `digest` is the SHA-256 of both with their versions.
    """

    digest: str
    pins: dict[str, str]
    packages: dict[str, str]


class Evidence(Value):
    """One run of one submission. `key` is the digest of what went in: submission, data, environment, seed."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    assignment: str
    student: str
    submission: Source
    key: str
    isolation: Isolation
    dataset: str
    data_digest: str
    serve: Serve
    judged_on: str
    seed: int
    started: str
    versions: dict[str, str]
    environment: CourseEnvironment | None = None  # None: the course adds nothing
    smoke: Smoke | None = None  # None: the real thing
    facts: Facts
    claims: Claims

    @property
    def cut_short(self) -> bool:
        """Whether every training was cut to a few images: then claims about trainings say nothing of what was judged."""
        return self.smoke is not None or self.facts.handed_in_network is not None

    @property
    def as_it_counts(self) -> "Evidence":
        """The evidence without what a network earned that is not known to be the code's: until a person decides, that is
        nothing, and what counts is the network that the code builds."""
        network = self.facts.handed_in_network
        if network is None or network.maker not in ("different", "unknown") or not network.form:
            return self
        outcome: Literal["described", "no-model"] = "no-model" if network.built is None else "described"
        judgement = Judgement(outcome=outcome, reason=network.why_withheld, architecture=network.built)
        return self.model_copy(update={"facts": self.facts.model_copy(update={"judgement": judgement})})


ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")
VALIDATIONS = tuple(f"val_{name}" for name in ACCURACIES)


def training_accuracy(claims: Claims) -> float | None:
    """The last training accuracy of the last fit of the graded network: with dropout, and of weights that still changed."""
    return _last(claims, ACCURACIES)


def validation_accuracy(claims: Claims) -> float | None:
    """The last validation accuracy of the same fit, made as a judge makes it; None where it validated nothing."""
    return _last(claims, VALIDATIONS)


def _last(claims: Claims, names: tuple[str, ...]) -> float | None:
    taken = claims.taken.name if claims.taken is not None else None
    for fit in reversed(claims.fits):
        if fit.model == taken and any(fit.history.get(name) for name in ACCURACIES):
            return next((fit.history[name][-1] for name in names if fit.history.get(name)), None)
    return None
