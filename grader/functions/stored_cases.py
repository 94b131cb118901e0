"""Cases with their right answers and without the oracle: what students get in place of a course's `cases.py`.

`record_cases` draws them; here they are read back as functions whose oracle looks the answers up.
"""

import hashlib
import json
from collections.abc import Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from grader.core.errors import RubricError
from grader.core.evidence import Argument, Array, Call, Value
from grader.functions.agreement import pack_arguments, unpack_arguments, unpack_array
from grader.functions.cases import Function, Functions, Group


class StoredGroup(Value):
    """The calls of one kind of cases, each with its right answer."""

    title: str
    calls: Annotated[tuple[Call, ...], Field(min_length=1)]


class StoredFunction(Value):
    """A function that is asked for: its name, its parameters, its groups of cases."""

    name: str
    parameters: tuple[str, ...]
    groups: Annotated[tuple[StoredGroup, ...], Field(min_length=1)]


class StoredCases(Value):
    """All functions of an exercise."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    functions: Annotated[tuple[StoredFunction, ...], Field(min_length=1)]


class _Answers:
    """The oracle of a stored function: it knows the answers to the stored arguments, and to no others."""

    def __init__(self, function: StoredFunction) -> None:
        self.__name__ = function.name
        self.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in function.parameters])
        self._right = {key_of(call.arguments): _answer(call) for group in function.groups for call in group.calls}

    def __call__(self, *arguments: Any) -> Any:
        return self._right[key_of(pack_arguments(arguments))]


def key_of(arguments: Sequence[Argument]) -> str:
    """Arguments as a key to look their answer up by."""
    return json.dumps(
        [item.model_dump() if isinstance(item, Array) else [type(item).__name__, item] for item in arguments]
    )


def _answer(call: Call) -> Any:
    if call.value is None:
        raise ValueError("a call has no answer")
    value = unpack_array(call.value).copy()
    return value if call.form == "array" else tuple(value.tolist()) if call.form == "tuple" else value.item()


def load_stored_cases(path: Path) -> Functions:
    """The functions that the file `path` holds the cases of. Raises RubricError."""
    try:
        data = path.read_bytes()
        stored = StoredCases.model_validate_json(data)
        found = {item.name: _function(item) for item in stored.functions}
    except OSError as error:
        raise RubricError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    except (ValidationError, ValueError):
        raise RubricError(
            f"{path}: is not a file of cases that this grader can read.", "Install the copy again."
        ) from None
    return Functions(by_name=found, digest=hashlib.sha256(data).hexdigest())


def _function(stored: StoredFunction) -> Function:
    groups = tuple(
        Group(title=group.title, examples=tuple(unpack_arguments(call.arguments) for call in group.calls), shown=True)
        for group in stored.groups
    )
    return Function(_Answers(stored), groups)
