"""A network of a class of the notebook's own, as one that any process can load: the same layers, the same weights.

A class that only puts Keras' layers together says nothing that a plain network does not: what its `call` does to an input is
followed once, by Keras' own means, and the outcome is compared with the original on rows that it was trained on.
"""

from typing import Any

CLOSE = 1e-4  # of outputs, relative and absolute: both are the same operations, perhaps merged in another order
ROWS = 8  # that both are asked
SIDE = 32  # where a size is free


def is_foreign(model: Any) -> bool:
    """Whether its class is none of Keras' own, so that only this process knows it."""
    return not type(model).__module__.startswith(("keras.", "tensorflow."))


def portable(keras: Any, model: Any, rows: Any) -> Any | None:
    """The same network of Keras' own class, sharing its layers; None where there is none that gives the same outputs.

    `rows` (n, ...) are some that it was trained on; None where a training loop of one's own was not seen to take any.
    """
    try:
        some = rows[:ROWS] if rows is not None else _any_rows(model)
        plain = _followed(keras, model, some)
        ours, theirs = (_plain_array(each(some, training=False)) for each in (plain, model))
        same = ours.shape == theirs.shape and bool((abs(ours - theirs) <= CLOSE * (1 + abs(theirs))).all())
        return plain if same else None
    except Exception:
        return None


def _followed(keras: Any, model: Any, rows: Any) -> Any:
    """Its own inputs and outputs where Keras connected its layers, else those of a call with a symbol for an input."""
    if type(model).call.__module__.startswith("keras."):
        return keras.Model(_alone(model.inputs), _alone(model.outputs), name=model.name)
    symbol = keras.Input(rows.shape[1:], dtype=str(rows.dtype))
    return keras.Model(symbol, model.call(symbol), name=model.name)


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
