"""A network that holds code of the notebook's own, as one that any process can load: the same layers, the same weights.

A class that only puts Keras' layers together, a Lambda or an activation of one's own says nothing that a plain network does
not: what it does to an input is followed once, by Keras' own means, and the outcome is compared with the original on rows
that it was trained on. What is to be followed is what no other process can load, wherever in the network it stands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from grader.kernel.guest.neutral import neutrally

CLOSE = 1e-4  # of outputs, relative and absolute: both are the same operations, perhaps merged in another order
ROWS = 8  # that both are asked
SIDE = 32  # where a size is free
OWN_CODE = ("activation", "recurrent_activation")  # attributes of layers that may hold a function


def foreign_parts(model: Any) -> tuple[str, ...]:
    """What of a network only this process knows, by name; the class of the network itself first."""
    parts = [f"`{type(model).__name__}`"] if _is_foreign(model) else []
    for layer in _layers(model):
        if _is_foreign(layer):
            parts.append(f"`{type(layer).__name__}`")
        elif type(layer).__name__ == "Lambda":
            parts.append(f"the Lambda layer `{layer.name}`")
        else:
            parts += [f"`{getattr(function, '__name__', 'a function')}`" for function in _functions(layer)]
    return tuple(dict.fromkeys(parts))


@neutrally
def portable(keras: Any, model: Any, rows: Any) -> Any | None:
    """The same network of Keras' own classes; None where there is none that gives the same outputs.

    `rows` (n, ...) are some that it was trained on; None where a training loop of one's own was not seen to take any.
    """
    try:
        some = rows[:ROWS] if rows is not None else _any_rows(model)
        plain = _followed(keras, model, some)
        if _parameters(plain) < _parameters(model):
            return None  # a layer's weights of its own became constants: that is another network
        ours, theirs = (_plain_array(each(some, training=False)) for each in (plain, model))
        same = ours.shape == theirs.shape and bool((abs(ours - theirs) <= CLOSE * (1 + abs(theirs))).all())
        return plain if same else None
    except Exception:
        return None


def _parameters(model: Any) -> int:
    return int(model.count_params())


def _is_foreign(thing: Any) -> bool:
    """Whether its class is none of Keras' own, so that only this process knows it."""
    return not type(thing).__module__.startswith(("keras.", "tensorflow."))


def _layers(model: Any) -> Iterator[Any]:
    """All layers below a network, whatever holds them."""
    flatten = getattr(model, "_flatten_layers", None)
    if flatten is not None:
        yield from flatten(include_self=False, recursive=True)


def _functions(layer: Any) -> list[Any]:
    """Functions of the notebook's own that a layer applies."""
    held = [getattr(layer, name, None) for name in OWN_CODE]
    return [function for function in held if callable(function) and _is_own(function)]


def _is_own(function: Any) -> bool:
    module = getattr(function, "__module__", None) or type(function).__module__
    return not str(module).startswith(("keras.", "tensorflow."))


def _needs_following(layer: Any) -> bool:
    return type(layer).__name__ == "Lambda" or _is_foreign(layer) or bool(_functions(layer))


def _followed(keras: Any, model: Any, rows: Any) -> Any:
    """Its graph where Keras connected its layers, else that of a call with a symbol for an input."""
    connected = type(model).call.__module__.startswith("keras.")
    known_to_us = [layer for layer in _layers(model) if _needs_following(layer)]
    if connected and not known_to_us:
        return keras.Model(_alone(model.inputs), _alone(model.outputs), name=model.name)
    symbol = keras.Input(rows.shape[1:], dtype=str(rows.dtype))
    with _opened(keras, model):
        return keras.Model(symbol, _call(model, symbol), name=model.name)


def _call(model: Any, value: Any) -> Any:
    """What a network does to a value: through its graph, or by its own `call`."""
    graph = getattr(model, "_functional", None) or model
    return graph._run_through_graph(value) if hasattr(graph, "_nodes_by_depth") else model.call(value)


@contextmanager
def _opened(keras: Any, model: Any) -> Iterator[None]:
    """Meanwhile every layer that only this process knows is replaced, where it is called, by what it does."""
    base = keras.layers.Layer
    original, made = base.__call__, dict[int, Callable[..., Any]]()
    for layer in _layers(model):
        if _needs_following(layer) or any(map(_needs_following, _layers(layer))):
            made[id(layer)] = _plain_operation(layer)

    def call(layer: Any, *values: Any, **options: Any) -> Any:
        if id(layer) in made:
            return made[id(layer)](*values)
        return original(layer, *values, **options)

    base.__call__ = call
    try:
        yield
    finally:
        base.__call__ = original


def _plain_operation(layer: Any) -> Callable[..., Any]:
    """What to call in the place of a layer."""
    if type(layer).__name__ == "Lambda":
        return lambda value: layer.function(value, **layer.arguments)
    functions = _functions(layer)
    if type(layer).__name__ == "Activation" and functions:
        return lambda value: layer.activation(value)
    return _with_function_after(layer) if functions else lambda value: _call(layer, value)


def _with_function_after(layer: Any) -> Callable[..., Any]:
    """A layer with an activation of the notebook's own: a copy without it, then the function."""
    copy = type(layer).from_config({**layer.get_config(), "activation": "linear"})

    def call(value: Any) -> Any:
        made = copy(value)
        copy.set_weights(layer.get_weights())
        return layer.activation(made)

    return call


def _any_rows(model: Any) -> Any:
    """Rows of the shape that its weights were made for, which Keras noted when it was first called."""
    import numpy

    inputs = getattr(model, "inputs", None)
    shape = inputs[0].shape if inputs else model.get_build_config()["input_shape"]
    return numpy.random.default_rng(0).random((ROWS, *(size or SIDE for size in shape[1:])), dtype="float32")


def _alone(values: Any) -> Any:
    return values[0] if len(values) == 1 else values


def _plain_array(value: Any) -> Any:
    import numpy

    return numpy.asarray(value, dtype="float64")
