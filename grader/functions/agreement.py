"""Is an answer right, and if not, in which way? Pure: recorded calls against an oracle's values."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Call
from grader.core.results import Counterexample
from grader.functions.cases import Function, unpack_arguments, unpack_array

RELATIVE = 1e-5  # float32, which a course on deep learning uses everywhere, keeps seven digits
NOTHING = 1e-12  # closer than this is the same: what sums leave that cancel out hangs on their order
MOST_SHOWN = 150  # numbers of an array in words
MOST_WORDS = 3000  # characters of any other value


def expected_of(function: Function, call: Call) -> Any:
    """What the oracle answers to the call's arguments. Raises RubricError where it has no answer."""
    return function.answer(function.plain(unpack_arguments(call.arguments), "a stored call"))


def disagreement(function: Function, call: Call) -> str | None:
    """What is wrong with the call's answer, in words that follow "it"; None if it is right."""
    expected = expected_of(function, call)
    if call.outcome != "returned":
        return call.said
    form = form_of(expected)
    right = np.asarray(expected)
    if call.form != form:
        return f"returned {_form_words(call)}, where {_wanted(form)} is asked for"
    size = str(right.shape) if form == "array" else size_words(form, right)
    if call.value is None:
        return f"returned {call.said} where {size} is right"
    found = unpack_array(call.value)
    if found.dtype.kind == "b":
        return "returned truth values, where numbers are asked for"
    if found.shape != right.shape:
        return f"returned {size_words(form, found)} where {size} is right"
    with np.errstate(all="ignore"):  # numbers at the end of their range, and NaN with a signal bit
        return _different(found.astype(np.float64), right.astype(np.float64))


def form_of(right: Any) -> Literal["array", "tuple", "number"]:
    """What kind of value an oracle's answer is."""
    return "array" if isinstance(right, np.ndarray) else "tuple" if isinstance(right, tuple) else "number"


def size_words(form: str, values: NDArray[Any]) -> str:
    """How much an answer holds: "an array of shape (2, 3)", "a tuple of 3 numbers"."""
    if form == "tuple" and values.ndim == 1:
        return f"a tuple of {values.size} numbers"
    return f"{'an array' if form == 'array' else f'a {form}'} of shape {values.shape}"


def _different(found: NDArray[np.float64], right: NDArray[np.float64]) -> str | None:
    scale = float(np.abs(right[np.isfinite(right)]).max(initial=0.0))
    close = np.isclose(found, right, rtol=RELATIVE, atol=max(RELATIVE * scale, NOTHING), equal_nan=False)
    wrong = np.argwhere(~close)
    if not len(wrong):
        return None
    place = tuple(int(index) for index in wrong[0])
    where = f" at {list(place)}" if place else ""
    many = f", and {len(wrong) - 1} more of {right.size} numbers are wrong" if len(wrong) > 1 else ""
    return f"returned {_number(found[place])}{where} where {_number(right[place])} is right{many}"


def _wanted(form: str) -> str:
    return {"array": "a NumPy array", "tuple": "a tuple", "number": "a number"}[form]


def _form_words(call: Call) -> str:
    if call.form == "array" and call.value is not None:
        return f"an array of shape {call.value.shape}"
    return {"list": "a list", "tuple": "a tuple", "number": "a number"}.get(call.form, call.said or "something else")


def counterexample_of(function: Function, call: Call) -> Counterexample:
    """A call that goes wrong with its arguments, its answer and the right one: for people to read."""
    named = zip(function.parameters, unpack_arguments(call.arguments), strict=True)
    returned = call.outcome == "returned"
    return Counterexample(
        arguments=tuple((name, write_value(value)) for name, value in named),
        got=write_value(_returned(call)) if returned else call.said,
        wanted=write_value(expected_of(function, call)),
        returned=returned,
    )


def write_call(signature: str, found: Counterexample) -> str:
    """The same in lines of text: the function, its arguments, the right answer, the answer that came."""
    lines = [signature, *(f"{name} = {value}" for name, value in found.arguments), f"right: {found.wanted}"]
    return "\n".join([*lines, f"returned: {found.got}" if found.returned else f"it {found.got}"])


def _returned(call: Call) -> Any:
    if call.value is None:
        return call.said
    value = unpack_array(call.value)
    if call.form == "array" or value.ndim != (call.form == "tuple"):  # a tuple of tuples, say
        return value
    return tuple(value) if call.form == "tuple" else value.item()


def write_value(value: Any) -> str:
    """A value in words: small arrays row by row below their shape and dtype, big ones by their shape alone."""
    if isinstance(value, np.ndarray) and value.size <= MOST_SHOWN:
        text = np.array2string(value, separator=", ", threshold=MOST_SHOWN + 1, prefix="    ")
        shape = " x ".join(map(str, value.shape)) or "a single number"
        return f"{shape}, {value.dtype}\n    {text}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} ({value.dtype})"
    if isinstance(value, tuple):
        shown = ", ".join(_number(item) for item in value[:MOST_SHOWN])
        return f"({shown}{', ...' if len(value) > MOST_SHOWN else ',' if len(value) == 1 else ''})"
    text = value if isinstance(value, str) else _number(value) if isinstance(value, np.number) else str(value)
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]} ..."


def _number(value: Any) -> str:
    return f"{float(value):.6g}"
