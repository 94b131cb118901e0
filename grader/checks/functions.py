"""Do the functions of a module compute what they should? Rests on recorded calls, compared with the course's oracle."""

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from grader.checks.base import Case, Score, check
from grader.checks.cell_and_line import defined_at, line_in_file
from grader.checks.execution import one_line
from grader.checks.layers import listed
from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import Call, Value
from grader.core.results import FunctionFinding, GroupFinding
from grader.functions.agreement import counterexample_of, disagreement, write_call
from grader.functions.cases import Function

LONGEST_SOURCE = 250_000  # characters: Python's own reading of more takes seconds and hundreds of megabytes
MOST_NAMES = 10  # in one sentence


class Computes(Value):
    """`function`: the name of the function."""

    function: Annotated[str, Field(min_length=1)]


def find_functions(case: Case) -> tuple[FunctionFinding, ...]:
    """What was found about every function that the exercise asks for."""
    return tuple(_find(case, function) for function in case.functions.values())


def _find(case: Case, function: Function) -> FunctionFinding:
    calls = [call for call in case.calls if call.function == function.name]
    groups = tuple(
        _find_group(function, title, [call for call in calls if call.group == title])
        for title in (group.title for group in function.groups)
    )
    problem = _problem(function, case.evidence.facts.functions.get(function.name, ""))
    cells = case.evidence.claims.cells
    cell: int | None = None
    line: int | None = None
    there = defined_at(function.name, cells)
    if there is not None:
        module = case.evidence.submission.name.lower().endswith(".py")
        cell, line = (None, line_in_file(*there, cells)) if module else there
    return FunctionFinding(
        name=function.name, signature=function.signature, problem=problem, groups=groups, line=line, cell=cell
    )


def _find_group(function: Function, title: str, calls: list[Call]) -> GroupFinding:
    for call in calls:
        fault = disagreement(function, call)
        if fault is not None:
            found = counterexample_of(function, call)
            return GroupFinding(
                title=title, tried=len(calls), right=False, fault=one_line(fault),
                shown=write_call(function.signature, found), counterexample=found,
            )  # fmt: skip
    return GroupFinding(title=title, tried=len(calls), right=bool(calls))


def _problem(function: Function, said: str) -> str:
    """What is wrong with a function before it is called, in words; "" where nothing is."""
    if said == "missing":
        return f"the module has no `{function.name}`"
    if said.startswith(f"{function.name}("):
        return f"it is written `{one_line(said)}` and can't be called with {len(function.parameters)} arguments"
    return f"`{function.name}` is {one_line(said)}" if said else ""


def _require_calls(case: Case, function: Function, found: FunctionFinding) -> None:
    """Raise Infrastructure where a group was never tried, unless a call before it did not return."""
    lost = any(call.outcome == "lost" for call in case.calls if call.function == function.name)
    untried = [group.title for group in found.groups if not group.tried]
    if untried and not lost:
        raise Infrastructure(
            f"No call of `{function.name}` is stored for {listed([f'`{title}`' for title in untried])}: the cases were "
            "others when it was run.",
            "Grade the submission again.",
        )


@check(parameters=Computes, rests_on="facts")
def computes(case: Case, parameters: Computes) -> Score:
    """A function computes what the exercise asks for.

    `function`: its name, one of those in the file that the key `cases` names. Its cases come in groups; each group that is
    right gives the same share of the points.
    """
    function = case.functions.get(parameters.function)
    if function is None:
        raise Infrastructure(f"There are no cases for `{parameters.function}`.")
    found = _find(case, function)
    if found.problem:
        raise Failure(found.problem, f"Write `def {found.signature}:` at the top level of the module.")
    if case.evidence.facts.judgement.outcome != "called":
        raise Failure(case.evidence.facts.judgement.reason)
    _require_calls(case, function, found)
    right = [group for group in found.groups if group.right]
    if len(right) == len(found.groups):
        return Score(1.0, f"right in all {sum(group.tried for group in found.groups)} cases that were tried")
    first = next(group for group in found.groups if not group.right and group.tried)
    others = [f"`{group.title}`" for group in found.groups if not group.right and group is not first]
    reason = f"{len(right)} of {len(found.groups)} kinds of cases are right; `{first.title}`: it {first.fault}"
    if others:
        reason += f"; not right or not reached: {listed(others)}"
    share = len(right) / len(found.groups)
    hint = "A small case that goes wrong stands in the report, under Functions: work it out by hand and compare."
    if not share:
        raise Failure(reason, hint)
    return Score(share, reason, hint)


class AllowedImports(Value):
    """`modules`: the top-level names that may be imported, beside Python's own `__future__` and `typing`."""

    modules: Annotated[tuple[str, ...], Field(min_length=1)]


@check(parameters=AllowedImports, rests_on="facts")
def allowed_imports(case: Case, parameters: AllowedImports) -> Score:
    """Nothing is imported but what the exercise allows.

    `modules`: a list of top-level names, as in `["numpy"]`; `__future__` and `typing` may always be imported. Read from
    the source: it catches who imports a solution, not who hides it.
    """
    allowed = {*parameters.modules, "__future__", "typing"}
    sources = [cell.source for cell in case.evidence.claims.cells]
    if sum(map(len, sources)) > LONGEST_SOURCE:
        raise Failure(
            f"the source has more than {LONGEST_SOURCE:,} characters, too many to be searched for imports",
            "Hand in the functions alone, without data in the source.",
        )
    found = _imported_in(tuple(sources))
    wrong = frozenset(name for name in found if name.partition(".")[0] not in allowed)
    if wrong:
        alone = listed([f"`{name}`" for name in parameters.modules], "or")
        raise Failure(f"the module imports {_names(wrong)}", f"Do it with {alone} alone.")
    return Score(1.0, f"it imports {_names(found)}" if found else "it imports nothing")


@lru_cache(maxsize=4)  # of each run it is asked several times
def _imported_in(sources: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for source in sources for name in _imported(source))


def _names(modules: frozenset[str]) -> str:
    shown = [f"`{one_line(name)}`" for name in sorted(modules)[:MOST_NAMES]]
    return listed([*shown, f"{len(modules) - MOST_NAMES} more"] if len(modules) > MOST_NAMES else shown)


def _imported(source: str) -> Iterator[str]:
    """Modules that a cell imports by name; none where it is not Python. Raises Failure for one that nests too deep."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the style of a student
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    except (RecursionError, MemoryError):
        raise Failure("the source nests too deep to be searched for imports", "Write it with fewer brackets.") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and _is_import(node.func):
            yield from (
                arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            )


def _is_import(function: ast.expr) -> bool:
    """Whether it is `__import__` or `import_module`, of whatever."""
    if isinstance(function, ast.Name):
        return function.id in ("__import__", "import_module")
    return isinstance(function, ast.Attribute) and function.attr in ("__import__", "import_module")
