"""A smoke run: the student's own code, but each training is cut short, and what then takes long as well.

Data keep their shape, because notebooks write 60,000 and 10,000 into their code. So every `fit` ends after some images and
an epoch, however many were asked for; `evaluate` and `predict` end once they have taken their time, and `predict` repeats
its answers to the length that the code expects. How fast it went is kept: the host makes an estimate of it.
"""

import functools
import inspect
import math
import operator
import time
from collections.abc import Callable
from typing import Any

from grader.kernel.guest.notes import Notes

FEWEST = 4  # batches: the first one builds the graph, the others are timed
KERAS_BATCH = 32
FIT_PATIENCE_S = 3.0  # of one training, after its first batch
PATIENCE_S = 1.0  # of one call of `evaluate` or `predict`, or one pass over the validation data, after its first batch
MOST_CALLS = 100  # of `predict`, one after the other; a loop over ten thousand images is answered from memory


class SmokeRun:
    """Cuts what trains and what predicts; `left_out_s` is the time that this saved outside of trainings."""

    def __init__(self, notes: Notes, *, images: int, epochs: int) -> None:
        self._notes, self._images, self._epochs = notes, images, epochs
        self._pace: dict[str, Any] | None = None
        self._calls = 0
        self._answer: Any = None
        self._spent_s = 0.0  # by the first calls of `predict`
        self.left_out_s = 0.0

    def attach(self, keras: Any) -> None:
        """Wrap `fit`, `evaluate` and `predict` of every network."""
        stopper = _stopper(keras)
        keras.Model.fit = self._fitting(keras, keras.Model.fit, stopper)
        keras.Model.evaluate = self._evaluating(keras, keras.Model.evaluate, stopper)
        keras.Model.predict = self._predicting(keras, keras.Model.predict, stopper)

    def take_pace(self) -> dict[str, Any] | None:
        """How fast the last training went, once; None where there was none."""
        pace, self._pace = self._pace, None
        return pace

    def _fitting(self, keras: Any, original: Callable[..., Any], stopper: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def fit(*arguments: Any, **options: Any) -> Any:
            try:
                bound = signature.bind(*arguments, **options)
            except TypeError:
                return original(*arguments, **options)  # which says what is wrong
            given = bound.arguments
            batch = batch_of(given)
            watch = Watch(max(FEWEST, math.ceil(self._images / batch)))
            callback = stopper(watch)
            wanted = _whole(given.get("epochs", 1))
            if wanted is not None:
                given["epochs"] = min(wanted, (_whole(given.get("initial_epoch")) or 0) + self._epochs)
            _add(keras, given, callback)
            self._calls = 0
            try:
                return original(*bound.args, **bound.kwargs)
            finally:
                self._pace = {**watch.pace(callback.params), "validation_steps": _validation_steps(given, batch)}
                self._notes.note(
                    f"this is a smoke run: each `fit` saw at most {self._images} images (or {FEWEST} batches) and "
                    f"{self._epochs} epoch, whatever it was asked for"
                )

        return fit

    def _evaluating(self, keras: Any, original: Callable[..., Any], stopper: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def evaluate(*arguments: Any, **options: Any) -> Any:
            try:
                bound = signature.bind(*arguments, **options)
            except TypeError:
                return original(*arguments, **options)
            if isinstance(bound.arguments.get("callbacks"), keras.callbacks.CallbackList):
                return original(*arguments, **options)  # of a `fit`, whose own callback looks after it
            watch = Watch(None)
            _add(keras, bound.arguments, stopper(watch))
            answer = original(*bound.args, **bound.kwargs)
            steps = steps_of(bound.arguments, "x", "steps", batch_of(bound.arguments))
            if watch.cut and steps:
                self._tell_cut("evaluate", watch, steps)
            return answer

        return evaluate

    def _predicting(self, keras: Any, original: Callable[..., Any], stopper: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def predict(*arguments: Any, **options: Any) -> Any:
            try:
                bound = signature.bind(*arguments, **options)
            except TypeError:
                return original(*arguments, **options)
            count = _length(bound.arguments.get("x"))
            if self._is_known(count):
                return self._answer.copy()
            steps = steps_of(bound.arguments, "x", "steps", batch_of(bound.arguments))
            watch = Watch(None, patient=count is None or not steps or bound.arguments.get("steps") is not None)
            _add(keras, bound.arguments, stopper(watch))
            started = time.monotonic()
            answer = original(*bound.args, **bound.kwargs)
            self._spent_s += time.monotonic() - started
            self._answer = answer if hasattr(answer, "shape") and hasattr(answer, "copy") else None
            if watch.cut and steps and self._answer is not None and len(answer) < (count or 0):
                import numpy

                self._tell_cut("predict", watch, steps)
                self._answer = answer = numpy.resize(answer, (count, *answer.shape[1:]))
            return answer

        return predict

    def _is_known(self, count: int | None) -> bool:
        """Whether a loop of predictions has gone on for long enough to be answered from memory."""
        self._calls += 1
        if self._calls == 1:
            self._spent_s = 0.0
        if self._calls <= MOST_CALLS or self._answer is None or count is None or count != len(self._answer):
            return False
        self.left_out_s += self._spent_s / MOST_CALLS
        self._notes.note(
            f"this is a smoke run: from the {MOST_CALLS + 1}st time on `predict` gave its last answer again; predict many "
            "images in one call"
        )
        return True

    def _tell_cut(self, name: str, watch: Any, steps: int) -> None:
        left = max(0, steps - watch.tested)
        self.left_out_s += left * watch.test_step_s
        repeated = ", whose answers were repeated for the rest" if name == "predict" else ""
        self._notes.note(f"this is a smoke run: `{name}` looked at {watch.tested} of {steps} batches{repeated}")


def batch_of(given: dict[str, Any]) -> int:
    """The size of a batch of what a call was given; Keras' own where it can't be seen."""
    for size in (given.get("batch_size"), getattr(given.get("x"), "batch_size", None),
                 getattr(given.get("x"), "_batch_size", None)):  # fmt: skip
        whole = _whole(size)
        if whole is not None and whole > 0:
            return whole
    return KERAS_BATCH


def steps_of(given: dict[str, Any], data: str, steps: str, batch: int) -> int | None:
    """How many batches a call would look at; None where nobody knows."""
    asked = _whole(given.get(steps))
    if asked is not None:
        return asked
    value = given.get(data)
    value = value[0] if isinstance(value, tuple) and value else value
    count = _length(value)
    if count is not None and hasattr(value, "shape"):
        return math.ceil(count / batch)
    try:
        length = len(value)  # type: ignore[arg-type]
    except Exception:
        return None
    return length if not isinstance(value, (list, dict)) else None


def _validation_steps(given: dict[str, Any], batch: int) -> int | None:
    if given.get("validation_data") is None:
        share, count = given.get("validation_split") or 0.0, _length(given.get("x"))
        return math.ceil(count * float(share) / batch) if share and count else 0
    return steps_of(given, "validation_data", "validation_steps", _whole(given.get("validation_batch_size")) or batch)


def _length(data: Any) -> int | None:
    """How many rows there are: of an array, or of a generator that reads a folder."""
    if hasattr(data, "shape"):
        return _whole(data.shape[0]) if len(data.shape) else None
    return _whole(getattr(data, "samples", None))


def _whole(value: Any) -> int | None:
    try:
        return operator.index(value) if not hasattr(value, "numpy") else int(value)
    except Exception:
        return None


def _add(keras: Any, given: dict[str, Any], callback: Any) -> None:
    known = given.get("callbacks")
    if isinstance(known, keras.callbacks.CallbackList):
        known.append(callback)
    elif known is None:
        given["callbacks"] = [callback]
    else:
        given["callbacks"] = [*known, callback] if isinstance(known, (list, tuple)) else [known, callback]


class Watch:
    """Times the batches of one call, and knows when there were enough of them.

    `batches`: how many a training may have. `patient`: a test is never enough.
    """

    def __init__(self, batches: int | None, patient: bool = False) -> None:
        self._batches, self._patient = batches, patient
        self._last, self._first_s = time.monotonic(), 0.0
        self._times, self._test_times = list[float](), list[float]()
        self._test_started = 0.0
        self.tested, self._done, self.cut = 0, 0, False

    @property
    def test_step_s(self) -> float:
        """Seconds of one batch of testing."""
        return _middle(self._test_times)

    def pace(self, params: Any) -> dict[str, Any]:
        """What is known after a training; `params` are those that Keras gave its callbacks."""
        steps = params.get("steps") if isinstance(params, dict) else None
        return {
            "first_s": round(self._first_s, 4), "step_s": round(_middle(self._times), 6), "steps": _whole(steps),
            "done": self._done, "validation_step_s": round(self.test_step_s, 6),
        }  # fmt: skip

    def begin_training(self) -> None:
        """The clock of the first batch starts."""
        self._last = time.monotonic()

    def trained(self, batch: int) -> bool:
        """Batch `batch`, from 0, was trained on; whether that was enough."""
        now = time.monotonic()
        if self._done:
            self._times.append((now - self._last) / max(1, batch + 1 - self._done))
        else:
            self._first_s = now - self._last
        self._last, self._done = now, batch + 1
        slow = self._done >= FEWEST and sum(self._times) > FIT_PATIENCE_S
        return self._batches is not None and (slow or self._done >= self._batches)

    def begin_test(self) -> None:
        """A pass over other data starts."""
        self.tested, self._test_times = 0, []

    def looked_at(self, batch: int) -> bool:
        """Batch `batch`, from 0, was evaluated or predicted; whether that was enough."""
        now = time.monotonic()
        if self.tested:
            self._test_times.append((now - self._last) / max(1, batch + 1 - self.tested))
        else:
            self._test_started = now  # the first batch builds the graph, and says nothing of the others
        self._last, self.tested = now, batch + 1
        self.cut = self.tested >= FEWEST and now - self._test_started > PATIENCE_S and not self._patient
        return self.cut


def _stopper(keras: Any) -> Callable[[Watch], Any]:
    """The class of our callback; made here, since only here Keras is known."""

    class Stopper(keras.callbacks.Callback):  # type: ignore[misc]
        """Tells a `Watch` of each batch, and stops when it says so."""

        def __init__(self, watch: Watch) -> None:
            super().__init__()
            self._watch = watch

        def on_train_begin(self, logs: object = None) -> None:
            self._watch.begin_training()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.trained(batch):
                self.model.stop_training = True

        def on_test_begin(self, logs: object = None) -> None:
            self._watch.begin_test()

        def on_test_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.looked_at(batch):
                self.model.stop_evaluating = True

        def on_predict_begin(self, logs: object = None) -> None:
            self._watch.begin_test()

        def on_predict_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.looked_at(batch):
                self.model.stop_predicting = True

    return Stopper


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
