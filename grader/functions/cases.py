"""What a course writes in `cases.py`: oracles with the arguments to try them on. Course code is trusted, as a rubric is.

Students get cases with their right answers instead (`explore.record_cases` draws them): functions whose oracle looks the
answers up. In between, a call's arguments as plain values.
"""

import base64
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from grader.core.course_code import run_course_file
from grader.core.errors import RubricError
from grader.core.evidence import Argument, Array, Call, Value

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Arguments = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Cases of one kind: `examples` are tried first, then `number` arguments drawn from `draws`, each time others.

    Each is a tuple of the function's arguments: NumPy arrays of numbers, ints, floats and strings. `shown`: students may
    know the examples, and get them with their answers for their own checks.
    """

    title: str
    examples: tuple[Arguments, ...] = ()
    draws: "SearchStrategy[Arguments] | None" = None
    number: int = 20
    shown: bool = False


@dataclass(frozen=True)
class Function:
    """A function that is asked for: its oracle, which gives the right answer, and groups of cases."""

    oracle: Callable[..., Any]
    groups: tuple[Group, ...]

    @property
    def name(self) -> str:
        """Its name, which is the oracle's."""
        return self.oracle.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(inspect.signature(self.oracle).parameters)

    @property
    def signature(self) -> str:
        """How it is called: "convolve2d(image, kernel, padding, stride)"."""
        return f"{self.name}({', '.join(self.parameters)})"

    def plain(self, arguments: object, what: str) -> Arguments:
        """Arguments as a call takes them, NumPy's single numbers as Python's. Raises RubricError, naming `what`."""
        if not isinstance(arguments, tuple):
            raise RubricError(
                f"`{self.name}`, {what}: is of type {type(arguments).__name__}, not a tuple of arguments.",
                f"Write the arguments of `{self.signature}` in round brackets; for one alone, `(image,)`.",
            )
        if len(arguments) != len(self.parameters):
            raise RubricError(
                f"`{self.name}`, {what}: has {len(arguments)} arguments.",
                f"`{self.signature}` takes {len(self.parameters)}.",
            )
        made = tuple(item.item() if isinstance(item, np.generic) else item for item in arguments)
        for name, item in zip(self.parameters, made, strict=True):
            if not _can_be_sent(item):
                kind = f"array of {item.dtype}" if isinstance(item, np.ndarray) else type(item).__name__
                raise RubricError(
                    f"`{self.name}`, {what}: `{name}` is {item!r:.50} ({kind}), which can't be handed over.",
                    "Use NumPy arrays of numbers, ints, finite floats and strings.",
                )
        return made

    def answer(self, arguments: Arguments) -> Any:
        """The right answer: an array, a tuple of numbers or a number. Raises RubricError for an oracle that has none."""
        try:
            right = self.oracle(*arguments)
            numbers = np.asarray(right)
        except Exception as error:  # whatever the course's own code does: its author reads it
            raise RubricError(
                f"The oracle of `{self.name}` fails with {type(error).__name__}: {error}.",
                f"Mend it in the file of cases; the arguments were {arguments!r:.500}.",
            ) from error
        fits = isinstance(right, np.ndarray | np.number | int | float | tuple) and not isinstance(right, bool)
        if not fits or numbers.dtype.kind not in "iuf" or (isinstance(right, tuple) and numbers.ndim != 1):
            raise RubricError(
                f"The oracle of `{self.name}` answers with {right!r:.100}.",
                "It must answer with a NumPy array of numbers, a tuple of numbers, or a number.",
            )
        if np.isnan(numbers).any():
            raise RubricError(
                f"The oracle of `{self.name}` answers with NaN, which no answer equals.",
                f"Leave such arguments out; they were {arguments!r:.500}.",
            )
        return right


@dataclass(frozen=True, kw_only=True)
class Functions:
    """All functions of an exercise by name, and the digest of the file that they come from."""

    by_name: dict[str, Function]
    digest: str


def cases(*groups: Group) -> Callable[[Callable[..., Any]], Function]:
    """Make a `Function` of an oracle; `groups` say what it is tried on."""
    return lambda oracle: Function(oracle, groups)


def load_functions(path: Path) -> Functions:
    """The functions that the course file `path` asks for. Raises RubricError, naming the file and what is wrong."""
    if path.suffix == ".json":  # a copy of the course for students has answers and no oracle
        return load_stored_cases(path)
    module = run_course_file(path)
    found = [value for value in vars(module).values() if isinstance(value, Function)]
    if not found:
        raise RubricError(f"{path}: asks for no function.", "Decorate an oracle with @cases(Group(...), ...).")
    for function in found:
        try:
            _require_groups(function)
        except RubricError as error:
            raise RubricError(f"{path}: {error.message}", error.remedy) from error.__cause__
    return Functions(by_name={item.name: item for item in found}, digest=hashlib.sha256(path.read_bytes()).hexdigest())


def _can_be_sent(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc"
    if isinstance(value, str):
        return value.isascii() or value.encode("utf-8", "replace").decode() == value  # half a character can't be stored
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _require_groups(function: Function) -> None:
    titles = [group.title for group in function.groups]
    if not titles or len(set(titles)) < len(titles):
        raise RubricError(f"`{function.name}` has no groups, or two of one title.", "Name each group once.")
    for group in function.groups:
        _require_cases(function, group)


def _require_cases(function: Function, group: Group) -> None:
    where = f"group `{group.title}`"
    if not group.examples and group.draws is None:
        raise RubricError(f"`{function.name}`, {where}: holds no case.", "Give it examples.")
    if group.draws is not None:
        from hypothesis.strategies import SearchStrategy

        if not isinstance(group.draws, SearchStrategy) or group.number < 1:
            raise RubricError(
                f"`{function.name}`, {where}: `draws` is not a strategy, or `number` is below 1.",
                "A function made by @composite must be called: draws=images().",
            )
    if not isinstance(group.examples, tuple):
        raise RubricError(
            f"`{function.name}`, {where}: `examples` is not a tuple of tuples.", "Write examples=((6, 3), (7, 3))."
        )
    for number, example in enumerate(group.examples, 1):
        arguments = function.plain(example, f"{where}, example {number}")
        function.answer(tuple(item.copy() if isinstance(item, np.ndarray) else item for item in arguments))


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
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in function.parameters]
        )
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
