"""Functions with oracles, and what a module would answer to their calls: for tests that start no process."""

from collections.abc import Callable
from typing import Any

import numpy as np

from grader.core.evidence import Argument, Call
from grader.functions.cases import Arguments, Function, Group, pack_arguments, pack_array, unpack_arguments


def function(oracle: Callable[..., Any], *groups: Group) -> Function:
    """A function of that oracle; with one group that holds one example where none is given."""
    return Function(oracle, groups or (Group(title="any", examples=((1,),)),))


def returned(
    value: Any, *, form: str | None = None, arguments: tuple[Argument, ...] = (1,), group: str = "any", name: str = "f"
) -> Call:
    """A call that came back with `value`."""
    made = "array" if isinstance(value, np.ndarray) else type(value).__name__
    chosen = form or (made if made in ("array", "tuple", "list") else "number")
    return Call.model_validate(
        {
            "function": name, "group": group, "arguments": arguments, "outcome": "returned", "form": chosen,
            "value": pack_array(np.asarray(value)),
        }
    )  # fmt: skip


def other(said: str, *, form: str = "other") -> Call:
    """A call that came back with something that holds no numbers."""
    return Call.model_validate(
        {"function": "f", "group": "any", "arguments": (1,), "outcome": "returned", "form": form, "said": said}
    )


def ended(outcome: str, said: str, *, group: str = "any", name: str = "f") -> Call:
    """A call that raised, or that was lost."""
    return Call.model_validate({"function": name, "group": group, "arguments": (1,), "outcome": outcome, "said": said})


class Answering:
    """Stands where a sandboxed module would: answers with a function of ours, and keeps what it was asked."""

    def __init__(self, function: Function, answer: Callable[..., Any]) -> None:
        self.function, self.answer = function, answer
        self.asked: list[tuple[str, Arguments]] = []

    def __call__(self, group: Group, arguments: Arguments) -> Call:
        """A call; an exception of `answer` becomes one that raised, a TimeoutError one that was lost."""
        self.asked.append((group.title, arguments))
        packed = pack_arguments(arguments)
        try:
            value = self.answer(*unpack_arguments(packed))
        except TimeoutError:
            call = ended("lost", "did not return within 5 s", group=group.title, name=self.function.name)
        except ArithmeticError as error:
            call = ended("raised", f"raised {type(error).__name__}", group=group.title, name=self.function.name)
        else:
            call = returned(value, group=group.title, name=self.function.name)
        return call.model_copy(update={"arguments": packed})
