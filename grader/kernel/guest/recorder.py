"""Keeps every network that was trained and what it was given, and saves those that may be graded."""

import gc
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.kernel.guest.backends import is_eager
from grader.kernel.guest.describe_training import (
    TrainingStart,
    accuracy_in,
    describe_fit,
    describe_loop,
    layer_kinds,
    moved,
    number,
    output_units,
    sample_weights,
    shorten,
    summarise,
    with_rows,
)
from grader.kernel.guest.notebook_networks import FILES, SavedNetworks, name_of, networks, saved_networks
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.smoke import SmokeRun
from grader.kernel.guest.training_rows import FirstRows, TimeLeft, watched
from grader.kernel.guest.wrapping import MethodCall, add_callback, callback_class, neutral, replaces

MOST_EVALUATIONS = 20
MOST_COPIES = 8192  # small copies of rows


@dataclass
class OwnLoop:
    """A training of a network without `fit`: its optimizer with the steps that it had made, and the weights before it.

    `seen` counts the steps that were made before our eyes. Those inside of `tf.function` only the optimizer counts, and
    those under `jax.jit` nobody: that there were any is told by the weights alone.
    """

    optimizer: Any
    how: str
    before: int
    weights: Any
    seen: int = 0

    def steps(self, model: Any) -> int:
        """How many steps it made; 1 where nobody counted and the weights have changed."""
        return self.counted() or int((moved(self.weights, sample_weights(model)) or 0.0) > 0)

    def counted(self) -> int:
        """How many of its steps were counted."""
        return max(self.seen, steps_of(self.optimizer) - self.before)


@dataclass
class TrainedNetwork:
    """A network that was trained: a strong reference, what it was called then, and the first rows of its last training.

    `earlier` are the rows of trainings before, `evaluations` those since its last one, `left` a sample of the weights that
    its last `fit` left.
    """

    model: Any
    name: str
    cell: int
    rows: FirstRows
    loops: list[OwnLoop] = field(default_factory=list)
    used: int = 0  # the tick of its last `evaluate` or `predict`
    trained: int = 0  # the tick of its last training
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    earlier: list[FirstRows] = field(default_factory=list)
    left: Any = None

    def fitted(self, rows: FirstRows) -> None:
        """A `fit` has ended, which saw these rows."""
        if rows.x is not None:
            if sum(map(len, self.copies())) < MOST_COPIES:
                self.earlier.append(self.rows)
            self.rows = rows
        self.left = sample_weights(self.model)

    def copies(self) -> list[Any]:
        """Small copies of rows of all its trainings, the last one's first."""
        return [copies for rows in (self.rows, *self.earlier) for copies in rows.copies]

    @neutral()
    def evaluated(self, x: Any, cell: int | None) -> None:
        """`evaluate` was called from outside of a training. Never raises."""
        try:
            found = self.model.get_metrics_result()
            told = {
                "cell": cell, "identity": id(self.model), "accuracy": accuracy_in(found),
                "loss": number(found.get("loss")), "x": summarise(x),
            }  # fmt: skip
            self.evaluations = [*self.evaluations, told][-MOST_EVALUATIONS:]
        except Exception:
            return

    def changed(self) -> bool | None:
        """Whether its weights are not those that its last `fit` left; None where nobody can say."""
        distance = moved(self.left, sample_weights(self.model)) if not self.loops else None
        return None if distance is None else distance > 0


MOST_LOOPS = 50  # optimizers of trainings without `fit`
MOST_FITS = 400  # of one network in a loop around `fit`: the first ones are left out of the record


class Recorder:
    """Keeps what `fit` and other trainings leave. The kernel's choice is a proposal: the host may take another."""

    def __init__(self, *, folder: Path, units: Sequence[int], notes: Notes, smoke: SmokeRun | None = None) -> None:
        self._folder, self._units, self._notes, self._smoke = folder, tuple(units), notes, smoke
        self._saved = SavedNetworks(folder, notes)
        self._last: Sequence[dict[str, Any]] = ()  # the candidates that were written last
        self._fits: list[dict[str, Any]] = []
        self._networks: list[TrainedNetwork] = []  # in order of their last training
        self._loops: list[tuple[Any, list[OwnLoop]]] = []  # of each optimizer that was seen in a training without `fit`
        self._keras: Any = None
        self._problem: str | None = None
        self._inside = self._ticks = 0
        self._time_left = TimeLeft()

    def write_notes(self, *_: object) -> None:
        """Called after each cell: notes that came up since the record was written."""
        if self._notes.changed:
            self._write(self._last)

    def attach(self, keras: Any) -> None:
        """Listen to optimizers, which training loops of one's own call."""
        self._keras = keras

        @replaces(keras.optimizers.Optimizer, "apply")
        def apply(original: Any, optimizer: Any, grads: Any, trainable_variables: Any = None, **options: Any) -> Any:
            if not self._inside:
                given = trainable_variables if isinstance(trainable_variables, (list, tuple)) else None
                self._hear_step(optimizer, given or getattr(optimizer, "_trainable_variables", ()))
            return original(optimizer, grads, trainable_variables, **options)

        if keras.config.backend() == "torch":
            sys.modules["torch.optim.optimizer"].register_optimizer_step_pre_hook(self._hear_torch)

    def _hear_torch(self, optimizer: Any, arguments: object, options: object) -> None:
        """One of PyTorch's own optimizers is about to make a step."""
        if not self._inside:
            self._hear_step(optimizer, [value for group in optimizer.param_groups for value in group["params"]])

    def _hear_step(self, optimizer: Any, variables: Any) -> None:
        """A step of a training loop of one's own, or what builds or traces the function that will make it."""
        if (loops := self._loops_with(optimizer)) is None:
            self._meet_loop(optimizer, variables)
            loops = self._loops_with(optimizer)
        if loops and is_eager():
            for loop in loops:
                loop.seen += 1

    @neutral()
    def finish(self) -> None:
        """After the last cell: save the networks as they are now (weights may have changed since) and tell all."""
        if self._keras is None:
            self._write(())
            return
        others = [(name, model) for name, model in networks(self._keras.Model) if self._known(model) is None]
        trained = [network.model for network in self._networks if self._was_trained(network)]
        if not trained and not any(self._suits(model) for _, model in others):
            others += [item for item in saved_networks(self._keras) if self._suits(item[1])][:1]
        unique = {id(model): (name, model) for name, model in reversed(others)}
        others = [unique.pop(id(model)) for _, model in others if id(model) in unique]
        taken, reason = self._choose([model for _, model in others])
        for model in self._saved.held():
            if model is not taken:
                self._saved.save_again(self._keras, model)
        unsaved = [model for model in reversed(trained) if self._saved.file_of(model) is None and self._suits(model)]
        for model in unsaved:
            if model is not taken and len(self._saved.held()) < len(FILES) - 1:  # trained without `fit`
                self._save(model)
        if taken is not None:
            self._save(taken)
        told = self._candidates(others, taken, reason)
        for network, candidate in zip(self._networks, told, strict=False):  # they come first
            candidate["changed"] = network.changed()
        self._tell_loops()
        self._write(told)

    @contextmanager
    def fit(self, call: MethodCall) -> Iterator[None]:
        """Around `fit`: what it was given, its first rows, what came of it."""
        given, rows, started = dict(call.given), FirstRows(self._time_left), time.monotonic()
        failure: BaseException | None = None
        start = callback_class(TrainingStart)(call.model)
        add_callback(call.given, start)
        self._inside += 1
        try:
            with watched(given.get("x"), given.get("y"), rows) as x:
                if x is not given.get("x"):
                    call.given["x"] = x
                yield
        except BaseException as error:
            failure = error
            raise
        finally:
            self._inside -= 1
            self._remember(call.model, given, rows, start, time.monotonic() - started, failure)

    @contextmanager
    def predict(self, call: MethodCall) -> Iterator[None]:
        """Around `predict`: a network is used."""
        self._use(call)
        yield

    @contextmanager
    def evaluate(self, call: MethodCall) -> Iterator[None]:
        """Around `evaluate`: a network is used, and what was found is kept."""
        network = self._use(call)
        yield
        if network is not None:
            network.evaluated(call.given.get("x"), self._notes.cell or None)

    def _use(self, call: MethodCall) -> TrainedNetwork | None:
        """The network that is used from outside of a training, if it is a known one."""
        network = self._known(call.model) if not self._inside else None
        if network is not None:
            network.used = self._tick()
        return network

    @contextmanager
    def train_on_batch(self, call: MethodCall) -> Iterator[None]:
        """Around `train_on_batch`: a training without `fit`."""
        network = self._known(call.model)
        if network is None or not network.loops:
            network = self._meet(call.model)
            self._add_loop(network, getattr(call.model, "optimizer", None), "train_on_batch")
        network.rows.keep_parts(call.given.get("x"), call.given.get("y"))
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @neutral()
    def _meet_loop(self, optimizer: Any, variables: Any) -> None:
        """A training loop of one's own: the networks whose weights it changes."""
        try:
            if len(self._loops) >= MOST_LOOPS:
                return
            loops: list[OwnLoop] = []
            self._loops.append((optimizer, loops))
            changed = {id(variable) for variable in variables}
            known = [thing for thing in gc.get_objects() if issubclass(type(thing), self._keras.Model)]
            inner = {id(getattr(model, "_functional", None)) for model in known}  # a Sequential's own other half
            for model in known:
                if id(model) not in inner and changed & _ids(model):
                    loops.append(self._add_loop(self._meet(model), optimizer, "own loop"))
        except Exception as error:
            self._problem = shorten(f"the recorder failed: {type(error).__name__}: {error}")

    def _loops_with(self, optimizer: Any) -> list[OwnLoop] | None:
        """The loops in which an optimizer was seen; None where it was not."""
        return next((loops for known, loops in self._loops if known is optimizer), None)

    def _add_loop(self, network: TrainedNetwork, optimizer: Any, how: str) -> OwnLoop:
        loop = OwnLoop(optimizer, how, steps_of(optimizer), sample_weights(network.model))
        network.loops.append(loop)
        network.trained = self._tick()
        return loop

    def _tell_loops(self) -> None:
        """What a page should know of the loops that nobody could count: those of JAX, which keep weights outside of it."""
        if self._keras.config.backend() != "jax":
            return
        uncounted = [(each, loop) for each in self._networks for loop in each.loops if not loop.counted()]
        for network, loop in uncounted:
            if loop.steps(network.model):
                self._notes.note(
                    "a training loop of your own was compiled by `jax.jit`: how many steps it made, and on which images, "
                    "is not recorded",
                    network.cell,
                )
            else:
                self._notes.note(
                    "a training loop of your own left the weights of its network as they were: after it, give each "
                    "variable its trained value with `assign`",
                    network.cell,
                )

    def _meet(self, model: Any) -> TrainedNetwork:
        """The entry of a network that is trained now: it becomes the last one."""
        found = self._known(model)
        self._networks = [network for network in self._networks if network is not found]
        name = name_of(model, self._keras.Model) or shorten(getattr(model, "name", "?"))
        network = found or TrainedNetwork(model, name, self._notes.cell, FirstRows(self._time_left))
        network.name, network.cell, network.trained = name, self._notes.cell, self._tick()
        network.evaluations = []
        self._networks.append(network)
        return network

    def _known(self, model: Any) -> TrainedNetwork | None:
        return next((network for network in self._networks if network.model is model), None)

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    @neutral()
    def _remember(
        self, model: Any, given: dict[str, Any], rows: FirstRows, start: Any, seconds: float,
        failure: BaseException | None,
    ) -> None:  # fmt: skip
        """Never raises: recording must not change what the student's code does."""
        try:
            network = self._meet(model)
            network.fitted(rows)
            told = {**describe_fit(model, given, seconds, failure), **start.told(model)}
            told["x"] = with_rows(told["x"], rows.x)
            told["pace"] = self._smoke.take_pace() if self._smoke is not None else None
            self._fits.append({**told, "cell": self._notes.cell or None, "labels": rows.labels})
            self._fits = self._fits[-MOST_FITS:]
            if self._suits(model) and told["epochs_done"]:
                self._save(model)
            saved = [other.model for other in self._networks if self._saved.file_of(other.model)]
            self._write(self._candidates([], saved[-1] if saved else None, "fitted last"))
        except Exception as error:
            self._problem = shorten(f"the recorder failed: {type(error).__name__}: {error}")

    def _suits(self, model: Any) -> bool:
        return output_units(model) in self._units

    def _was_trained(self, network: TrainedNetwork) -> bool:
        epochs = [fit["epochs_done"] for fit in self._fits if fit["identity"] == id(network.model)]
        return any(epochs) or any(loop.steps(network.model) for loop in network.loops)

    def _source_of(self, model: Any) -> TrainedNetwork | None:
        """The network, trained last, in which all weights of another one were trained; None where there is none."""
        weights = {id(variable) for variable in getattr(model, "weights", ())}
        for network in reversed(self._networks):
            own = {id(variable) for variable in network.model.weights} if self._was_trained(network) else set()
            if weights and network.model is not model and weights <= own:
                return network
        return None

    def _choose(self, others: list[Any]) -> tuple[Any, str]:
        trained = [network for network in self._networks if self._was_trained(network)]
        suited = [network for network in trained if self._suits(network.model)]
        if suited:
            since = [network for network in suited if network.used > max(other.trained for other in trained)]
            if len(suited) > 1 and len(since) == 1 and since[0] is not suited[-1]:
                return since[0].model, "the only one that was used after all training"
            return suited[-1].model, "fitted last" if len(suited) > 1 else "the one that was fitted"
        parts = [model for model in others if self._suits(model) and self._source_of(model) is not None]
        if parts:
            return parts[-1], "made of layers that were trained in another network"
        if trained:
            return trained[-1].model, "fitted last, though its output does not suit the exercise"
        known = [*(network.model for network in self._networks), *others]
        unfitted = [model for model in known if self._suits(model)] or known
        return (unfitted[-1], "never fitted") if unfitted else (None, "")

    def _save(self, model: Any) -> None:
        network = self._known(model)
        order = [other.model for other in self._networks]
        try:
            source = network or self._source_of(model)
            rows, copies = (source.rows.x, source.copies()) if source else (None, [])
            self._saved.save(self._keras, model, rows, copies, order)
            self._problem = None
        except Exception as error:
            self._problem = shorten(f"the network could not be saved: {type(error).__name__}: {error}")

    def _candidates(self, others: list[tuple[str, Any]], taken: Any, reason: str) -> list[dict[str, Any]]:
        known = [(name, network.model) for network, name in zip(self._networks, self._names(), strict=True)]
        trained = {id(network.model) for network in self._networks if self._was_trained(network)}
        return [
            {
                "name": shorten(name),
                "fitted": id(model) in trained or self._source_of(model) is not None,
                "output_units": output_units(model),
                "taken": model is taken,
                "reason": reason if model is taken else "",
                "file": self._saved.file_of(model),
                "kinds": layer_kinds(model)[:200],
            }
            for name, model in [*known, *others]
        ]

    def _names(self) -> list[str]:
        """A name for each trained network; of several that were called the same, the later one keeps it."""
        names = [name_of(network.model, self._keras.Model) or network.name for network in self._networks]
        last = {name: index for index, name in enumerate(names)}
        free = set(names)
        for index, name in enumerate(names):
            if last[name] != index:
                names[index] = next(
                    told for count in range(len(names) + 1)
                    if (told := f"{name} of cell {self._networks[index].cell}{f' ({count + 1})' * bool(count)}") not in free
                )  # fmt: skip
                free.add(names[index])
        return names

    def _told_evaluations(self) -> list[dict[str, Any]]:
        named = zip(self._networks, self._names(), strict=True)
        return [{**told, "model": name} for network, name in named for told in network.evaluations]

    def _told_fits(self) -> list[dict[str, Any]]:
        names = {id(network.model): name for network, name in zip(self._networks, self._names(), strict=True)}
        told = [{**fit, "model": names.get(fit["identity"], "?")} for fit in self._fits]
        for network in self._networks:
            for loop in network.loops:
                if steps := loop.steps(network.model):
                    described = describe_loop(network.model, loop.optimizer, how=loop.how, steps=steps)
                    where = {"model": names[id(network.model)], "cell": network.cell or None}
                    told.append({**described, **where, "labels": network.rows.labels})
        return told

    def _write(self, candidates: Sequence[dict[str, Any]]) -> None:
        partial = self._folder / "record.partial"
        self._last = candidates
        try:
            record = {"fits": self._told_fits(), "evaluations": self._told_evaluations(),
                      "candidates": list(candidates), "problem": self._problem,
                      "left_out_s": round(self._smoke.left_out_s, 2) if self._smoke is not None else 0.0,
                      **self._notes.told()}  # fmt: skip
            partial.write_text(json.dumps(record), encoding="utf-8")
            os.replace(partial, self._folder / "record.json")  # noqa: PTH105
        except (OSError, TypeError, ValueError):
            pass  # a full disk or a tampered value: the host says that there is no record


def _ids(model: Any) -> set[int]:
    """What the trainable variables of a network are known by: themselves, and PyTorch's parameters inside of them."""
    variables = model.trainable_variables
    return {id(variable) for variable in variables} | {id(getattr(variable, "_value", None)) for variable in variables}


def steps_of(optimizer: Any) -> int:
    """How often an optimizer has changed weights."""
    try:
        return int(optimizer.iterations)
    except Exception:
        return 0
