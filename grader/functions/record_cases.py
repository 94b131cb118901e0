"""Draws cases for students, with the answers of a course's oracle, and with a seed that no grading run has.

Within a group the smallest come first, so that the first one that goes wrong is a small one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from grader.core.errors import RubricError
from grader.core.evidence import Argument, Array, Call
from grader.functions.agreement import pack_arguments, pack_array, unpack_arguments, unpack_array
from grader.functions.cases import Arguments, Function, Functions, Group
from grader.functions.explore import Ask, explore_function
from grader.functions.stored_cases import StoredCases, StoredFunction, StoredGroup, key_of

SEED = 1 << 40  # `--seed` ends at 2**32 - 1: these are never the cases of a grading run
DRAWN = 60  # of a group


def record_cases(functions: Functions) -> tuple[StoredCases, tuple[str, ...]]:
    """Cases of every function with their answers, and the groups left out: those with nothing but examples of the course.

    Examples that are not marked as `shown` stay with the course: of their groups, drawn cases stand for them.
    """
    stored, missing = [], []
    for function in functions.by_name.values():
        groups = [_students_group(group) for group in function.groups]
        kept = tuple(group for group in groups if group.examples or group.draws is not None)
        missing += [f"`{function.name}`, {group.title}" for group in groups if group not in kept]
        if not kept:
            raise RubricError(
                f"`{function.name}`: students would have no case of it, because none of its groups draws any.",
                "Give a group `draws`, or mark one whose examples students may know with `shown=True`.",
            )
        calls = explore_function(replace(function, groups=kept), _right_answers(function), seed=SEED)
        stored.append(
            StoredFunction(
                name=function.name,
                parameters=function.parameters,
                groups=tuple(StoredGroup(title=group.title, calls=_smallest_first(group, calls)) for group in kept),
            )
        )
    return StoredCases(functions=tuple(stored)), tuple(missing)


def _students_group(group: Group) -> Group:
    return replace(group, examples=group.examples if group.shown else (), number=max(group.number, DRAWN))


def _right_answers(function: Function) -> Ask:
    """A way of asking the oracle itself: no call goes wrong, so that all that are drawn are kept."""

    def ask(group: Group, arguments: Arguments) -> Call:
        packed = pack_arguments(arguments)
        right = function.answer(unpack_arguments(packed))
        form: Literal["array", "tuple", "number"] = (
            "array" if isinstance(right, np.ndarray) else "tuple" if isinstance(right, tuple) else "number"
        )
        return Call(
            function=function.name, group=group.title, arguments=packed, outcome="returned", form=form,
            value=pack_array(np.asarray(right)),
        )  # fmt: skip

    return ask


def _smallest_first(group: Group, calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls of a group, each once: its examples as the course orders them, then what was drawn by size."""
    own = {key_of(call.arguments): call for call in calls if call.group == group.title}
    different = list(own.values())
    shown = {key_of(pack_arguments(example)) for example in group.examples}
    examples = [call for call in different if key_of(call.arguments) in shown]
    drawn = [call for call in different if key_of(call.arguments) not in shown]
    return (*examples, *sorted(drawn, key=lambda call: _size(call.arguments)))


def _size(arguments: Sequence[Argument]) -> tuple[int, float]:
    """How many numbers a person has to look at, and how large they are."""
    numbers = [np.abs(unpack_array(item).astype(float)) for item in arguments if isinstance(item, Array)]
    single = [abs(float(item)) for item in arguments if isinstance(item, int | float)]
    return sum(array.size for array in numbers), sum(float(array.sum()) for array in numbers) + sum(single)
