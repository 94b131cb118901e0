"""Is an answer right, and if not, in which way? Pure: recorded calls against an oracle's values."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.evidence import Argument, Array, Call
from grader.functions.cases import Arguments, Function

RELATIVE = 1e-5  # float32, which a course on deep learning uses everywhere, keeps seven digits
MOST_SHOWN = 150  # numbers of an array in words


def pack_array(values: NDArray[Any]) -> Array:
    """An array of numbers as a plain value: little endian, rows first, base64."""
    plain = np.ascontiguousarray(values)
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False).reshape(np.shape(values))
    return Array(dtype=plain.dtype.str, shape=plain.shape, data=base64.b64encode(plain.tobytes()).decode())


def unpack_array(packed: Array) -> NDArray[Any]:
    """The array that `pack_array` packed. Raises ValueError for one whose bytes don't fit its shape."""
    return np.frombuffer(base64.b64decode(packed.data), np.dtype(packed.dtype)).reshape(packed.shape)


def pack_arguments(arguments: Arguments) -> tuple[Argument, ...]:
    """A call's arguments as plain values."""
    return tuple(pack_array(item) if isinstance(item, np.ndarray) else item for item in arguments)


def unpack_arguments(packed: Sequence[Argument]) -> Arguments:
    """The arguments that `pack_arguments` packed; arrays can be written to."""
    return tuple(unpack_array(item).copy() if isinstance(item, Array) else item for item in packed)


def expected_of(function: Function, call: Call) -> Any:
    """What the oracle answers to the call's arguments."""
    return function.oracle(*unpack_arguments(call.arguments))


def disagreement(function: Function, call: Call) -> str | None:
    """What is wrong with the call's answer, in words that follow "it"; None if it is right."""
    if call.outcome != "returned":
        return call.said
    expected = expected_of(function, call)
    form = "array" if isinstance(expected, np.ndarray) else "tuple" if isinstance(expected, tuple) else "number"
    if call.form != form or call.value is None:
        return f"returned {_form_words(call)}, where {_wanted(form)} is asked for"
    found, right = unpack_array(call.value), np.asarray(expected)
    if found.dtype.kind == "b":
        return "returned truth values, where numbers are asked for"
    if found.shape != right.shape:
        what = f"{form} of {found.size} numbers" if form == "tuple" else f"array of shape {found.shape}"
        wanted = str(right.size) if form == "tuple" else str(right.shape)
        return f"returned an {what} where {wanted} is right" if form == "array" else f"returned a {what}, not {wanted}"
    return _different(found.astype(np.float64), right.astype(np.float64))


def _different(found: NDArray[np.float64], right: NDArray[np.float64]) -> str | None:
    scale = float(np.abs(right).max(initial=0.0))
    wrong = np.argwhere(~np.isclose(found, right, rtol=RELATIVE, atol=RELATIVE * max(scale, 1e-30), equal_nan=False))
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


def write_call(function: Function, call: Call) -> str:
    """The call with its arguments, one a line, its answer and the right one: for people to read."""
    lines = [function.signature]
    named = list(zip(function.parameters, unpack_arguments(call.arguments), strict=True))
    lines += [f"{name} = {write_value(value)}" for name, value in named]
    lines.append(f"right: {write_value(expected_of(function, call))}")
    lines.append(f"returned: {write_value(_returned(call))}" if call.outcome == "returned" else f"it {call.said}")
    return "\n".join(lines)


def _returned(call: Call) -> Any:
    if call.value is None:
        return call.said
    value = unpack_array(call.value)
    return value if call.form == "array" else tuple(value) if call.form == "tuple" else value.tolist()


def write_value(value: Any) -> str:
    """A value in words: small arrays row by row below their shape and dtype, big ones by their shape alone."""
    if isinstance(value, np.ndarray) and value.size <= MOST_SHOWN:
        text = np.array2string(value, separator=", ", threshold=MOST_SHOWN + 1, prefix="    ")
        return f"{' x '.join(map(str, value.shape))}, {value.dtype}\n    {text}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} ({value.dtype})"
    if isinstance(value, tuple):
        return f"({', '.join(_number(item) for item in value)})"
    return value if isinstance(value, str) else str(value)[:1000]


def _number(value: Any) -> str:
    return f"{float(value):.6g}"
