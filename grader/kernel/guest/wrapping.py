"""Where our code and other people's meet: functions of packages are wrapped, and our own code runs as if it were alone.

`wrap_stages` puts one wrapper around a method of Keras' that trains or uses a network, made of stages in a fixed order: a
stage is a context manager around the call, which may change what the call is given and see or change what it answers.

`neutral` is for our own code: the notebook's settings (filters of warnings, hooks, types) are the notebook's affair. What is
saved and compared must also be what another process makes of it, which starts with Keras' defaults.
"""

import functools
import inspect
import io
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

FLOATS = "float32"


def wrapped(original: Callable[..., Any], function: Callable[..., Any], *given: Any) -> Any:
    """A function that calls `function(*given, original, ...)` and looks like `original`."""

    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(*given, original, *arguments, **options)

    return call


def replaces(owner: Any, name: str) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the function takes the place of `owner.name`; its first argument is what was there."""

    def replace(function: Callable[..., Any]) -> Any:
        setattr(owner, name, wrapped(getattr(owner, name), function))
        return getattr(owner, name)

    return replace


def replaces_everywhere(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what is decorated is called in the place of `function`, which keeps all its names in all modules.

    Its first argument is what `function` was.
    """

    def replace(stand_in: Callable[..., Any]) -> Callable[..., Any]:
        original = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        original.__kwdefaults__ = function.__kwdefaults__
        name = f"_replaced_{function.__name__}"
        function.__globals__[name] = functools.partial(stand_in, original)
        made: dict[str, Any] = {}
        exec(f"def forward(*arguments, **options):\n    return {name}(*arguments, **options)", made)
        function.__signature__ = inspect.signature(original)
        function.__code__, function.__defaults__, function.__kwdefaults__ = made["forward"].__code__, None, None
        return stand_in

    return replace


@dataclass
class MethodCall:
    """One call: the network, what it is `given` by name, and its answer. `answered`: by a stage, without Keras."""

    model: Any
    given: dict[str, Any]
    answer: Any = None
    answered: bool = False


Stage = Callable[[MethodCall], AbstractContextManager[None]]
Rewrite = Callable[[str, tuple[Any, ...], dict[str, Any]], None]  # of a method's name, its arguments and its options


def wrap_stages(kind: Any, name: str, stages: list[Stage], rewrite: Rewrite | None) -> None:
    """Put `stages` around the method `name`, the first one outermost; `rewrite` changes the options before all."""
    original = getattr(kind, name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        if rewrite is not None:
            rewrite(name, arguments, options)
        try:
            bound = signature.bind(*arguments, **options)
        except TypeError:
            return original(*arguments, **options)  # which says what is wrong
        made = MethodCall(arguments[0], bound.arguments)
        with ExitStack() as stack:
            for stage in stages:
                stack.enter_context(stage(made))
            if not made.answered:
                made.answer = original(*bound.args, **bound.kwargs)
        return made.answer

    setattr(kind, name, call)


def callback_class(hooks: type) -> Any:
    """The class `hooks`, whose methods are named like those of a callback, as a callback. Once Keras is imported."""
    return _callback_class(hooks, sys.modules["keras"].callbacks.Callback)


@functools.cache
def _callback_class(hooks: type, kind: type) -> Any:
    return type(hooks.__name__, (hooks, kind), {})


def add_callback(given: dict[str, Any], callback: Any) -> None:
    """Give a call one more callback than it was given."""
    known = given.get("callbacks")
    if isinstance(known, sys.modules["keras"].callbacks.CallbackList):
        known.append(callback)
    elif isinstance(known, (list, tuple)):
        given["callbacks"] = [*known, callback]
    else:
        given["callbacks"] = [callback] if known is None else [known, callback]


@contextmanager
def neutral() -> Iterator[None]:
    """While it lasts, or in what it decorates: no warnings, no errors of numbers, no tracing, no output, default types."""
    import numpy

    with ExitStack() as stack:
        stack.enter_context(numpy.errstate(all="ignore"))
        if threading.current_thread() is threading.main_thread():  # the others are of the whole process
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(redirect_stdout(io.StringIO()))
            stack.enter_context(redirect_stderr(io.StringIO()))
            stack.enter_context(_untraced())
            stack.enter_context(_default_types(sys.modules.get("keras")))
        yield


@contextmanager
def _untraced() -> Iterator[None]:
    tracing, profiling = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.settrace(tracing)
        sys.setprofile(profiling)


@contextmanager
def _default_types(keras: Any) -> Iterator[None]:
    config = getattr(keras, "config", None)
    if config is None:
        yield
        return
    floats, policy, layout = config.floatx(), config.dtype_policy(), config.image_data_format()
    plain = (floats, policy.name, layout) == (FLOATS, FLOATS, "channels_last")
    if not plain:
        config.set_floatx(FLOATS)
        config.set_dtype_policy(FLOATS)
        config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        if not plain:
            config.set_floatx(floats)
            config.set_dtype_policy(policy)
            config.set_image_data_format(layout)
