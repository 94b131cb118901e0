"""What a student can do about an error, and why a run left no trained network. The texts stand in `hints.toml`."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from grader.checks.cell_and_line import Places, defined_at, line_in_file
from grader.checks.did_you_mean import meant_by_name, what_was_meant
from grader.core.evidence import Cell, CellError, Ending
from grader.core.text import joined

RUN_ALL = "Restart the kernel, run all cells from the top, and mend the first one that fails."
RUN_FILE = "Run the file from the top, and mend the first line that fails."
PLAIN = (RUN_ALL, RUN_FILE)  # what is said where nothing is known
MOST_SEARCHED = 300_000  # characters of a submission that are searched for definitions
MOST_PARSED = 100_000  # characters of all cells together that are parsed
NETWORK = re.compile(r"\bSequential\s*\(|\b(?:Model|Dense|Conv2D|fit|compile|evaluate|predict)\s*\(")
MARIMO = r"\bmarimo\.App\("
KERAS_MODEL = re.compile(r"\bSequential\s*\(|\bModel\s*\(|\bkeras\.(?:Input|layers)\b|\blayers\.\w+\s*\(|\bDense\s*\(")


@dataclass(frozen=True)
class Hint:
    """What to do about an error whose name matches `errors` as a whole, and whose message holds `message`.

    The cell holds `source`. All three are regular expressions; in `text`, `{1}` is what the message named. A `general`
    one stands back for an offer of the name that was meant; behind one that is about the `network`'s input or output stands
    what the exercise asks of them.
    """

    errors: str
    text: str
    message: str = ""
    source: str = ""
    general: bool = False
    network: bool = False


@dataclass(frozen=True)
class EndingHint:
    """What to do about a run that ended for one of `causes`, in a cell that holds `source` (a regular expression)."""

    causes: list[str]
    text: str
    source: str = ""


@dataclass(frozen=True)
class Framework:
    """A framework other than Keras, known by what `source` finds in the code (a regular expression)."""

    name: str
    source: str


@dataclass(frozen=True)
class Hints:
    """All that `hints.toml` says, in its order: the first that fits is taken."""

    errors: tuple[Hint, ...]
    endings: tuple[EndingHint, ...]
    frameworks: tuple[Framework, ...]


@cache
def read_hints() -> Hints:
    """The texts of `hints.toml`."""
    with Path(__file__).with_name("hints.toml").open("rb") as file:
        data = tomllib.load(file)
    return Hints(
        errors=tuple(Hint(**row) for row in data["hint"]),
        endings=tuple(EndingHint(**row) for row in data["ending"]),
        frameworks=tuple(Framework(**row) for row in data["framework"]),
    )


def hint_for(cell: Cell, places: Places, asked: str = "") -> str:
    """What a student can do about the error of `cell`; the other cells tell where a missing name is defined.

    `asked` is a sentence on what the exercise asks of the network.
    """
    error = cell.error
    if error is None:
        return _plain(places)
    missing = re.search(r"name '(\w+)'", error.message) if error.name == "NameError" else None
    elsewhere = _defined_elsewhere(missing[1], cell, places) if missing is not None else ""
    if elsewhere:
        return elsewhere
    known = next(_fitting(error, cell.source), None)
    if known is not None and not known[0].general:
        return joined((known[1], asked if known[0].network else ""))
    meant = _meant(missing[1], cell, places) if missing is not None else what_was_meant(error)
    if meant:
        return meant
    if missing is not None and places.file:
        return f"`{missing[1]}` has no value yet at this point: give it one above, or import it."
    if known is None and asked and NETWORK.search(cell.source):
        return f"{asked} Compare what you built and what `fit` is given with that."
    return _plain(places) if known is None else known[1]


def _plain(places: Places) -> str:
    return RUN_FILE if places.file else RUN_ALL


def _fitting(error: CellError, source: str) -> Iterator[tuple[Hint, str]]:
    """The hints that fit an error in a cell, each with its words."""
    for hint in read_hints().errors:
        found = re.search(hint.message, error.message, re.DOTALL) if re.fullmatch(hint.errors, error.name) else None
        if found is not None and re.search(hint.source, source):
            yield hint, hint.text.format(found[0], *found.groups(default=""))


def _meant(name: str, failed: Cell, places: Places) -> str:
    """What may be meant by a name without a value, of what the cells up to there define."""
    known = zip(places.cells, _definitions(tuple(cell.source for cell in places.cells)), strict=True)
    defined: dict[str, str] = {}
    for cell, names in known:
        here = "the file" if places.file else "this cell" if cell.number == failed.number else f"cell {cell.number}"
        for other in names if cell.number <= failed.number else ():
            defined.setdefault(other, here)
    return meant_by_name(name, defined)


def hint_for_ending(ending: Ending, places: Places) -> str:
    """What a student can do about a run that did not finish."""
    source = next((cell.source for cell in places.cells if cell.number == ending.cell), "")
    hints = (hint for hint in read_hints().endings if ending.cause in hint.causes and re.search(hint.source, source))
    return next((hint.text for hint in hints), _plain(places))


def other_framework(cells: tuple[Cell, ...]) -> str:
    """The framework that the code uses instead of Keras; "" where it builds a Keras network or none at all."""
    source = "\n".join(cell.source for cell in cells)
    # A network of PyTorch's may be built with names that are Keras' too (`Sequential`), so its import decides.
    used = [item.name for item in read_hints().frameworks if re.search(item.source, source, re.MULTILINE)]
    if "PyTorch" not in used and KERAS_MODEL.search(source):
        return ""
    return used[0] if used else ""


def why_no_training(places: Places) -> str:
    """In words why no `fit` was reached: nothing calls it, or nothing calls what it stands in; "" if nothing is found."""
    if any(re.search(MARIMO, cell.source) for cell in places.cells):
        return "this is a marimo notebook, whose cells are functions that nothing calls here"
    if not any(re.search(r"\.fit\w*\s*\(", cell.source) for cell in places.cells):
        return "nothing calls `fit`" if places.file else "no cell calls `fit`"
    found = _never_called(tuple((cell.number, cell.source) for cell in places.cells))
    if found is None:
        return ""
    kind, name, number = found
    return f"the {kind} `{name}`{places.in_cell(number)} calls `fit`, but nothing uses `{name}`"


@lru_cache(maxsize=4)  # several checks ask the same of one submission
def _never_called(sources: tuple[tuple[int, str], ...]) -> tuple[str, str, int] | None:
    """The first function or class that calls `fit` and that nothing uses: what it is, its name, its cell.

    None where there is none, or too much to read.
    """
    if sum(len(source) for _, source in sources) > MOST_PARSED:
        return None
    named, calling = Counter[str](), list[tuple[int, str, str, int]]()
    for number, source in sources:
        tree = parse_cell(source)
        for definition in tree.body if tree is not None else ():
            names, fits = _names_in(definition)
            named.update(names)
            if fits and isinstance(definition, ast.FunctionDef | ast.ClassDef):
                kind = "class" if isinstance(definition, ast.ClassDef) else "function"
                calling.append((number, kind, definition.name, names[definition.name]))
    for number, kind, name, own in calling:
        if named[name] == own:
            return kind, name, number
    return None


def parse_cell(source: str) -> ast.Module | None:
    """The tree of a cell, without its magics and shell lines; None where it is not Python."""
    plain = re.sub(r"(?m)^([ \t]*)[!%].*$", r"\1pass", source)
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _names_in(statement: ast.AST) -> tuple[Counter[str], bool]:
    """How often each name is mentioned in a statement, and whether it calls a `fit` of anything."""
    names, fits = Counter[str](), False
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            fits = fits or node.func.attr.startswith("fit")
    return names, fits


def _defined_elsewhere(name: str, failed: Cell, places: Places) -> str:
    """Names a later cell that defines `name`, or a name that differs from it only in upper and lower case."""
    if places.file:
        return _defined_below(name, failed, places)
    defined = list(zip(places.cells, _definitions(tuple(cell.source for cell in places.cells)), strict=True))
    for cell, names in defined:
        if cell.number < failed.number and cell.error is not None and name in names:
            return f"`{name}` would be defined in cell {cell.number}, which failed: mend that cell first."
    for cell, names in defined:
        if cell.number > failed.number and name in names:
            return (
                f"`{name}` is defined in cell {cell.number}, after its use in cell {failed.number}: move that cell up, "
                "then restart the kernel and run all cells from the top."
            )
    for cell, names in defined:
        for other in names if cell.number <= failed.number else ():
            if other != name and other.casefold() == name.casefold():
                return f"Cell {cell.number} defines `{other}`: upper and lower case count, so `{name}` is another name."
    return ""


def _defined_below(name: str, failed: Cell, places: Places) -> str:
    """Names the line of a module on which `name` is defined after its use."""
    used, there = places.line_of_error(failed), defined_at(name, places.cells)
    if used is None or there is None:
        return ""
    line = line_in_file(*there, places.cells)
    return f"`{name}` is defined on line {line}, after its use on line {used}: move it up." if line > used else ""


@lru_cache(maxsize=4)  # several errors of one submission ask the same
def _definitions(sources: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Of each source the names that it defines, of the first `MOST_SEARCHED` characters of all together."""
    found, left = [], MOST_SEARCHED
    for source in sources:
        found.append(_defined_in(source[: max(0, left)]))
        left -= len(source)
    return tuple(found)


def _defined_in(source: str) -> tuple[str, ...]:
    """Names that a source assigns, imports or defines, in order; by its words, since it need not be valid Python."""
    names = re.findall(r"^[ \t]*(?:def|class)[ \t]+(\w+)", source, re.MULTILINE)
    for left in re.findall(r"^([\w \t,()]+)=(?!=)", source, re.MULTILINE):
        names += re.findall(r"\w+", left)
    for imported in re.findall(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import[ \t]+(.+)$", source, re.MULTILINE):
        names += [part.split(" as ")[-1].strip() for part in imported.split(",")]
    return tuple(names)
