"""Inside the sandbox: loads a submitted module and calls its functions. It knows no expected value and no verdict.

Usage: guest.py GUEST SOCKET. Requests: {"do": "load", "name", "cells", "functions": {name: how many arguments}, "seed"},
{"do": "call", "function", "arguments"} followed by the arrays' bytes, {"do": "stop"}. What a function answers leaves as a
form, a dtype, a shape and bytes.
"""

import inspect
import random
import socket
import sys
import traceback
import types
from typing import Any

MOST_BYTES = 16 << 20  # of one answer
MOST_WORDS = 2000


def main() -> None:
    """Say ready, then answer until told to stop. What fails before that word is the grader's fault."""
    sys.path.insert(0, sys.argv[1])
    from grader.judge.protocol import Channel

    channel = Channel(socket.socket(fileno=int(sys.argv[2])))
    import numpy

    del sys.path[0]
    sys.path.insert(0, "")  # the submission's own folder: the modules beside it
    namespace: dict[str, Any] = {}
    channel.send({"ready": {"numpy": numpy.__version__}})
    while True:
        request, payload = channel.receive()
        if request["do"] == "stop":
            return
        if request["do"] == "load":
            errors, namespace = load(request, numpy)
            wanted = request["functions"].items()
            channel.send({"errors": errors, "problems": {name: problem(namespace, name, n) for name, n in wanted}})
        else:
            arguments = unpack(request["arguments"], payload, numpy)
            header, data = answer(namespace[request["function"]], arguments, numpy)
            channel.send(header, data)


def load(request: dict[str, Any], numpy: Any) -> tuple[list[dict[str, str] | None], dict[str, Any]]:
    """Run the cells in a module of their own: for each its error or None, and the module's names."""
    random.seed(request["seed"])
    numpy.random.seed(request["seed"])
    stem = request["name"].rpartition(".")[0] or "submission"
    module = types.ModuleType(stem)
    module.__file__ = request["name"]
    sys.modules[stem] = module
    sys.argv = [request["name"]]
    errors: list[dict[str, str] | None] = []
    for source in request["cells"]:
        try:
            exec(compile(source, request["name"], "exec"), vars(module))
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
        return f"no function, but {type(function).__name__}"
    try:
        signature = inspect.signature(function)
        signature.bind(*[None] * arguments)
    except TypeError:
        return f"{name}{signature}"[:MOST_WORDS]
    except ValueError:  # a callable that does not tell its signature
        return ""
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


def answer(function: Any, arguments: list[Any], numpy: Any) -> tuple[dict[str, Any], bytes]:
    """Call it, and put into a header and bytes what came back."""
    try:
        return pack(function(*arguments), numpy)
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
            return {"outcome": "returned", "form": "other", "said": f"a {form} that is no table of numbers"}, b""
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype("float64")
    if array is None or array.dtype.kind not in "biuf" or array.nbytes > MOST_BYTES:
        return {"outcome": "returned", "form": "other", "said": what_it_is(value, array)[:MOST_WORDS]}, b""
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


def what_it_is(value: Any, array: Any) -> str:
    """A value that can't be taken over, in words."""
    if value is None:
        return "nothing (None)"
    if array is not None and array.nbytes > MOST_BYTES:
        return f"numbers of {array.nbytes / (1 << 20):,.0f} MiB in all"
    if array is not None:
        return f"an array of dtype {array.dtype}"
    return f"an object of type {type(value).__name__}"


def describe(error: BaseException) -> dict[str, str]:
    """An exception's name, message and the student's part of the traceback."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    ours = [line for line in lines if "guest.py" not in line]
    try:
        message = str(error)
    except BaseException:
        message = "(its message could not be read)"
    return {"name": type(error).__name__, "message": message[:MOST_WORDS], "traceback": "".join(ours)[-4000:]}


if __name__ == "__main__":
    main()
