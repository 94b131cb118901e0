"""Did the code run from top to bottom? Rests on what the kernel said, and on how the host saw it end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from grader.checks.base import Case, Score, check
from grader.checks.cell_and_line import Places
from grader.checks.hints import PLAIN, hint_for, hint_for_ending
from grader.core.errors import Failure, Infrastructure, Unseen
from grader.core.evidence import Cause, Cell, CellError, Claims, Ending, Fit, Value
from grader.core.text import ANSI

LONGEST_MESSAGE = 300
MOST_TOLD = 3  # problems of one run
AROUND_A_CALL = re.compile(
    r"Exception encountered when calling [\w.]{1,100}\(\)\.\s+|\s+Arguments received by [\w.]{1,100}\(\):.*"
    r"|\s+Label values: [\d ]+|(?<=') \(/[^()\s]{1,500}\)\Z",
    re.DOTALL,
)
NAME_OF_A_CELL = re.compile(r"(?<=\()\d{1,20}\.py, (?=line \d+\)\Z)")  # by which IPython calls it


class Executes(Value):
    """`after_training`: the share of the points that is kept if only code after the last fit failed."""

    after_training: Annotated[float, Field(ge=0, le=1)] = 0.5


@dataclass(frozen=True)
class _Problem:
    """Something that did not run: in which cell (None: unknown), and in words.

    `where` is what its hint begins with where several are told.
    """

    cell: int | None
    reason: str
    where: str = ""
    stopped: bool = False  # the run ended there, so a fit in this cell may have been cut short


@check(parameters=Executes, rests_on="claims")
def executes(case: Case, parameters: Executes) -> Score:
    """The code runs from top to bottom.

    Every code cell ran without an error and the run finished. `after_training` (0 to 1, default 0.5) is the share
    of the points that stays if everything up to and including the last fit ran, and only what follows it failed.
    """
    claims, ending = case.evidence.claims, case.evidence.facts.ending
    if ending.cause is Cause.INFRASTRUCTURE:
        raise Infrastructure(ending.message)
    if ending.cause is Cause.NOT_RUN:
        raise Failure(f"nothing could be run: {ending.message}", "Hand in one notebook (.ipynb) or one .py file.")
    written = tuple(cell for cell in claims.cells if cell.source.strip())
    places = replace(Places.of(case.evidence), cells=written)
    problems = _problems(places, ending)
    if not problems:
        if not written:
            raise Failure("there is no code in it", "Hand in the notebook with your code.")
        if ending.cut is not None:
            raise Unseen(ending.message)
        return Score(1.0, f"{places.file or _count(len(written))} ran without an error")
    reason = problems[0].reason + "".join(f"; {problem.reason}" for problem in problems[1:MOST_TOLD])
    if len(problems) > MOST_TOLD:
        reason += f"; and {len(problems) - MOST_TOLD} more"
    hint = _hint({item: _hint_of(item, places, ending, case.asked) for item in problems[:MOST_TOLD]})
    if parameters.after_training == 0 or not _only_after_training(problems, claims):
        raise Failure(reason, hint)
    kept = f"the training itself ran, so {parameters.after_training:.0%} of the points stay"
    return Score(parameters.after_training, f"{reason}; {kept}", hint)


def _hint_of(problem: _Problem, places: Places, ending: Ending, asked: str) -> str:
    """What a student can do about a problem."""
    if problem.stopped:
        return hint_for_ending(ending, places)
    return hint_for(next(cell for cell in places.cells if cell.number == problem.cell), places, asked)


def _hint(hints: Mapping[_Problem, str]) -> str:
    """What to do about each of them, in their order; once, and without its cell, where it is the same for all."""
    special = {problem: hint for problem, hint in hints.items() if hint not in PLAIN}
    places: dict[str, str] = {}
    for problem, hint in (special or hints).items():
        places.setdefault(hint, problem.where)
    if len(places) == 1:
        return next(iter(places))
    return " ".join(f"{where}: {hint}" if where else hint for hint, where in places.items())


def _count(cells: int) -> str:
    return "the one code cell" if cells == 1 else f"all {cells} code cells"


def _problems(places: Places, ending: Ending) -> tuple[_Problem, ...]:
    """What failed, in the order of the cells; the run's own ending comes last."""
    found = [_failed(cell, places) for cell in places.cells if cell.error is not None]
    if ending.cause is not Cause.FINISHED:
        where = places.in_cell(ending.cell)
        named = f"Cell {ending.cell}" if where and not places.file else ""
        return (*found, _Problem(ending.cell, f"the run ended early{where}: {ending.message}", named, stopped=True))
    seen = [cell for cell in places.cells if ending.cut is None or cell.number < ending.cut]
    skipped = [cell for cell in seen if not cell.executed and cell.error is None]
    found += [_not_run(cell.number, places) for cell in skipped]
    return tuple(sorted(found, key=lambda problem: problem.cell or 0))


def _not_run(number: int, places: Places) -> _Problem:
    """A cell that nobody ran, or a part of a module."""
    if not places.file:
        return _Problem(number, f"cell {number} was not run", f"Cell {number}")
    return _Problem(number, f"the file was not run{places.in_cell(number)}")


def _failed(cell: Cell, places: Places) -> _Problem:
    """A cell that failed, or a line of a module."""
    error = write_error(cell.error) if cell.error is not None else ""
    if not places.file:
        return _Problem(cell.number, f"cell {cell.number} failed: {error}", f"Cell {cell.number}")
    line = places.line_of_error(cell)
    if line is None:
        return _Problem(cell.number, f"the file failed{places.in_cell(cell.number)}: {error}")
    error = re.sub(r" \(line \d+\)\Z", "", error)  # of the cell
    calls = places.calls_of_error(cell)
    if calls and calls[0] != line:
        said = f"line {line} of {places.file}, called from line {calls[0]}, failed: {error}"
    else:
        said = f"line {line} of {places.file} failed: {error}"
    return _Problem(cell.number, said, f"Line {line}")


def _only_after_training(problems: tuple[_Problem, ...], claims: Claims) -> bool:
    """Whether the last training came to its end before the first problem."""
    done = trainings(claims.fits)
    last = max(done, key=lambda fit: fit.cell or 0, default=None)
    if last is None or last.cell is None or any((fit.cell or 0) > last.cell for fit in claims.fits):
        return False
    here = [fit for fit in claims.fits if fit.cell == last.cell]
    whole = all(fit.how == "fit" and fit in done and fit.error is None for fit in here)
    complete = whole and here[-1].epochs_done >= here[-1].epochs
    return all(
        problem.cell is not None
        and (problem.cell > last.cell or (problem.cell == last.cell and whole and (complete or not problem.stopped)))
        for problem in problems
    )


def trainings(fits: tuple[Fit, ...]) -> list[Fit]:
    """Those that trained anything: a `fit` of an epoch at least, `train_on_batch` or a loop of one's own in some steps."""
    return [fit for fit in fits if fit.epochs_done >= 1 or (fit.how != "fit" and (fit.steps or 0) > 0)]


def write_error(error: CellError) -> str:
    """The error in one line of bounded length: "NameError: name 'x' is not defined"."""
    message = plain_error(error.message)
    return f"{error.name}: {message}" if message else error.name


def plain_error(message: str) -> str:
    """What an error says, on one line; of what Keras says of a call, without the call and all that it was given."""
    return one_line(NAME_OF_A_CELL.sub("", AROUND_A_CALL.sub("", message)))


def one_line(text: str) -> str:
    """What the kernel said, for a sentence: without colours, on one line, of bounded length."""
    line = " ".join(ANSI.sub("", text).split())
    return line if len(line) <= LONGEST_MESSAGE else line[:LONGEST_MESSAGE].rstrip() + " …"
