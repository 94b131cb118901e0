"""The checks of modules of functions: shares by kinds of cases, reasons that name the case, and what is imported."""

import dataclasses
import warnings

import numpy as np
import pytest

from grader.checks.base import Case
from grader.checks.functions import LONGEST_SOURCE, find_functions
from grader.core.errors import RubricError
from grader.core.evidence import Call, Cause, Ending, Judgement
from grader.core.results import CheckResult, FunctionFinding, Outcome
from grader.functions.cases import Function, Group
from tests.checks.builders import case, cell, claims, look
from tests.functions.answers import ended, returned

LOST = ended("lost", "did not return within 5 s", group="strides", name="double")
CALLED = Judgement(outcome="called")
NOT_CALLED = Judgement(outcome="not-called", reason="the module did not return within 30 s while it was loaded")


def double(number: float) -> float:
    return 2 * number


GROUPS = ("small", "large", "strides", "padding")
FUNCTIONS = {"double": Function(double, tuple(Group(title=title) for title in GROUPS))}


def answer(group: str, value: object, argument: float = 1) -> Call:
    return returned(value, arguments=(argument,), group=group, name="double")


RIGHT = {group: answer(group, 2) for group in GROUPS}


def module(
    *calls: Call, problem: str = "", judgement: Judgement = CALLED, source: str = "", ending: Ending | None = None
) -> Case:
    """A module that answered with these calls."""
    about = case(
        claims(*(cell(1, source),) if source else ()), judgement, ending or Ending(cause=Cause.FINISHED, message="")
    )
    facts = about.evidence.facts.model_copy(update={"functions": {"double": problem} if problem else {}})
    evidence = about.evidence.model_copy(update={"facts": facts})
    return dataclasses.replace(about, evidence=evidence, calls=calls, functions=FUNCTIONS)


def computes(*calls: Call, problem: str = "", judgement: Judgement = CALLED) -> CheckResult:
    return look("computes", module(*calls, problem=problem, judgement=judgement), {"function": "double"})


def finding(*calls: Call, problem: str = "") -> FunctionFinding:
    (found,) = find_functions(module(*calls, problem=problem))
    return found


def test_all_kinds_right_give_all_points_and_the_number_of_cases() -> None:
    result = computes(*RIGHT.values(), answer("small", 6, 3))
    assert (result.outcome, result.points, result.reason) == (
        Outcome.PASSED,
        10,
        "right in all 5 cases that were tried",
    )
    assert result.rests_on == "facts"


@pytest.mark.parametrize(("wrong", "points"), [(1, 7.5), (2, 5.0), (3, 2.5)])
def test_each_kind_that_is_right_gives_the_same_share(wrong: int, points: float) -> None:
    calls = [answer(group, 2 if index >= wrong else 3) for index, group in enumerate(GROUPS)]
    result = computes(*calls)
    assert (result.outcome, result.points) == (Outcome.PARTIAL, points)
    assert f"{4 - wrong} of 4 kinds of cases are right" in result.reason


def test_one_wrong_case_among_many_right_ones_makes_its_kind_wrong() -> None:
    result = computes(*RIGHT.values(), answer("large", 8, 4), answer("large", 9, 5))
    assert result.points == 7.5
    assert result.reason == "3 of 4 kinds of cases are right; `large`: it returned 9 where 10 is right"
    assert "work it out by hand" in result.hint


def test_no_kind_that_is_right_gives_nothing_and_names_the_first_fault_and_the_other_kinds() -> None:
    result = computes(*(answer(group, [2]) for group in GROUPS))
    assert (result.outcome, result.points) == (Outcome.FAILED, 0)
    assert result.reason == (
        "0 of 4 kinds of cases are right; `small`: it returned a list, where a number is asked for; "
        "not right or not reached: `large`, `strides` and `padding`"
    )


def test_kinds_that_were_not_reached_after_a_call_that_did_not_return_are_not_right() -> None:
    result = computes(RIGHT["small"], RIGHT["large"], LOST)
    assert (result.outcome, result.points) == (Outcome.PARTIAL, 5)
    assert "`strides`: it did not return within 5 s; not right or not reached: `padding`" in result.reason
    tried = {group.title: (group.tried, group.right) for group in finding(RIGHT["small"], RIGHT["large"], LOST).groups}
    assert tried == {"small": (1, True), "large": (1, True), "strides": (1, False), "padding": (0, False)}


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("missing", "the module has no `double`"),
        ("double(a, b)", "it is written `double(a, b)` and can't be called with 1 arguments"),
        ("no function, but int", "`double` is no function, but int"),
        ("double(" + "x" * 1999, "it is written `double(xxx"),
    ],
)
def test_a_function_that_could_not_be_called_is_told_with_how_to_write_it(problem: str, words: str) -> None:
    result = computes(problem=problem)
    assert (result.outcome, result.points) == (Outcome.FAILED, 0)
    assert result.reason.startswith(words)
    assert len(result.reason) < 500
    assert result.hint == "Write `def double(number):` at the top level of the module."
    assert finding(problem=problem).problem == result.reason


def test_a_module_that_could_not_be_loaded_is_told_as_that() -> None:
    result = computes(judgement=NOT_CALLED)
    assert (result.outcome, result.reason) == (
        Outcome.FAILED,
        "the module did not return within 30 s while it was loaded",
    )


def test_a_kind_that_was_never_tried_is_our_fault_and_no_lost_mark() -> None:
    result = computes(RIGHT["small"], RIGHT["large"], RIGHT["strides"])
    assert result.outcome is Outcome.BROKEN
    assert "No call of `double` is stored for `padding`: the cases were others when it was run" in result.reason


def test_a_function_without_cases_is_our_fault() -> None:
    result = look("computes", module(*RIGHT.values()), {"function": "triple"})
    assert result.outcome is Outcome.BROKEN
    assert "There are no cases for `triple`" in result.reason


def test_an_oracle_that_fails_today_is_told_to_the_course_and_costs_no_mark() -> None:
    def oracle(number: float) -> float:
        return number / 0

    oracle.__name__ = "double"
    about = dataclasses.replace(
        module(*RIGHT.values()), functions={"double": Function(oracle, FUNCTIONS["double"].groups)}
    )
    assert look("computes", about, {"function": "double"}).outcome is Outcome.BROKEN
    with pytest.raises(RubricError, match="The oracle of `double` fails with ZeroDivisionError"):
        find_functions(about)


def test_what_was_found_names_the_case_with_its_arguments_for_the_report() -> None:
    wrong = next(group for group in finding(*RIGHT.values(), answer("large", np.ones(2), 7)).groups if not group.right)
    assert (wrong.title, wrong.tried) == ("large", 2)
    assert wrong.fault == "returned an array of shape (2,), where a number is asked for"
    assert wrong.shown.splitlines() == [
        "double(number)",
        "number = 7",
        "right: 14",
        "returned: 2, float64",
        "    [1., 1.]",
    ]


@pytest.mark.parametrize("answered", [((2,), (3,)), ((1, 2), (3, 4)), tuple(range(100_000)), np.ones((70, 70)), [[2]]])
def test_an_answer_of_whatever_form_can_be_shown_in_bounded_space(answered: object) -> None:
    found = finding(answer("small", answered), *RIGHT.values())
    assert 0 < len(found.groups[0].shown) < 3000


def test_a_long_error_of_several_lines_is_one_bounded_line_in_the_reason() -> None:
    said = "raised ValueError: first\n::error::second\n  ✓ 30/30 " + "x" * 2000
    raised = ended("raised", said, group="small", name="double")
    result = computes(raised, *list(RIGHT.values())[1:])
    assert "\n" not in result.reason
    assert len(result.reason) < 500
    assert "first\n::error::second" in finding(raised).groups[0].shown


def imports(source: str, *modules: str) -> CheckResult:
    return look("allowed_imports", module(source=source), {"modules": list(modules) or ["numpy", "math"]})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import numpy as np, math", "it imports `math` and `numpy`"),
        ("import numpy.linalg", "it imports `numpy.linalg`"),
        ("from numpy.lib import stride_tricks as s", "it imports `numpy.lib`"),
        ("from __future__ import annotations\nfrom typing import Any", "it imports `__future__` and `typing`"),
        ("def f():\n    import math", "it imports `math`"),
        ("__import__('math')", "it imports `math`"),
        ("x = 1\n# import scipy\ny = 'import torch'", "it imports nothing"),
        ("__import__(name)", "it imports nothing"),
        ("__import__(3)", "it imports nothing"),
        ("f()()()", "it imports nothing"),
    ],
)
def test_allowed_modules_and_those_of_the_language_pass(source: str, words: str) -> None:
    result = imports(source)
    assert (result.outcome, result.reason) == (Outcome.PASSED, words)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import scipy.signal", "scipy.signal"),
        ("import numpy, scipy as np", "scipy"),
        ("from scipy import signal as numpy", "scipy"),
        ("from tensorflow.keras.layers import *", "tensorflow.keras.layers"),
        ("def f():\n    if 0:\n        import torch", "torch"),
        ("try:\n    import cv2\nexcept ImportError:\n    pass", "cv2"),
        ("import numpyx", "numpyx"),
        ("from . import helper", "."),
        ("from .numpy import solution", ".numpy"),
        ("from ..math import solution", "..math"),
        ("__import__('scipy.signal').signal", "scipy.signal"),
        ("x = __builtins__.__import__('scipy')", "scipy"),
        ("math.importlib.import_module('scipy')", "scipy"),
        ("import math\nmath.sys.modules['x'] = __import__(name='a') or __import__('scipy')", "scipy"),
    ],
)
def test_any_other_module_fails_and_is_named_with_what_may_be_used(source: str, name: str) -> None:
    result = imports(source)
    assert (result.outcome, result.points) == (Outcome.FAILED, 0)
    assert result.reason == f"the module imports `{name}`"
    assert result.hint == "Do it with `numpy` or `math` alone."


def test_every_cell_is_read_and_names_are_told_once_and_not_by_the_hundred() -> None:
    cells = [cell(1, "import os"), cell(2, "import os, sys"), cell(3, "%matplotlib inline\nimport torch")]
    result = look("allowed_imports", case(claims(*cells)), {"modules": ["numpy"]})
    assert result.reason == "the module imports `os` and `sys`"
    many = imports("import " + ", ".join(f"m{n:03}" for n in range(300)))
    assert many.reason.endswith("`m009` and 290 more")
    fine = imports("import " + ", ".join(f"numpy.m{n:03}" for n in range(300)))
    assert (fine.outcome, fine.reason[-25:]) == (Outcome.PASSED, "`numpy.m009` and 290 more")


@pytest.mark.parametrize(
    "source", ["def f(:", "print 'hello'", "%pip install scipy", "import", "\x00", "  x = 1\n y = 2"]
)
def test_what_is_no_python_imports_nothing_because_it_never_runs(source: str) -> None:
    assert imports(source).reason == "it imports nothing"


@pytest.mark.parametrize(
    "source",
    ["f" + "()" * 700, "f" + ".a()" * 700, "x = " + "-" * 800 + "1", "x = [" * 90 + "]" * 90, "1" + "+1" * 900],
)
def test_long_chains_and_nests_are_read(source: str) -> None:
    assert imports(source).outcome in (Outcome.PASSED, Outcome.FAILED)


@pytest.mark.parametrize(
    "source", ["f" + "()" * 60_000, "x" + ".a" * 90_000, "-" * 200_000 + "1", "1" + "+1" * 100_000]
)
def test_a_source_that_nests_too_deep_to_be_read_fails_and_breaks_nothing(source: str) -> None:
    result = imports(f"{source}\nimport scipy")
    assert (result.outcome, result.reason) == (Outcome.FAILED, "the source nests too deep to be searched for imports")


def test_a_source_of_data_is_not_read_at_all() -> None:
    result = imports("x = 1\n" * (LONGEST_SOURCE // 6 + 1))
    assert result.outcome is Outcome.FAILED
    assert result.reason == "the source has more than 250,000 characters, too many to be searched for imports"


def test_what_python_thinks_of_the_style_of_a_student_is_said_to_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert imports('import numpy\nx = "\\d"\nif x is 3: pass\nassert (x, "y")').reason == "it imports `numpy`"


def test_what_goes_wrong_is_kept_in_parts_for_whoever_shows_it() -> None:
    group = finding(answer("small", 3, 1)).groups[0]
    assert group.counterexample is not None
    assert group.counterexample.arguments == (("number", "1"),)
    assert (group.counterexample.got, group.counterexample.wanted, group.counterexample.returned) == ("3", "2", True)


def test_a_call_that_did_not_return_says_what_happened_instead_of_an_answer() -> None:
    found = finding(RIGHT["small"], RIGHT["large"], LOST).groups[2].counterexample
    assert found is not None
    assert (found.got, found.returned) == ("did not return within 5 s", False)


@pytest.mark.parametrize(
    ("name", "place"), [("operators.py", (None, 5)), ("OPERATORS.PY", (None, 5)), ("operators.ipynb", (2, 3))]
)
def test_the_line_of_a_function_is_the_files_and_in_a_notebook_the_cells(
    name: str, place: tuple[int | None, int]
) -> None:
    about = module(answer("small", 3, 1))
    cells = (cell(1, "import numpy\n\n"), cell(2, "# again\ndouble = 3\ndef double(number):\n    return 3\n"))
    source = about.evidence.submission.model_copy(update={"name": name})
    said = about.evidence.claims.model_copy(update={"cells": cells})
    evidence = about.evidence.model_copy(update={"submission": source, "claims": said})
    (found,) = find_functions(dataclasses.replace(about, evidence=evidence))
    assert (found.cell, found.line) == place


def test_a_function_that_is_nowhere_defined_has_no_line() -> None:
    assert finding(answer("small", 3, 1)).line is None
