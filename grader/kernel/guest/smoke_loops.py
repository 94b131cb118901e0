"""Long loops in a smoke run: training without `fit`, and networks that are called as functions.

Nobody can leave a loop of the notebook's own for it, but its steps can be made cheap. Once a cell's training loop has made
some steps, or has gone on for a few seconds, the functions that make a step give their last answers from memory: those
under `tf.function` or `jax.jit`, `train_on_batch`, and where a step is written out, the network, the loss, what finds the
gradient (a tape, `jax.grad`, `backward`), the optimizer and the metrics. An answer is given again only for arguments of the
same shapes. What that saved goes into the host's estimate.
"""

import sys
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grader.kernel.guest.backends import is_eager
from grader.kernel.guest.imports import asked_by_a_library
from grader.kernel.guest.smoke import MOST_CALLS, MOST_LOOP_S, SEVERAL, SmokeRun
from grader.kernel.guest.wrapping import MethodCall, replaces, wrapped

MOST_STEPS, MOST_STEPS_S = 200, 3.0  # of the training loops of one cell
MOST_ANSWERS = 1000  # of one cell: a loop may make what it measures with anew in each step
PLAIN = (bool, str, type(None))


@dataclass
class Answer:
    """The last answer of one function for arguments of some shapes; `owner` is held, so that its id stays its own."""

    owner: Any
    value: Any
    calls: int = 0
    spent_s: float = 0.0


@dataclass
class CellLoops:
    """What the loops of one cell have done so far."""

    number: int = -1
    steps: int = 0
    first: float = 0.0
    step_s: float = 0.0  # of one step that was made, in the middle
    answers: dict[Hashable, Answer] = field(default_factory=dict)


class OwnLoops:
    """Counts the steps of loops, cell by cell, and answers for what would make more of them."""

    def __init__(self, smoke: SmokeRun) -> None:
        self._smoke, self._cell = smoke, CellLoops()
        self._running: list[Any] = []  # functions under `tf.function` that are called now
        self._training: dict[int, Any] = {}  # those of them that train
        self._depth = 0

    @property
    def cell(self) -> CellLoops:
        """The loops of the cell that runs."""
        if self._cell.number != self._smoke.cell:
            self._cell = CellLoops(self._smoke.cell)
        return self._cell

    @property
    def over(self) -> bool:
        """Whether the training loop of this cell has made enough steps."""
        cell = self.cell
        late = time.monotonic() - cell.first > self._smoke.part() * MOST_STEPS_S
        return cell.steps >= SEVERAL and (late or cell.steps >= MOST_STEPS)

    def step_made(self) -> None:
        """A step of a training was made."""
        cell, now = self.cell, time.monotonic()
        if cell.steps == 0:
            cell.first = now  # which has built a graph, perhaps
        else:
            cell.step_s = (now - cell.first) / cell.steps
        cell.steps += 1

    def step_left_out(self) -> None:
        """A step was answered from memory."""
        self._smoke.left_out_s += self.cell.step_s
        self._smoke.note(
            f"a training loop of your own made at most {MOST_STEPS} steps; the functions of its later steps gave their "
            "last answers again"
        )

    def run_function(self, original: Callable[..., Any], function: Any, *arguments: Any, **options: Any) -> Any:
        """In the place of a function under `tf.function` or `jax.jit`."""
        if not self._may_look():
            return original(function, *arguments, **options)
        key = ("function", id(function), _shapes((arguments, options)))
        known = self.cell.answers.get(key)
        if known is not None and self.over and not _was_given_away(known.value):
            self.step_left_out()
            return known.value
        self._running.append(function)
        try:
            answer = original(function, *arguments, **options)
        finally:
            self._running.pop()
        if id(function) in self._training:
            self.cell.answers[key] = Answer(function, answer)
            self.step_made()
        return answer

    def apply(self, original: Callable[..., Any], optimizer: Any, *arguments: Any, **options: Any) -> Any:
        """In the place of an optimizer's `apply`: a step of a loop, or of the function that is called now."""
        for function in self._running:
            self._training[id(function)] = function
        if not self._may_look():
            return original(optimizer, *arguments, **options)
        key = ("apply", id(optimizer))
        if key in self.cell.answers and self.over:
            self.step_left_out()
            return self.cell.answers[key].value
        answer = original(optimizer, *arguments, **options)
        self.cell.answers[key] = Answer(optimizer, answer)
        self.step_made()
        return answer

    def gradient(
        self, original: Callable[..., Any], tape: Any, target: Any, sources: Any, *arguments: Any, **options: Any
    ) -> Any:
        """In the place of a tape's `gradient`."""
        if not self._may_look():
            return original(tape, target, sources, *arguments, **options)
        key = ("gradient", _shapes(sources))
        known = self.cell.answers.get(key)
        if known is not None and self.over:
            return known.value
        answer = original(tape, target, sources, *arguments, **options)
        if self.over:  # what it was asked for may rest on an answer from memory, which has no gradient
            return _without_gaps(answer, sources)
        self.cell.answers[key] = Answer(None, answer)
        return answer

    def backward(self, original: Callable[..., Any], tensor: Any, *arguments: Any, **options: Any) -> Any:
        """In the place of a PyTorch tensor's `backward`: there is no way back through answers from memory."""
        if self.over and self._may_look():
            return None
        return original(tensor, *arguments, **options)

    def torch_step(self, *_: object) -> None:
        """Called after a step of one of PyTorch's own optimizers."""
        if self._may_look():
            (self.step_left_out if self.over else self.step_made)()

    def measure(self, original: Callable[..., Any], measuring: Any, *arguments: Any, **options: Any) -> Any:
        """In the place of calling a loss or a function under `jax.grad`, or of updating a metric."""
        if not self._may_look():
            return original(measuring, *arguments, **options)
        key = ("measure", id(measuring), _shapes((arguments, options)))
        known = self.cell.answers.get(key)
        if known is not None and self.over:
            return known.value
        answer = original(measuring, *arguments, **options)
        if len(self.cell.answers) < MOST_ANSWERS:
            self.cell.answers[key] = Answer(measuring, answer)
        return answer

    def call_network(self, original: Callable[..., Any], model: Any, *arguments: Any, **options: Any) -> Any:
        """In the place of calling a network as a function: within a step, or in a loop that predicts."""
        if self._depth or not self._may_look():
            return original(model, *arguments, **options)
        key = ("network", id(model), _shapes((arguments, options)))
        known = self.cell.answers.get(key)
        if known is not None and (self.over if _is_recorded() else self._is_enough(known)):
            return known.value
        started = time.monotonic()
        self._depth += 1
        try:
            answer = original(model, *arguments, **options)
        finally:
            self._depth -= 1
        if not any(_is_symbolic(part) for part in _parts(answer)):  # which belong to a network that is built
            found = self.cell.answers.setdefault(key, Answer(model, answer))
            found.value, found.calls = answer, found.calls + 1
            found.spent_s += time.monotonic() - started if found.calls > 1 else 0.0
        return answer

    @contextmanager
    def train_on_batch(self, call: MethodCall) -> Iterator[None]:
        """Around `train_on_batch`."""
        key = ("train_on_batch", id(call.model), _shapes(call.given.get("x")), bool(call.given.get("return_dict")))
        known = self.cell.answers.get(key)
        if known is not None and self.over:
            call.answer, call.answered = known.value, True
            self.step_left_out()
            yield
            return
        with self._smoke.within():
            yield
        self.cell.answers[key] = Answer(call.model, call.answer)
        self.step_made()

    def _is_enough(self, known: Answer) -> bool:
        """Whether a loop that calls a network without training it has gone on for long enough."""
        if known.calls < MOST_CALLS and known.spent_s < self._smoke.part() * MOST_LOOP_S:
            return False
        self._smoke.left_out_s += known.spent_s / max(1, known.calls - 1)
        self._smoke.note(
            "in a long loop a network that was called gave its last answer again; call it with many at once"
        )
        return True

    def _may_look(self) -> bool:
        """Whether the notebook's own code runs: no method of Keras' that is cut otherwise, no graph that is built."""
        return not self._smoke.inside and not self._running and is_eager()


def cut_loops(keras: Any, loops: OwnLoops) -> None:
    """Put all that in its place. Once Keras is imported."""
    cut = {"tensorflow": _cut_tensorflow, "jax": _cut_jax, "torch": _cut_torch}.get(keras.config.backend())
    if cut is not None:
        cut(loops)
    replaces(keras.optimizers.Optimizer, "apply")(loops.apply)
    replaces(keras.Model, "__call__")(loops.call_network)
    replaces(keras.losses.Loss, "__call__")(loops.measure)
    for kind in {keras.metrics.Metric, keras.metrics.Mean, keras.metrics.MeanMetricWrapper}:
        replaces(kind, "update_state")(loops.measure)


def _cut_tensorflow(loops: OwnLoops) -> None:
    functions = sys.modules["tensorflow.python.eager.polymorphic_function.polymorphic_function"]
    replaces(functions.Function, "__call__")(loops.run_function)
    replaces(sys.modules["tensorflow"].GradientTape, "gradient")(loops.gradient)


def _cut_jax(loops: OwnLoops) -> None:
    """Functions that the notebook hands to JAX; libraries hand over theirs as ever."""

    def cut(name: str, answer: Callable[..., Any]) -> None:
        @replaces(sys.modules["jax"], name)
        def hand_over(original: Any, *arguments: Any, **options: Any) -> Any:
            made = original(*arguments, **options)
            if not callable(arguments[0] if arguments else None) or asked_by_a_library():
                return made
            call = wrapped(made, lambda original, *given, **named: answer(_call, original, *given, **named))
            for method in METHODS:
                if hasattr(made, method):
                    setattr(call, method, getattr(made, method))
            return call

    cut("jit", loops.run_function)
    cut("grad", loops.measure)
    cut("value_and_grad", loops.measure)


METHODS = ("lower", "trace", "eval_shape", "clear_cache")  # of a function under `jax.jit`


def _call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)


def _cut_torch(loops: OwnLoops) -> None:
    replaces(sys.modules["torch"].Tensor, "backward")(loops.backward)
    sys.modules["torch.optim.optimizer"].register_optimizer_step_post_hook(loops.torch_step)


def _parts(value: Any) -> list[Any]:
    return list(sys.modules["keras"].tree.flatten(value))


def _is_symbolic(part: Any) -> bool:
    return isinstance(part, sys.modules["keras"].KerasTensor)


def _was_given_away(answer: Any) -> bool:
    """Whether JAX has taken an array of an answer for another one (`donate_argnums`)."""
    return any(part.is_deleted() for part in _parts(answer) if hasattr(part, "is_deleted"))


def _shapes(value: Any) -> Hashable:
    """Shapes and types of all parts of a value, and values where they decide what is computed."""
    return tuple(
        (str(part.shape), str(part.dtype)) if hasattr(part, "shape") and hasattr(part, "dtype")
        else (type(part).__name__, part if isinstance(part, PLAIN) else None)
        for part in _parts(value)
    )  # fmt: skip


def _is_recorded() -> bool:
    """Whether what is computed now may be asked for its gradient."""
    if sys.modules["keras"].config.backend() == "torch":
        return bool(sys.modules["torch"].is_grad_enabled())
    tape = sys.modules.get("tensorflow.python.pywrap_tfe")
    return tape is not None and not tape.TFE_Py_TapeSetIsEmpty()


def _without_gaps(gradients: Any, sources: Any) -> Any:
    """Gradients with zeros where there are none, if there are none at all."""
    tensorflow = sys.modules["tensorflow"]
    if any(part is not None for part in _parts(gradients)):
        return gradients
    return tensorflow.nest.map_structure(tensorflow.zeros_like, sources)
