"""A smoke run: the student's own code, but each training is cut short, and what then takes long as well.

Data keep their shape, because notebooks write 60,000 and 10,000 into their code. So every `fit` ends after some images and
an epoch, however many were asked for, and sooner the more trainings there were; `evaluate` and `predict` end once they have
taken their time, and `predict` repeats its answers to the length that the code expects. How fast it went is kept: the host
makes an estimate of it.
"""

import functools
import inspect
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from grader.kernel.guest.notes import Notes
from grader.kernel.guest.smoke_lengths import batch_of, last_batch, length, steps_of, validation_steps, whole
from grader.kernel.guest.smoke_watch import Watch, stopper_of

SEVERAL = 4  # batches that a training has at least where it is not late
MOST_CALLS, MOST_LOOP_S = 100, 4.0  # of `predict`, one after the other; a longer loop is answered from memory
FULL, MANY = 2, 4  # trainings that get their time; trainings after which no graph is built any more for another one
LATE = 0.5  # of the time of a run


class SmokeRun:
    """Cuts what trains and what predicts; `left_out_s` is the time that this saved outside of trainings.

    `seconds`: how long all cells together may take.
    """

    def __init__(self, notes: Notes, *, images: int, epochs: int, seconds: float) -> None:
        self._notes, self.images, self._epochs, self.seconds = notes, images, epochs, seconds
        self._pace: dict[str, Any] | None = None
        self._calls = self._trainings = 0
        self._answer: Any = None
        self._spent_s = 0.0  # by the first calls of `predict`
        self._started: float | None = None
        self.left_out_s = 0.0

    def start_cell(self, *_: object) -> None:
        """Called before each cell; with the first one the time begins."""
        self._started = self._started or time.monotonic()

    def left_s(self) -> float:
        """Seconds that are left of the run."""
        return self.seconds - (time.monotonic() - (self._started or time.monotonic()))

    def note(self, text: str) -> None:
        """What was cut, in words."""
        self._notes.note(f"this is a smoke run: {text}")

    def attach(self, keras: Any) -> None:
        """Wrap `fit`, `evaluate` and `predict` of every network."""
        stopper = stopper_of(keras)
        keras.Model.fit = self._fitting(keras, keras.Model.fit, stopper)
        keras.Model.evaluate = self._evaluating(keras, keras.Model.evaluate, stopper)
        keras.Model.predict = self._predicting(keras, keras.Model.predict, stopper)

    def take_pace(self) -> dict[str, Any] | None:
        """How fast the last training went, once; None where there was none."""
        pace, self._pace = self._pace, None
        return pace

    def _part(self) -> float:
        """How much of the usual time is taken: all of it, and next to nothing when it is late."""
        return 0.05 if self.left_s() < (1 - LATE) * self.seconds else 1.0

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
            self._trainings += 1
            part = self._part() * 0.5 ** max(0, self._trainings - FULL)
            watch = Watch(max(1 if part < 1 else SEVERAL, math.ceil(part * self.images / batch)), part=part)
            callback = stopper(watch)
            wanted = whole(given.get("epochs", 1))
            if wanted is not None:
                given["epochs"] = min(wanted, (whole(given.get("initial_epoch")) or 0) + self._epochs)
            _add(keras, given, callback)
            self._calls = 0
            graphless = self._trainings > MANY and getattr(arguments[0], "train_function", None) is None
            try:
                with _without_graph(arguments[0]) if graphless else _as_it_is():
                    return original(*bound.args, **bound.kwargs)
            finally:
                told = {**watch.pace(callback.params), "validation_steps": validation_steps(given, batch)}
                self._pace = None if graphless else told
                self._tell_training()

        return fit

    def _tell_training(self) -> None:
        most = f"at most {self.images} images (or {SEVERAL} batches) and {self._epochs} epoch"
        self.note(f"each `fit` saw {most}, whatever it was asked for")
        if self._trainings > FULL:
            self.note(f"from the {FULL + 1}rd training on each saw fewer images than the one before")

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
            watch = Watch(None, part=self._part())
            _add(keras, bound.arguments, stopper(watch))
            answer = original(*bound.args, **bound.kwargs)
            steps = steps_of(bound.arguments, "x", "steps", batch_of(bound.arguments))
            if watch.cut:
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
            given = bound.arguments
            rows = length(given.get("x"))
            if self._is_known(rows):
                return self._answer.copy()
            steps, asked = steps_of(given, "x", "steps", batch_of(given)), whole(given.get("steps"))
            count = rows if asked is None or rows is None else min(rows, asked * batch_of(given))
            last = last_batch(given.get("x")) if count is None and asked is None else None
            watch = Watch(None, part=self._part(), patient=count is None and asked is None and last is None)
            _add(keras, given, stopper(watch))
            started = time.monotonic()
            answer = original(*bound.args, **bound.kwargs)
            self._spent_s += time.monotonic() - started
            self._answer = answer if hasattr(answer, "shape") and hasattr(answer, "copy") else None
            if watch.cut and self._answer is not None:
                each, whole_batches = len(answer) // watch.tested, (asked or steps or 1) - (last is not None)
                count = count or each * whole_batches + (last or 0)
            if watch.cut and self._answer is not None and len(answer) < (count or 0):
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
        enough = self._calls > MOST_CALLS or self._spent_s > self._part() * MOST_LOOP_S
        if not enough or self._answer is None or count is None or count != len(self._answer):
            return False
        self.left_out_s += self._spent_s / max(1, min(self._calls - 1, MOST_CALLS))
        self.note("in a long loop `predict` gave its last answer again; predict many images in one call")
        return True

    def _tell_cut(self, name: str, watch: Watch, steps: int | None) -> None:
        left = max(0, (steps or 0) - watch.tested)
        self.left_out_s += left * watch.test_step_s
        repeated = ", whose answers were repeated for the rest" if name == "predict" else ""
        of = f"{watch.tested} of {steps} batches" if steps else f"{watch.tested} batches"
        self.note(f"`{name}` looked at {of}{repeated}")


@contextmanager
def _without_graph(model: Any) -> Iterator[None]:
    """A training that builds no graph, which takes longer than the few steps that it is for."""
    before = model.run_eagerly
    model.run_eagerly = True
    try:
        yield
    finally:
        model.run_eagerly = before
        model.train_function = model.test_function = None


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _add(keras: Any, given: dict[str, Any], callback: Any) -> None:
    known = given.get("callbacks")
    if isinstance(known, keras.callbacks.CallbackList):
        known.append(callback)
    elif known is None:
        given["callbacks"] = [callback]
    else:
        given["callbacks"] = [*known, callback] if isinstance(known, (list, tuple)) else [known, callback]
