"""Where something stands: cells of a notebook, lines of a module's file."""

from dataclasses import replace

import pytest

from grader.checks.cell_and_line import Places, failing_lines
from grader.core.evidence import Cause, Cell, CellError, Ending, Judgement, Source
from grader.core.results import CheckResult
from tests.checks.builders import case, cell, claims, fit, look

NO_MODEL = Judgement(outcome="no-model", reason="no model was left")
FIRST = "import keras\nx_train = 1\n"
SECOND = "# %%\n\nprint(x_trian)\n"
TRACEBACK = "NameError   Traceback\nCell In[2], line 3\n      1 # %%\n----> 3 print(x_trian)\n\nNameError: name"


def failing(number: int = 2, source: str = SECOND, traceback: str = TRACEBACK, name: str = "x_trian") -> Cell:
    error = CellError(name="NameError", message=f"name '{name}' is not defined", traceback=traceback)
    return Cell(number=number, source=source, executed=True, error=error)


def of_module(use: str, *cells: Cell, name: str = "work.py", **said: object) -> CheckResult:
    about = case(claims(*cells, **said), NO_MODEL)  # type: ignore[arg-type]
    submission = Source(name=name, sha256="0" * 64)
    return look(use, replace(about, evidence=about.evidence.model_copy(update={"submission": submission})))


def test_an_error_of_a_module_is_told_by_its_file_and_line() -> None:
    result = of_module("executes", cell(1, FIRST), failing())
    assert result.reason == "line 5 of work.py failed: NameError: name 'x_trian' is not defined"
    assert result.hint == "There is no `x_trian`: did you mean `x_train`, which the file defines?"


def test_a_module_that_runs_is_called_by_its_name() -> None:
    assert of_module("executes", cell(1, FIRST)).reason == "work.py ran without an error"


def test_a_line_that_python_can_not_read_is_named_once() -> None:
    error = CellError(name="SyntaxError", message="expected ':' (3723371001.py, line 2)")
    unread = Cell(number=1, source="x = 1\nfor i in x\n    pass", executed=True, error=error)
    assert of_module("executes", unread).reason == "line 2 of work.py failed: SyntaxError: expected ':'"
    in_a_notebook = look("executes", case(claims(unread)))
    assert in_a_notebook.reason == "cell 1 failed: SyntaxError: expected ':' (line 2)"


def test_several_errors_of_a_module_have_their_hints_by_line() -> None:
    other = failing(3, "# %%\npd", "----> 2 pd\n", "pd")
    hint = of_module("executes", cell(1, FIRST), failing(), other).hint
    assert hint.startswith("Line 5: There is no `x_trian`")
    assert " Line 7: `pd` was not imported" in hint


def test_a_name_that_a_module_defines_below_its_use_is_to_be_moved_up() -> None:
    used = failing(1, "print(network)\n\nnetwork = 1", "----> 1 print(network)\n", "network")
    assert of_module("executes", used).hint == "`network` is defined on line 3, after its use on line 1: move it up."


def test_a_module_is_not_told_to_restart_its_kernel() -> None:
    unknown = cell(1, "x", ("ZeroDivisionError", "division by zero"))
    assert of_module("executes", unknown).hint == "Run the file from the top, and mend the first line that fails."
    ended = Ending(cause=Cause.NOT_RUN, message="x")
    assert "kernel" not in look("executes", case(claims(unknown), ending=ended)).hint
    nameless = failing(1, "weather", "----> 1 weather\n", "weather")
    assert "restart" not in of_module("executes", nameless).hint.lower()


def test_no_cell_is_named_where_a_module_trains_or_fails_to() -> None:
    tried = fit(cell=1, done=0, error="ValueError: x")
    assert "`model.fit` failed: ValueError: x" in of_module("model_found", cell(1, "go()"), fits=[tried]).reason
    uncalled = of_module("model_found", cell(1, "def train():\n    model.fit(x)"))
    assert "the function `train` calls `fit`, but nothing uses `train`" in uncalled.reason
    assert "nothing calls `fit`" in of_module("model_found", cell(1, "import keras\nkeras.Sequential()")).reason
    assert of_module("model_found", cell(1, FIRST), failing()).hint.startswith(
        "Mend line 5 of work.py first: it failed"
    )


def test_the_parts_of_a_module_are_called_by_their_lines() -> None:
    places = Places((cell(1, FIRST), cell(2, SECOND)), "work.py")
    assert [places.of_cell(1), places.of_cell(2), places.in_cell(2)] == [
        "lines 1 to 2",
        "lines 3 to 5",
        " in lines 3 to 5",
    ]
    assert Places((cell(1, FIRST),), "work.py").in_cell(1) == ""
    assert Places((cell(1, FIRST),)).in_cell(1) == " in cell 1"


@pytest.mark.parametrize(
    ("traceback", "found"),
    [
        (TRACEBACK, [(3, "print(x_trian)")]),
        ("----> 9 print(x_trian)", []),  # of another file
        ("----> 3 something else", []),
        ("-" * 20_000, []),
        ("", []),
    ],
)
def test_a_marked_line_counts_only_where_it_stands_in_the_cell(traceback: str, found: list[tuple[int, str]]) -> None:
    assert [(at.line, at.text) for at in failing_lines(failing(traceback=traceback))] == found


def test_a_files_name_is_one_line_of_bounded_length() -> None:
    result = of_module("executes", failing(1, SECOND), name="a\n::error::" + "b" * 500 + ".py")
    assert "\n" not in result.reason
    assert len(result.reason) < 200


def test_an_error_inside_a_function_is_told_by_its_own_line_and_the_call_beside() -> None:
    defines, calls = "def rate(x):\n    return x / zero\n", "# %%\n\nprint(rate(1))\n"
    traceback = (
        "NameError   Traceback\nCell In[2], line 3\n      1 # %%\n----> 3 print(rate(1))\n\n"
        "Cell In[1], line 2, in rate(x)\n      1 def rate(x):\n----> 2     return x / zero\n\nNameError: name"
    )
    failed = failing(2, calls, traceback, "zero")
    assert Places((cell(1, defines), failed), "work.py").of_error(failed) == "line 2 of work.py"
    result = of_module("executes", cell(1, defines), failed)
    assert "line 2 of work.py, called from line 5, failed: NameError" in result.reason


def test_a_line_of_a_package_is_no_line_of_the_submission() -> None:
    traceback = "Cell In[2], line 3\n----> 3 print(x_trian)\n\nFile /lib/some.py:3, in f()\n----> 1 # %%\n"
    assert [at.line for at in failing_lines(failing(traceback=traceback))] == [3]
