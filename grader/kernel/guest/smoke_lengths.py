"""How much a call of `fit`, `evaluate` or `predict` was given to go through: batches, and rows. Nothing is taken of it."""

import math
import operator
from typing import Any

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
