"""How functions of other packages are wrapped.

`wrap_stages` puts one wrapper around a method of Keras' that trains or uses a network, made of stages in a fixed order: a
stage is a context manager around the call, which may change what the call is given and see or change what it answers.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any


def wrapped(original: Callable[..., Any], function: Callable[..., Any], *given: Any) -> Any:
    """What calls `function(*given, original, ...)` and looks like `original`."""

    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(*given, original, *arguments, **options)

    return call


def replaces(owner: Any, name: str) -> Callable[[Callable[..., Any]], Any]:
    """Decorates a function that takes the place of `owner.name`; its first argument is what was there."""

    def replace(function: Callable[..., Any]) -> Any:
        setattr(owner, name, wrapped(getattr(owner, name), function))
        return getattr(owner, name)

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


@functools.cache
def callback_class(hooks: type) -> Any:
    """The class `hooks`, whose methods are named like those of a callback, as a callback. Once Keras is imported."""
    return type(hooks.__name__, (hooks, sys.modules["keras"].callbacks.Callback), {})


def add_callback(given: dict[str, Any], callback: Any) -> None:
    """Give a call one more callback than it was given."""
    known = given.get("callbacks")
    if isinstance(known, sys.modules["keras"].callbacks.CallbackList):
        known.append(callback)
    elif isinstance(known, (list, tuple)):
        given["callbacks"] = [*known, callback]
    else:
        given["callbacks"] = [callback] if known is None else [known, callback]
