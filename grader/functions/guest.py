"""Inside the sandbox: loads a submitted module and calls its functions. It knows no expected value and no verdict.

Usage: guest.py GUEST SOCKET [PACKAGES]. Requests: {"do": "load", "name", "cells": [how many bytes], "functions": {name:
how many arguments}, "seed"} followed by the cells in UTF-8, {"do": "call", "function", "arguments"} followed by the arrays'
bytes. What a function answers leaves as a form, a dtype, a shape and bytes.
"""

import __future__

import inspect
import random
import site
import socket
import sys
import traceback
import types
from typing import Any

MOST_BYTES, MOST_DIMENSIONS = 16 << 20, 32  # of one answer
MOST_WORDS = 2000
FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


def main() -> None:
    """Say ready, then answer until the host ends it. What fails before that word is the grader's fault."""
    sys.path.insert(0, sys.argv[1])
    from grader.sandbox.channel import Channel

    channel = Channel(socket.socket(fileno=int(sys.argv[2])))
    import numpy

    del sys.path[0]
    for packages in sys.argv[3:]:
        site.addsitedir(packages)
    sys.path.insert(0, "")  # the submission's own folder: the modules beside it
    namespace: dict[str, Any] = {}
    channel.send({"ready": {"numpy": numpy.__version__}})
    while True:
        request, payload = channel.receive()
        if request["do"] == "load":
            errors, namespace = load(request, payload, numpy)
            wanted = request["functions"].items()
            channel.send({"errors": errors, "problems": {name: problem(namespace, name, n) for name, n in wanted}})
        else:
            arguments = unpack(request["arguments"], payload, numpy)
            header, data = answer(namespace, request["function"], arguments, numpy)
            channel.send(header, data)


def load(request: dict[str, Any], payload: bytes, numpy: Any) -> tuple[list[dict[str, str] | None], dict[str, Any]]:
    """Run the cells in a module of their own: for each its error or None, and the module's names."""
    random.seed(request["seed"])
    numpy.random.seed(request["seed"])
    stem = request["name"].rpartition(".")[0] or "submission"
    module = types.ModuleType(stem)
    module.__file__ = request["name"]
    sys.modules[stem] = module
    sys.argv = [request["name"]]
    errors: list[dict[str, str] | None] = []
    at = flags = 0
    for size in request["cells"]:
        source, at = payload[at : at + size].decode(), at + size
        try:
            code = compile(source, request["name"], "exec", flags, dont_inherit=True)
            flags |= code.co_flags & FUTURE  # what a cell imports from __future__ holds for those after it
            exec(code, vars(module))
            errors.append(None)
        except BaseException as error:  # sys.exit() in a module ends the module, not us
            errors.append(describe(error))
    return errors, vars(module)


def problem(namespace: dict[str, Any], name: str, arguments: int) -> str:
    """Why a function can't be called with so many arguments; empty if it can."""
    function = namespace.get(name)
    if function is None:
        return "missing"
    if not callable(function):
        return words(f"no function, but {type(function).__name__}")
    try:
        signature = inspect.signature(function)
    except Exception:  # a callable that does not tell its signature
        return ""
    try:
        signature.bind(*[None] * arguments)
    except TypeError:
        return words(f"{name}{signature}")
    return ""


def unpack(described: list[Any], payload: bytes, numpy: Any) -> list[Any]:
    """A call's arguments: plain values as they are, arrays by dtype and shape out of the payload."""
    arguments, at = [], 0
    for item in described:
        if isinstance(item, dict):
            dtype = numpy.dtype(item["dtype"])
            size = dtype.itemsize * int(numpy.prod(item["shape"]))
            arguments.append(numpy.frombuffer(payload[at : at + size], dtype).reshape(item["shape"]).copy())
            at += size
        else:
            arguments.append(item)
    return arguments


def answer(namespace: dict[str, Any], name: str, arguments: list[Any], numpy: Any) -> tuple[dict[str, Any], bytes]:
    """Call the function of that name, and put into a header and bytes what came back."""
    try:
        return pack(namespace[name](*arguments), numpy)
    except BaseException as error:
        return {"outcome": "raised", "error": describe(error)}, b""


def pack(value: Any, numpy: Any) -> tuple[dict[str, Any], bytes]:
    """A value's form, dtype, shape and bytes; of what holds no numbers, only what it is."""
    form = form_of(value, numpy)
    array = None
    if form != "other":
        try:
            array = numpy.asarray(value)
        except (ValueError, TypeError, OverflowError):  # rows of different lengths
            return {"outcome": "returned", "form": "other", "said": f"a {form} that is not a table of numbers"}, b""
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype("float64")
    if array is None or array.dtype.kind not in "biuf" or array.nbytes > MOST_BYTES or array.ndim > MOST_DIMENSIONS:
        return {"outcome": "returned", "form": "other", "said": words(what_it_is(value, form, array))}, b""
    array = array.astype(array.dtype.newbyteorder("<"))
    shape = [int(size) for size in array.shape]
    return {"outcome": "returned", "form": form, "dtype": array.dtype.str, "shape": shape}, array.tobytes()


def form_of(value: Any, numpy: Any) -> str:
    """What kind of answer it is."""
    if isinstance(value, numpy.ndarray):
        return "array"
    if isinstance(value, (int, float, numpy.number, numpy.bool_)):
        return "number"
    return "tuple" if isinstance(value, tuple) else "list" if isinstance(value, list) else "other"


def what_it_is(value: Any, form: str, array: Any) -> str:
    """A value that can't be sent to the host, in words."""
    if value is None:
        return "nothing (None)"
    if array is None:
        return f"an object of type {type(value).__name__}"
    if array.nbytes > MOST_BYTES:
        return f"numbers of {array.nbytes / (1 << 20):,.0f} MiB in all"
    if array.ndim > MOST_DIMENSIONS:
        return f"numbers in {array.ndim} dimensions"
    if form == "array":
        return f"an array of dtype {array.dtype}"
    return f"a {form} that holds more than numbers" if form in ("tuple", "list") else "a number that NumPy can't hold"


def describe(error: BaseException) -> dict[str, str]:
    """An exception's name, message and the student's part of the traceback."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    ours = [line for line in lines if "guest.py" not in line]
    try:
        message = str(error)
    except BaseException:
        message = "(its message could not be read)"
    return {
        "name": words(type(error).__name__),
        "message": words(message),
        "traceback": words("".join(ours)[-4000:], 4000),
    }


def words(text: str, most: int = MOST_WORDS) -> str:
    """The text's beginning, with a question mark for each half character: JSON can spell them, but not store them."""
    return text[:most].encode("utf-8", "replace").decode()


if __name__ == "__main__":
    main()
