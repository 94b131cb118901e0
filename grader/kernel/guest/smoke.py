"""A smoke run: the student's own code, but each training is cut short, and what then takes long as well.

Data keep their shape, because notebooks write 60,000 and 10,000 into their code. So every `fit` ends after some images and
an epoch, however many were asked for, and sooner the more trainings there were; `evaluate` and `predict` end once they have
taken their time, and `predict` repeats its answers to the length that the code expects. How fast it went is kept for the
host's estimate. `smoke_loops` is about loops that train or predict without these methods.

At the end of the file, what would look at all rows outside of these methods is given a few. Generators and layers that adapt
themselves, and estimators of scikit-learn, are fitted to a few rows. An estimator that would predict for long is asked for a
few, and its answers are repeated. A search or a cross-validation that goes on for long gives its last score again, for as
many candidates and folds as the code expects. A search of KerasTuner's tries a few networks.
"""

import inspect
import math
import operator
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from grader.kernel.guest.imports import Patch
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.wrapping import MethodCall, add_callback, callback_class, neutral, replaces

SEVERAL = 4  # batches that a training has at least where it is not late
MOST_CALLS, MOST_LOOP_S = 100, 4.0  # of `predict`, one after the other; a longer loop is answered from memory
FULL, MANY = 2, 4  # trainings that get their time; trainings after which no graph is built any more for another one
LATE = 0.5  # of the time of a run


class SmokeRun:
    """Cuts what trains and what predicts; `left_out_s` is the time that this saved outside of trainings.

    `in_full_s` is what all trainings together would have taken in full, as far as that is known.
    `seconds`: how long all cells together may take. `timed`: it is asked how fast everything goes.
    """

    def __init__(self, notes: Notes, *, images: int, epochs: int, seconds: float, timed: bool = True) -> None:
        self._notes, self.images, self._epochs, self.seconds, self._timed = notes, images, epochs, seconds, timed
        self._pace: dict[str, Any] | None = None
        self._calls = self._trainings = 0
        self._answer: Any = None
        self._spent_s = 0.0  # by the first calls of `predict`
        self._started: float | None = None
        self.left_out_s = self.in_full_s = 0.0
        self.inside = 0  # methods of Keras' that are being called, and are cut by themselves

    @property
    def cell(self) -> int:
        """The number of the cell that runs."""
        return self._notes.cell

    def start_cell(self, *_: object) -> None:
        """Called before each cell; with the first one the time begins."""
        self._started = self._started or time.monotonic()

    def left_s(self) -> float:
        """Seconds that are left of the run."""
        return self.seconds - (time.monotonic() - (self._started or time.monotonic()))

    def note(self, text: str) -> None:
        """What was cut, in words."""
        self._notes.note(f"this is a smoke run: {text}")

    def take_pace(self) -> dict[str, Any] | None:
        """How fast the last training went, once; None where there was none."""
        pace, self._pace = self._pace, None
        return pace

    def part(self) -> float:
        """How much of the usual time is taken: all of it, and next to nothing when it is late or nobody asks."""
        return 1.0 if self._timed and self.left_s() >= (1 - LATE) * self.seconds else 0.05

    @contextmanager
    def fit(self, call: MethodCall) -> Iterator[None]:
        """Around `fit`: an epoch, of some images."""
        given, batch = call.given, batch_of(call.given)
        self._trainings += 1
        part = self.part() * 0.5 ** max(0, self._trainings - FULL)
        watch = callback_class(Watch)(max(1 if part < 1 else SEVERAL, math.ceil(part * self.images / batch)), part=part)
        wanted = whole(given.get("epochs", 1))
        if wanted is not None:
            given["epochs"] = min(wanted, (whole(given.get("initial_epoch")) or 0) + self._epochs)
        add_callback(given, watch)
        self._calls = 0
        graphless = (
            self._trainings > (MANY if self._timed else 1) and getattr(call.model, "train_function", None) is None
        )
        try:
            with self.within():
                build_early(call.model, given)
                with _without_graph(call.model) if graphless else nullcontext():
                    yield
        finally:
            told = {**watch.pace(), "validation_steps": validation_steps(given, batch)}
            self.in_full_s += (wanted or 1) * (told["steps"] or told["done"]) * told["step_s"]
            self._pace = None if graphless else told
            most = f"at most {self.images} images (or {SEVERAL} batches)" if self._timed else "a few images"
            self.note(f"each `fit` saw {most} and {self._epochs} epoch, whatever it was asked for")
            if self._trainings > FULL:
                self.note(f"from the {FULL + 1}rd training on each saw fewer images than the one before")

    @contextmanager
    def evaluate(self, call: MethodCall) -> Iterator[None]:
        """Around `evaluate`: it ends once it has taken its time; of a `fit` its own callback looks after it."""
        if isinstance(call.given.get("callbacks"), sys.modules["keras"].callbacks.CallbackList):
            yield
            return
        watch = callback_class(Watch)(None, part=self.part())
        add_callback(call.given, watch)
        with self.within():
            yield
        if watch.cut:
            self._tell_cut("evaluate", watch, steps_of(call.given, "x", "steps", batch_of(call.given)))

    @contextmanager
    def predict(self, call: MethodCall) -> Iterator[None]:
        """Around `predict`: it ends once it has taken its time, and its answers are repeated for the rest."""
        given = call.given
        rows = length(given.get("x"))
        if self._is_known(rows):
            call.answer, call.answered = self._answer.copy(), True
            yield
            return
        steps, asked = steps_of(given, "x", "steps", batch_of(given)), whole(given.get("steps"))
        count = rows if asked is None or rows is None else min(rows, asked * batch_of(given))
        last = last_batch(given.get("x")) if count is None and asked is None else None
        watch = callback_class(Watch)(None, part=self.part(), patient=count is None and asked is None and last is None)
        add_callback(given, watch)
        started = time.monotonic()
        with self.within():
            yield
        self._spent_s += time.monotonic() - started
        answer = call.answer
        self._answer = answer if hasattr(answer, "shape") and hasattr(answer, "copy") else None
        if watch.cut and self._answer is not None:
            each, whole_batches = len(answer) // watch.tested, (asked or steps or 1) - (last is not None)
            count = count or each * whole_batches + (last or 0)
        if watch.cut and self._answer is not None and len(answer) < (count or 0):
            import numpy

            self._tell_cut("predict", watch, steps)
            self._answer = call.answer = numpy.resize(answer, (count, *answer.shape[1:]))

    @contextmanager
    def within(self) -> Iterator[None]:
        """Around a method of Keras' that is cut by itself."""
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def _is_known(self, count: int | None) -> bool:
        """Whether a loop of predictions has gone on for long enough to be answered from memory."""
        self._calls += 1
        if self._calls == 1:
            self._spent_s = 0.0
        enough = self._calls > MOST_CALLS or self._spent_s > self.part() * MOST_LOOP_S
        if not enough or self._answer is None or count is None or count != len(self._answer):
            return False
        self.left_out_s += self._spent_s / max(1, min(self._calls - 1, MOST_CALLS))
        self.note("in a long loop `predict` gave its last answer again; predict many images in one call")
        return True

    def _tell_cut(self, name: str, watch: "Watch", steps: int | None) -> None:
        left = max(0, (steps or 0) - watch.tested)
        self.left_out_s += left * watch.test_step_s
        repeated = ", whose answers were repeated for the rest" if name == "predict" else ""
        of = f"{watch.tested} of {steps} batches" if steps else f"{watch.tested} batches"
        self.note(f"`{name}` looked at {of}{repeated}")


@neutral()
def build_early(model: Any, given: dict[str, Any]) -> None:
    """Make the variables of optimizer and metrics: where the first step makes them, it is built as a graph twice.

    Of what can't be foreseen, or is wrong, Keras will speak.
    """
    labels: Any = given.get("y")
    outputs: Any = getattr(model, "outputs", None) or ()
    if hasattr(given.get("x"), "element_spec"):
        spec = given["x"].element_spec
        labels = spec[1] if isinstance(spec, tuple) and len(spec) > 1 else None
    if not model.built or not model.compiled or len(outputs) != 1 or not hasattr(labels, "shape"):
        return
    keras, metrics, optimizer = sys.modules["keras"], getattr(model, "_compile_metrics", None), model.optimizer
    with suppress(Exception):
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        if metrics is not None and not metrics.built:
            metrics.build(keras.KerasTensor((None, *labels.shape[1:]), str(outputs[0].dtype)), outputs[0])


@contextmanager
def _without_graph(model: Any) -> Iterator[None]:
    """While it lasts, the network trains without building a graph, which would take longer than the few steps themselves."""
    before = model.run_eagerly
    model.run_eagerly = True
    try:
        yield
    finally:
        model.run_eagerly = before
        model.train_function = model.test_function = None


FEWEST = 2  # batches: the first one builds the graph, the others are timed
FIT_PATIENCE_S = 1.5  # of one training, after its first batch
PATIENCE_S = 0.4  # of one call of `evaluate` or `predict`, or one pass over the validation data, after its first batch


class Watch:
    """A callback that times the batches of one call, and stops it when there were enough of them.

    `batches`: how many a training may have. `part`: of the usual time, as little as is left of the run. `patient`: a test
    is never enough.
    """

    model: Any
    params: Any

    def __init__(self, batches: int | None, *, part: float = 1.0, patient: bool = False) -> None:
        super().__init__()
        self._batches, self._part, self._patient = batches, part, patient
        self._last, self._first_s = time.monotonic(), 0.0
        self._times, self._test_times = list[float](), list[float]()
        self._test_started = 0.0
        self.tested, self._done, self.cut = 0, 0, False

    @property
    def test_step_s(self) -> float:
        """Seconds of one batch of testing."""
        return _middle(self._test_times)

    def pace(self) -> dict[str, Any]:
        """What is known after a training."""
        steps = self.params.get("steps") if isinstance(self.params, dict) else None
        return {
            "first_s": round(self._first_s, 4), "step_s": round(_middle(self._times), 6), "steps": whole(steps),
            "done": self._done, "validation_step_s": round(self.test_step_s, 6),
        }  # fmt: skip

    def on_train_begin(self, logs: object = None) -> None:
        """The clock of the first batch starts."""
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Batch `batch`, from 0, was trained on."""
        now = time.monotonic()
        if self._done:
            self._times.append((now - self._last) / max(1, batch + 1 - self._done))
        else:
            self._first_s = now - self._last
        self._last, self._done = now, batch + 1
        slow = self._done >= FEWEST and sum(self._times) > self._part * FIT_PATIENCE_S
        if self._batches is not None and (slow or self._done >= self._batches):
            self.model.stop_training = True

    def on_test_begin(self, logs: object = None) -> None:
        """A pass over other data starts."""
        self.tested, self._test_times = 0, []

    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        """Batch `batch`, from 0, was evaluated or predicted."""
        now = time.monotonic()
        if self.tested:
            self._test_times.append((now - self._last) / max(1, batch + 1 - self.tested))
        else:
            self._test_started = now  # the first batch builds the graph, and says nothing of the others
        self._last, self.tested = now, batch + 1
        self.cut = self.tested >= FEWEST and now - self._test_started > self._part * PATIENCE_S and not self._patient
        if self.cut:
            self.model.stop_evaluating = self.model.stop_predicting = True

    on_predict_begin, on_predict_batch_end = on_test_begin, on_test_batch_end


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


KERAS_BATCH = 32
SAME_NUMBER = {"Prefetch", "Map", "ParallelMap", "Cache", "Options", "Shuffle", "MemoryCache"}


def batch_of(given: dict[str, Any]) -> int:
    """The size of a batch of what a call was given; Keras' own where it can't be seen."""
    for size in (given.get("batch_size"), getattr(given.get("x"), "batch_size", None),
                 getattr(given.get("x"), "_batch_size", None)):  # fmt: skip
        found = whole(size)
        if found is not None and found > 0:
            return found
    return KERAS_BATCH


def steps_of(given: dict[str, Any], data: str, steps: str, batch: int) -> int | None:
    """How many batches a call would look at; None where nobody knows."""
    asked = whole(given.get(steps))
    if asked is not None:
        return asked
    value = given.get(data)
    value = value[0] if isinstance(value, tuple) and value else value
    count = length(value)
    if count is not None and hasattr(value, "shape"):
        return math.ceil(count / batch)
    try:
        batches = len(value)  # type: ignore[arg-type]
    except Exception:
        return None
    return batches if not isinstance(value, (list, dict)) else None


def validation_steps(given: dict[str, Any], batch: int) -> int | None:
    """How many batches of validation data a `fit` was given; None where nobody knows."""
    if given.get("validation_data") is None:
        share, count = given.get("validation_split") or 0.0, length(given.get("x"))
        return math.ceil(count * float(share) / batch) if share and count else 0
    return steps_of(given, "validation_data", "validation_steps", whole(given.get("validation_batch_size")) or batch)


def length(data: Any) -> int | None:
    """How many rows there are: of an array, a generator that reads a folder, or a pipeline; None where nobody knows."""
    if hasattr(data, "shape"):
        return whole(data.shape[0]) if len(data.shape) else None
    for name in ("samples", "n"):  # of generators of `flow_from_directory` and `flow`
        if whole(getattr(data, name, None)) is not None:
            return whole(getattr(data, name))
    if hasattr(data, "file_paths"):
        return len(data.file_paths)
    return _rows_of_pipeline(data) if hasattr(data, "element_spec") else None


def last_batch(data: Any) -> int | None:
    """How many rows the last batch has of what gives its batches by their number; None where it does not."""
    if not hasattr(type(data), "__getitem__") or hasattr(data, "shape") or isinstance(data, (list, tuple, dict)):
        return None
    try:
        batch = data[len(data) - 1]
        return length(batch[0] if isinstance(batch, (tuple, list)) else batch)
    except Exception:
        return None


def _rows_of_pipeline(dataset: Any) -> int | None:
    """How many rows a `tf.data` pipeline has, by what it was batched from; steps that keep their number are passed."""
    while type(dataset).__name__.strip("_").removesuffix("Dataset") in SAME_NUMBER:
        dataset = dataset._input_dataset
    size, source = whole(getattr(dataset, "_batch_size", None)), getattr(dataset, "_input_dataset", None)
    if size is None or source is None or not size:
        return None
    rows = whole(source.cardinality())
    if rows is None or rows < 0:
        return None
    return rows // size * size if bool(getattr(dataset, "_drop_remainder", False)) else rows


def whole(value: Any) -> int | None:
    """`value` as a whole number, also one in a tensor; None where it is none."""
    try:
        return operator.index(value) if not hasattr(value, "numpy") else int(value)
    except Exception:
        return None


BATCHES = 4  # of a pipeline that a layer adapts itself to
PREDICTORS = {"ClassifierMixin", "RegressorMixin"}
PREDICTING = ("predict", "predict_proba", "decision_function")
FEWEST_FITS, MOST_SEARCH_S = 2, 3.0  # of a search or a cross-validation
SLOW = {"TSNE", "MDS", "Isomap", "SpectralEmbedding", "LocallyLinearEmbedding"}


def patches(smoke: SmokeRun) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    return {
        "sklearn.base": lambda module: cut_estimators(module, smoke),
        "sklearn.model_selection._validation": lambda module: cut_validation(module, smoke),
        "joblib.parallel": work_alone,
        "keras_tuner.src.engine.base_tuner": lambda module: cut_tuner(module, smoke),
    }


def cut_preparation(keras: Any, smoke: SmokeRun) -> None:
    """`ImageDataGenerator.fit` and `adapt` of layers look at a few images. Once Keras is imported."""
    _cut(sys.modules["keras.src.legacy.preprocessing.image"].ImageDataGenerator, "fit", smoke)
    for name in ("Normalization", "Discretization"):
        _cut(getattr(keras.layers, name), "adapt", smoke)


def cut_estimators(base: Any, smoke: SmokeRun) -> None:
    """Estimators of scikit-learn that predict, and some that take long, are given a few rows. After the import."""
    kind = base.BaseEstimator
    original = kind.__init_subclass__.__func__

    def begin(cls: Any, **options: Any) -> None:
        original(cls, **options)
        names = {parent.__name__ for parent in cls.__mro__}
        for method in ("fit", "fit_transform"):
            if method in vars(cls) and names & (PREDICTORS if method == "fit" else SLOW):
                _cut(cls, method, smoke, repeated=method != "fit")
        for method in PREDICTING:
            if inspect.isfunction(vars(cls).get(method)) and names & PREDICTORS:
                _cut_slow(cls, method, smoke)

    kind.__init_subclass__ = classmethod(begin)  # type: ignore[arg-type]


def cut_validation(module: Any, smoke: SmokeRun) -> None:
    """Fits of a search or a cross-validation that has gone on for long are answered from memory. After the import."""
    made: dict[tuple[int, str], list[Any]] = {}  # of a cell: how many, seconds, the last score

    @replaces(module, "_fit_and_score")
    def fit_and_score(original: Any, *arguments: Any, **options: Any) -> Any:
        wanted = repr(sorted((name, value) for name, value in options.items() if name.startswith("return_")))
        told = made.setdefault((smoke.cell, wanted), [0, 0.0, None])
        if told[0] >= FEWEST_FITS and told[1] > smoke.part() * MOST_SEARCH_S:
            smoke.left_out_s += told[1] / told[0]
            smoke.note(
                "a search or a cross-validation gave the last score again for the fits that would have taken long"
            )
            return dict(told[2])
        started = time.monotonic()
        found = original(*arguments, **options)
        told[:] = [told[0] + 1, told[1] + time.monotonic() - started, found]
        return dict(found)


def cut_tuner(module: Any, smoke: SmokeRun) -> None:
    """A search of KerasTuner's ends after a few trials, whose trainings are cut as all others are. After the import."""

    @replaces(module.BaseTuner, "search")
    def search(original: Any, tuner: Any, *arguments: Any, **options: Any) -> Any:
        oracle, wanted = tuner.oracle, tuner.oracle.max_trials
        before, trained_s = len(oracle.trials), smoke.in_full_s
        if wanted is not None and wanted <= before + FEWEST_FITS:
            return original(tuner, *arguments, **options)
        oracle.max_trials = before + FEWEST_FITS
        try:
            answer = original(tuner, *arguments, **options)
        finally:
            oracle.max_trials = wanted
        made = len(oracle.trials) - before
        if made < FEWEST_FITS:  # there were no more
            return answer
        if wanted is not None:
            smoke.left_out_s += (wanted - before - made) * (smoke.in_full_s - trained_s) / made
            smoke.note(f"a search of KerasTuner's made {made} of its {wanted} trials")
        else:
            smoke.note(f"a search of KerasTuner's ended after {made} trials")
        return answer


def work_alone(module: Any) -> None:
    """`n_jobs` starts no process: what is cut here would not be cut there. After the import."""

    @replaces(module.Parallel, "__init__")
    def start(original: Any, parallel: Any, n_jobs: Any = None, *arguments: Any, **options: Any) -> None:
        original(parallel, 1, *arguments, **options)


def _cut_slow(kind: Any, name: str, smoke: SmokeRun) -> None:
    """Ask a method for a few of its rows; for all where that is quick, and else their answers are repeated."""

    @replaces(kind, name)
    def call(original: Any, estimator: Any, X: Any, *arguments: Any, **options: Any) -> Any:  # noqa: N803
        few, count = _few(X, smoke.images)
        if not count:
            return original(estimator, X, *arguments, **options)
        started = time.monotonic()
        some = original(estimator, few, *arguments, **options)
        each_s = (time.monotonic() - started) / len(some)
        if count * each_s < smoke.part() * PATIENCE_S:
            return original(estimator, X, *arguments, **options)
        import numpy

        smoke.left_out_s += (count - len(some)) * each_s
        smoke.note(
            f"`{kind.__name__}.{name}` looked at {len(some)} of {count} rows, whose answers were repeated for the rest"
        )
        return numpy.resize(some, (count, *some.shape[1:]))


def _cut(kind: Any, name: str, smoke: SmokeRun, *, repeated: bool = False) -> None:
    """Give a method every so many of its rows; `repeated`: its answer, a row each, is repeated for the others."""

    signature = inspect.signature(getattr(kind, name))

    @replaces(kind, name)
    def call(original: Any, *arguments: Any, **options: Any) -> Any:
        try:
            bound = signature.bind(*arguments, **options)
        except TypeError:
            return original(*arguments, **options)  # which says what is wrong
        first = next((given for given in [*bound.arguments][1:]), "")
        few, count = _few(bound.arguments.get(first), smoke.images)
        if count is None:
            return original(*arguments, **options)
        told = f"{smoke.images} of {count} rows" if count else f"{BATCHES} batches"
        smoke.note(f"`{kind.__name__}.{name}` was given {told}")
        for given, value in bound.arguments.items():  # labels and weights have a row for each
            bound.arguments[given] = _few(value, smoke.images)[0] if _count(value) == count else value
        bound.arguments[first] = few
        answer = original(*bound.args, **bound.kwargs)
        if not repeated:
            return answer
        import numpy

        return numpy.resize(answer, (count, *answer.shape[1:]))


def _few(data: Any, most: int) -> tuple[Any, int | None]:
    """Every so many rows, and how many there were (0: nobody knows); None for these where there are few enough."""
    if hasattr(data, "element_spec"):
        return data.take(BATCHES), 0
    count = _count(data)
    if count is None or count <= 2 * most:
        return data, None
    step = count // most
    rows = data.iloc if hasattr(data, "iloc") else data
    return rows[: step * most : step], count


def _count(data: Any) -> int | None:
    if isinstance(data, (list, tuple)):
        return len(data)
    return length(data) if hasattr(data, "shape") else None
