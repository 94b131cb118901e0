"""Cases for students: drawn with the oracle's answers, stored without the oracle."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from grader.core.errors import RubricError
from grader.core.evidence import Call
from grader.functions.agreement import disagreement
from grader.functions.cases import Function, Functions, Group, key_of, load_functions, pack_array
from grader.functions.explore import DRAWN, SEED, explore_function, record_cases

PAIRS = st.tuples(st.integers(1, 1000), st.integers(1, 1000))


def total(one: int, other: int) -> int:
    return one + other


def asked(*groups: Group, oracle: object = total) -> Functions:
    function = Function(oracle, groups)  # type: ignore[arg-type]
    return Functions(by_name={function.name: function}, digest="")


def stored(functions: Functions, folder: Path) -> Function:
    cases, _ = record_cases(functions)
    path = folder / "cases.json"
    path.write_text(cases.model_dump_json(by_alias=True, exclude_defaults=True), encoding="utf-8")
    (function,) = load_functions(path).by_name.values()
    return function


def test_answers_are_kept_in_their_form(tmp_path: Path) -> None:
    def three(values: np.ndarray) -> object:
        return {1: values * 2.0, 2: (1, 2.5), 3: 7}[values.size]

    examples = tuple((np.arange(size),) for size in (1, 2, 3))
    read = stored(asked(Group(title="forms", examples=examples, shown=True), oracle=three), tmp_path)
    assert read.signature == "three(values)"
    assert [type(read.answer(example)) for example in examples] == [np.ndarray, tuple, int]
    assert read.answer((np.arange(2),)) == (1, 2.5)


def test_examples_that_are_not_shown_stay_with_the_course(tmp_path: Path) -> None:
    functions = asked(
        Group(title="drawn", examples=((123456, 1),), draws=PAIRS), Group(title="hidden", examples=((7, 7),)),
        Group(title="open", examples=((3, 4),), shown=True),
    )  # fmt: skip
    cases, missing = record_cases(functions)
    assert missing == ("`total`, hidden",)
    assert [group.title for group in cases.functions[0].groups] == ["drawn", "open"]
    assert "123456" not in cases.model_dump_json()
    read = stored(functions, tmp_path)
    assert read.groups[1].examples == ((3, 4),)
    assert len(read.groups[0].examples) > DRAWN // 2


def test_a_function_with_hidden_examples_alone_is_refused() -> None:
    with pytest.raises(RubricError, match=r"none of its groups draws any.*shown=True"):
        try:
            record_cases(asked(Group(title="hidden", examples=((7, 7),))))
        except RubricError as error:
            raise RubricError(str(error)) from None


def test_they_are_not_the_cases_of_a_grading_run() -> None:
    assert SEED > 2**32 - 1
    functions = asked(Group(title="drawn", draws=PAIRS))
    function = functions.by_name["total"]
    ours = {key_of(call.arguments) for call in record_cases(functions)[0].functions[0].groups[0].calls}

    def right(group: Group, arguments: tuple[int, ...]) -> Call:
        return Call(function="total", group=group.title, arguments=arguments, outcome="returned", form="number",
                    value=pack_array(np.asarray(sum(arguments))))  # fmt: skip

    for seed in range(3):
        theirs = {key_of(call.arguments) for call in explore_function(function, right, seed=seed)}
        assert len(theirs & ours) < len(theirs) / 2


def test_the_first_that_goes_wrong_is_the_smallest(tmp_path: Path) -> None:
    read = stored(asked(Group(title="drawn", draws=PAIRS)), tmp_path)
    examples = read.groups[0].examples
    assert [sum(example) for example in examples] == sorted(sum(example) for example in examples)

    def wrong(group: Group, arguments: tuple[int, ...]) -> Call:
        return Call(function="total", group=group.title, arguments=arguments, outcome="returned", form="number",
                    value=pack_array(np.asarray(0)))  # fmt: skip

    (call,) = explore_function(read, wrong, seed=0)
    assert call.arguments == examples[0]
    assert disagreement(read, call) == f"returned 0 where {sum(examples[0])} is right"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text('{"functions": []}')
    with pytest.raises(RubricError, match=r"cases\.json: is not a file of cases"):
        load_functions(path)
    with pytest.raises(RubricError, match="can't be read"):
        load_functions(tmp_path / "none.json")
