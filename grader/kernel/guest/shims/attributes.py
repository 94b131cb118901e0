"""Attributes of networks, layers, optimizers, metrics and generators as Keras 2 had them."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from grader.kernel.guest.callers import asked_by_a_library
from grader.kernel.guest.notes import Notes


def restore_attributes(keras: Any, notes: Notes) -> None:
    """`optimizer.lr`, `metric.reset_states`, `layer.output_shape`, `Sequential.input` of a built network, `flow.next()`."""

    def read_rate(optimizer: Any) -> Any:
        notes.shim("optimizer.lr", "optimizer.learning_rate")
        return optimizer.learning_rate

    def set_rate(optimizer: Any, value: Any) -> None:
        notes.shim("optimizer.lr", "optimizer.learning_rate")
        optimizer.learning_rate = value

    def reset_states(metric: Any) -> None:
        """Keras 2's."""
        notes.shim("metric.reset_states", "metric.reset_state")
        metric.reset_state()

    keras.metrics.Metric.reset_states = reset_states
    keras.optimizers.Optimizer.lr = property(read_rate, set_rate)
    for side in ("input", "output"):
        setattr(keras.layers.Layer, f"{side}_shape", _Shape(side, notes))
        setattr(keras.layers.Layer, f"get_{side}_at", _at(side, notes))
    for name, plural in (("input", "inputs"), ("output", "outputs")):
        setattr(keras.Sequential, name, _built(getattr(keras.Sequential, name), name, plural, notes))
    legacy = sys.modules.get("keras.src.legacy.preprocessing.image")
    if legacy is not None:

        def step(iterator: Iterator[Any]) -> Any:
            """The next batch, as in Python 2."""
            notes.shim("flow.next()", "next(flow)")
            return next(iterator)

        legacy.Iterator.next = step


class _Shape:
    """`layer.output_shape` where a layer was called; no data descriptor, so that a subclass may set its own."""

    def __init__(self, side: str, notes: Notes) -> None:
        self._side, self._notes = side, notes

    def __get__(self, layer: Any, kind: Any = None) -> Any:
        if layer is None:
            return self
        if self._side == "input" and asked_by_a_library():
            raise AttributeError("input_shape")  # `Sequential` builds itself early where its first layer has one
        found = getattr(layer, self._side)  # raises AttributeError where there is none
        self._notes.shim(f"layer.{self._side}_shape", f"layer.{self._side}.shape")
        return [tuple(item.shape) for item in found] if isinstance(found, list) else tuple(found.shape)


def _at(side: str, notes: Notes) -> Callable[..., Any]:
    """`layer.get_output_at(0)`: the tensor of one of the calls of a layer."""

    def read(layer: Any, node_index: int) -> Any:
        """Keras 2's."""
        found = getattr(layer._inbound_nodes[node_index], f"{side}_tensors" if side == "input" else "outputs")
        notes.shim(f"layer.get_{side}_at({node_index})", f"layer.{side}")
        return found[0] if len(found) == 1 else list(found)

    return read


def _built(original: Any, name: str, plural: str, notes: Notes) -> Any:
    """`model.input` of a Sequential that was built by its data."""

    def read(model: Any) -> Any:
        try:
            return original.fget(model)
        except AttributeError:
            found = getattr(model, plural, None) if model.built else None
            if not found:
                raise
            notes.shim(f"Sequential.{name}", f"Sequential.{plural}[0]")
            return found[0]

    return property(read)
