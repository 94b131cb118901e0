"""Did the code run from top to bottom? Rests on what the kernel said, and on how the host saw it end."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from grader.checks.registry import Case, Score, check
from grader.errors import Failure, Infrastructure
from grader.evidence import Cause, Cell, CellError, Claims, Ending, Value

LONGEST_MESSAGE = 300
RUN_ALL = "Restart the kernel, run all cells from the top, and mend the first one that fails."
SMALLER = "Use float32 instead of float64, smaller images or batches, and load photographs batch by batch."
SHORTER = (
    "Use fewer epochs or a smaller network, and look for loops that predict or draw image by image: "
    "predict many images in one call."
)

# (names of errors, what the message says, the hint); the first that fits is taken, "\1" is what the message named.
HINTS: tuple[tuple[str, str, str], ...] = (
    (".*", r"np_utils", "Keras 3 has no `np_utils`: write `from keras.utils import to_categorical`."),
    (
        "ImportError|ModuleNotFoundError",
        r"ImageDataGenerator",
        "Keras 3 moved it: write `from tensorflow.keras.preprocessing.image import ImageDataGenerator`.",
    ),
    (
        "ImportError|ModuleNotFoundError|AttributeError",
        r"keras\.(?:layers\.(?:core|convolutional|pooling|normalization|experimental|embeddings|recurrent)|engine"
        r"|utils\.vis_utils|wrappers|optimizers\.legacy)\b|vis_utils",
        "That path is Keras 2's: import layers from `keras.layers`, tools from `keras.utils`, and optimizers from "
        "`keras.optimizers`.",
    ),
    (
        "ModuleNotFoundError",
        r"No module named '(torch|torchvision|fastai|pytorch_lightning)\b",
        "The exercise is to be done in Keras: `\\1` is another framework and is not installed here.",
    ),
    (
        "ModuleNotFoundError",
        r"No module named '([^']+)'",
        "`\\1` is not installed where notebooks are graded, and nothing can be downloaded there: do without it. If it "
        "is a file of your own, hand it in beside the notebook.",
    ),
    (
        "FileNotFoundError|NotFoundError",
        r"",
        "The file is not there when your work is graded: load the data the way the exercise says, and write paths "
        "relative to the notebook, not those of your computer, Drive or `/content`.",
    ),
    ("MemoryError|ResourceExhaustedError|_ArrayMemoryError", r"", f"Your arrays do not fit into memory. {SMALLER}"),
    (
        "StdinNotImplementedError",
        r"",
        "Nobody is there to answer `input()` when your work is graded: write the value into the notebook.",
    ),
    (
        "SyntaxError",
        r"Missing parentheses in call to 'print'|Missing parentheses in call to 'exec'",
        "This is Python 2: write `print(...)` with parentheses.",
    ),
    (
        "SyntaxError|IndentationError|TabError",
        r"",
        "Python can't read this cell: look at the line it names and the one before it (a missing bracket, colon or "
        "quote, or text that belongs into a Markdown cell).",
    ),
    (
        "URLError|HTTPError|ConnectionError|gaierror|MaxRetryError|SSLError|Exception",
        r"URL fetch failure|urlopen error|Name or service not known|name resolution|Max retries exceeded",
        "There is no network when your work is graded: use the data of the exercise, and no downloaded weights.",
    ),
    (
        "KeyError",
        r"^'?(?:val_)?(?:acc|accuracy|loss)'?$",
        "The names in `history.history` follow `metrics=[...]` and whether `fit` got validation data: look at "
        "`history.history.keys()`.",
    ),
    (
        "AttributeError",
        r"'(fit_generator|predict_generator|evaluate_generator|predict_classes|predict_proba)'",
        "`\\1` was taken out of Keras: use `fit`, `evaluate` and `predict`; classes are `predict(x).argmax(axis=1)`.",
    ),
    (
        "TypeError|ValueError",
        r"(?:argument|recognized).*'(?:lr|nb_epoch|border_mode|output_dim|init|subsample|samples_per_epoch)'",
        "That is a name of an old Keras: it is now `learning_rate`, `epochs`, `padding`, `units`, "
        "`kernel_initializer`, `strides` or `steps_per_epoch`.",
    ),
    (
        "ValueError|InvalidArgumentError",
        r"incompatible|same shape|expected axis|must have the same|\brank\b",
        "Compare the `.shape` of your images with the model's input, and of your labels with its output: one-hot "
        "labels go with `categorical_crossentropy`, integers with `sparse_categorical_crossentropy`.",
    ),
    ("SystemExit", r"", "Take out `exit()`, `quit()` and `sys.exit()`: they end the notebook."),
    ("PermissionError|OSError", r"Read-only|Permission denied", "Write files beside the notebook only."),
    (
        "NameError",
        r"name '([^']+)'",
        "`\\1` has no value yet at this point. Restart the kernel and run all cells from the top: what a deleted or "
        "later cell once did is gone then.",
    ),
)
ENDINGS: tuple[tuple[tuple[Cause, ...], str], ...] = (
    ((Cause.CELL_TIMEOUT, Cause.WALL_LIMIT, Cause.CPU_LIMIT), SHORTER),
    ((Cause.MEMORY_LIMIT,), SMALLER),
    ((Cause.PROCESS_LIMIT,), "Start no processes of your own: leave out `workers=`, `n_jobs=` and `multiprocessing`."),
    ((Cause.OUTPUT_LIMIT,), "Print and draw less: `fit(..., verbose=2)`, and no prints or figures in long loops."),
    ((Cause.KERNEL_EXITED,), "Take out `exit()`, `quit()` and `os._exit()`: they end the notebook."),
    ((Cause.PROTOCOL_VIOLATION,), "Leave the notebook's kernel and its messages alone."),
    ((Cause.CRASH, Cause.KILLED), f"Python itself died, most often for want of memory. {SMALLER}"),
)


class Executes(Value):
    """`after_training`: the share of the points that is kept if only code after the last fit failed."""

    after_training: Annotated[float, Field(ge=0, le=1)] = 0.5


@dataclass(frozen=True)
class _Problem:
    """Something that did not run: in which cell (None: unknown), and in words."""

    cell: int | None
    reason: str
    hint: str
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
    problems = _problems(written, ending)
    if not problems:
        if not written:
            raise Failure("there is no code in it", "Hand in the notebook with your code.")
        return Score(1.0, f"{_count(len(written))} ran without an error")
    reason = problems[0].reason + "".join(f"; {problem.reason}" for problem in problems[1:3])
    if len(problems) > 3:
        reason += f"; and {len(problems) - 3} more"
    if parameters.after_training == 0 or not _only_after_training(problems, claims):
        raise Failure(reason, problems[0].hint)
    kept = f"the training itself ran, so {parameters.after_training:.0%} of the points stay"
    return Score(parameters.after_training, f"{reason}; {kept}", problems[0].hint)


def _count(cells: int) -> str:
    return "the one code cell" if cells == 1 else f"all {cells} code cells"


def _problems(cells: tuple[Cell, ...], ending: Ending) -> tuple[_Problem, ...]:
    """What failed, in the order of the cells; the run's own ending comes last."""
    found = [
        _Problem(cell.number, f"cell {cell.number} failed: {write_error(cell.error)}", hint_for(cell, cells))
        for cell in cells
        if cell.error is not None
    ]
    if ending.cause is not Cause.FINISHED:
        where = f" in cell {ending.cell}" if ending.cell else ""
        hint = next((hint for causes, hint in ENDINGS if ending.cause in causes), RUN_ALL)
        return (*found, _Problem(ending.cell, f"the run ended early{where}: {ending.message}", hint, stopped=True))
    skipped = [cell for cell in cells if not cell.executed and cell.error is None]
    found += [_Problem(cell.number, f"cell {cell.number} was not run", RUN_ALL) for cell in skipped]
    return tuple(sorted(found, key=lambda problem: problem.cell or 0))


def _only_after_training(problems: tuple[_Problem, ...], claims: Claims) -> bool:
    """Whether the last fit came to its end before the first problem."""
    last = claims.fits[-1] if claims.fits else None
    if last is None or last.cell is None or last.error is not None or last.epochs_done < 1:
        return False
    complete = last.epochs_done >= last.epochs
    return all(
        problem.cell is not None
        and (problem.cell > last.cell or (problem.cell == last.cell and (complete or not problem.stopped)))
        for problem in problems
    )


def write_error(error: CellError) -> str:
    """The error in one line of bounded length: "NameError: name 'x' is not defined"."""
    message = one_line(error.message)
    return f"{error.name}: {message}" if message else error.name


def one_line(text: str) -> str:
    """What the kernel said, for a sentence: without colours, on one line, of bounded length."""
    line = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    return line if len(line) <= LONGEST_MESSAGE else line[:LONGEST_MESSAGE].rstrip() + " …"


def hint_for(cell: Cell, cells: tuple[Cell, ...]) -> str:
    """What a student can do about the error of `cell`; the other cells tell where a missing name is defined."""
    if cell.error is None:
        return ""
    missing = re.search(r"name '(\w+)'", cell.error.message) if cell.error.name == "NameError" else None
    if missing is not None:
        elsewhere = _defined_elsewhere(missing[1], cell, cells)
        if elsewhere:
            return elsewhere
    for errors, pattern, hint in HINTS:
        found = re.search(pattern, cell.error.message)
        if re.fullmatch(errors, cell.error.name) and found is not None:
            return found.expand(hint)
    return RUN_ALL


def _defined_elsewhere(name: str, failed: Cell, cells: tuple[Cell, ...]) -> str:
    """Names a later cell that defines `name`, or a name that differs from it only in upper and lower case."""
    for cell in cells:
        if cell.number > failed.number and name in _definitions(cell.source):
            return (
                f"`{name}` is defined in cell {cell.number}, after its use in cell {failed.number}: move that cell up, "
                "then restart the kernel and run all cells from the top."
            )
    for cell in cells:
        for other in _definitions(cell.source) if cell.number <= failed.number else ():
            if other != name and other.casefold() == name.casefold():
                return f"Cell {cell.number} defines `{other}`: upper and lower case count, so `{name}` is another name."
    return ""


def _definitions(source: str) -> tuple[str, ...]:
    """Names that the source assigns, imports or defines, in order; by its words, since it need not be valid Python."""
    names = re.findall(r"^[ \t]*(?:def|class)[ \t]+(\w+)", source, re.MULTILINE)
    for left in re.findall(r"^[ \t]*([\w \t,()]+?)[ \t]*=(?!=)", source, re.MULTILINE):
        names += re.findall(r"\w+", left)
    for imported in re.findall(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import[ \t]+(.+)$", source, re.MULTILINE):
        names += [part.split(" as ")[-1].strip() for part in imported.split(",")]
    return tuple(names)
