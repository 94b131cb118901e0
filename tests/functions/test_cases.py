"""The file that a course writes: what is taken from it, and how it is refused, in words for its author."""

import sys
from pathlib import Path

import numpy as np
import pytest

from grader.core.errors import RubricError
from grader.functions.cases import Function, Group, load_functions

IMPORTS = (
    "import numpy as np\nfrom grader.functions.cases import Group, cases\nfrom hypothesis import strategies as st\n"
)
WHOLE = f"""\
{IMPORTS}
@cases(
    Group(title="by hand", examples=((np.array([1, 2]), 3), (np.array([0.5]), 2))),
    Group(title="drawn", draws=st.tuples(st.just(np.ones(2)), st.integers(0, 9)), number=7),
)
def scaled(values, factor):
    return values * factor


@cases(Group(title="by hand", examples=((3,),)))
def doubled(number):
    return 2 * number
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "sums" / "cases.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def one(groups: str, body: str = "return 2 * number", head: str = "def f(number):") -> str:
    """A file of cases with one function."""
    return f"{IMPORTS}\n@cases({groups})\n{head}\n    {body}\n"


def refusal(path: Path) -> str:
    with pytest.raises(RubricError) as refused:
        load_functions(path)
    assert str(path) in refused.value.message
    assert refused.value.remedy
    return str(refused.value)


def test_functions_are_found_by_name_with_their_groups_and_signatures(tmp_path: Path) -> None:
    found = load_functions(write(tmp_path, WHOLE)).by_name
    assert list(found) == ["scaled", "doubled"]
    assert found["scaled"].signature == "scaled(values, factor)"
    assert [(group.title, len(group.examples), group.number) for group in found["scaled"].groups] == [
        ("by hand", 2, 20), ("drawn", 0, 7),
    ]  # fmt: skip
    assert found["scaled"].answer((np.array([1, 2]), 3)).tolist() == [3, 6]
    assert found["doubled"].answer((3,)) == 6


def test_the_digest_is_of_the_file_and_changes_with_it(tmp_path: Path) -> None:
    first = load_functions(write(tmp_path, WHOLE)).digest
    assert load_functions(write(tmp_path, WHOLE)).digest == first
    assert load_functions(write(tmp_path, WHOLE.replace("2 * number", "3 * number"))).digest != first


def test_nothing_is_left_in_the_folder_nor_among_the_modules_of_this_process(tmp_path: Path) -> None:
    writes = sys.dont_write_bytecode
    path = write(tmp_path, WHOLE)
    before = set(sys.modules)
    load_functions(path)
    assert [item.name for item in path.parent.iterdir()] == ["cases.py"]
    assert {name for name in set(sys.modules) - before if "cases" in name} == set()
    assert sys.dont_write_bytecode == writes


def test_a_refusal_leaves_nothing_behind_either(tmp_path: Path) -> None:
    writes = sys.dont_write_bytecode
    path = write(tmp_path, "raise ValueError('no')")
    refusal(path)
    assert [item.name for item in path.parent.iterdir()] == ["cases.py"]
    assert sys.dont_write_bytecode == writes
    assert not [name for name in sys.modules if name.startswith("grader_course_cases")]


def test_the_file_may_use_dataclasses_and_postponed_annotations(tmp_path: Path) -> None:
    text = one('Group(title="a", examples=((Setting(3).size,),))')
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    setting = f"{head}@dataclass\nclass Setting:\n    size: int\n"
    assert list(load_functions(write(tmp_path, setting + text)).by_name) == ["f"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "can't be read (No such file or directory)" in refusal(tmp_path / "cases.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "fails with SyntaxError: invalid syntax (cases.py, line 1)"),
        ("raise ValueError('not today')\n", "fails with ValueError: not today. Correct the file."),
        ("import sys; sys.exit('stop')\n", "fails with SystemExit: stop"),
        ("import no_such_module_anywhere\n", "fails with ModuleNotFoundError"),
        ("def f(number):\n    return number\n", "asks for no function. Decorate an oracle"),
        (one(""), "`f` has no groups, or two of one title"),
        (one('Group(title="a", examples=((1,),)), Group(title="a", examples=((2,),))'), "two of one title"),
        (one('Group(title="a")'), "`f`, group `a`: holds no case. Give it examples."),
        (one('Group(title="a", examples=((1, 2),))'), "group `a`, example 1: has 2 arguments. `f(number)` takes 1."),
        (one('Group(title="a", examples=((1,), ()))'), "example 2: has 0 arguments"),
        (one('Group(title="a", examples=(1, 2))'), "example 1: is of type int, not a tuple of arguments"),
        (one('Group(title="a", examples=(np.ones(1),))'), "is of type ndarray, not a tuple"),
        (one('Group(title="a", examples=[(1,)])'), "`examples` is not a tuple of tuples"),
        (one('Group(title="a", examples=((None,),))'), "`number` is None (NoneType), which can't be handed over"),
        (one('Group(title="a", examples=(([1, 2],),))'), "`number` is [1, 2] (list)"),
        (one('Group(title="a", examples=((float("nan"),),))'), "`number` is nan (float)"),
        (one('Group(title="a", examples=((np.array([None]),),))'), "(array of object)"),
        (one('Group(title="a", examples=((np.array(["x"]),),))'), "(array of <U1)"),
        (one('Group(title="a", examples=(("\\ud800",),))'), "which can't be handed over"),
        (one('Group(title="a", draws=st.integers)'), "group `a`: `draws` is not a strategy"),
        (one('Group(title="a", draws=st.tuples(st.integers()), number=0)'), "`number` is below 1"),
    ],
)
def test_what_can_not_be_followed_is_refused_with_the_file_and_the_next_step(
    tmp_path: Path, text: str, words: str
) -> None:
    assert words in refusal(write(tmp_path, text))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "return 1 / 0",
            "The oracle of `f` fails with ZeroDivisionError: division by zero. Mend it in the file of cases",
        ),
        ("return [1, 2]", "The oracle of `f` answers with [1, 2]. It must answer with a NumPy array of numbers"),
        ("return None", "answers with None"),
        ("return 'x'", "answers with 'x'"),
        ("return True", "answers with True"),
        ("return 1 + 2j", "answers with (1+2j)"),
        ("return np.array(['x'])", "must answer with a NumPy array of numbers"),
        ("return np.array([1j])", "must answer with a NumPy array of numbers"),
        ("return np.array([True])", "must answer with a NumPy array of numbers"),
        ("return (1, 'x')", "must answer with a NumPy array of numbers"),
        ("return ((1, 2), (3, 4))", "must answer with a NumPy array of numbers"),
        ("return ((1, 2), 3)", "fails with ValueError"),
        ("return np.array([1, np.nan])", "answers with NaN, which no answer equals"),
    ],
)
def test_an_oracle_whose_answer_can_not_be_compared_is_refused_by_its_first_example(
    tmp_path: Path, body: str, words: str
) -> None:
    assert words in refusal(write(tmp_path, one('Group(title="a", examples=((1,),))', body)))


@pytest.mark.parametrize(
    "body", ["return number", "return 0.5", "return (1, 2.5)", "return ()", "return np.zeros((2, 0))", "return np.inf",
             "return np.float32(1)", "return np.array(3)"],
)  # fmt: skip
def test_arrays_of_numbers_tuples_of_numbers_and_numbers_are_answers(tmp_path: Path, body: str) -> None:
    assert load_functions(write(tmp_path, one('Group(title="a", examples=((1,),))', body))).by_name["f"]


def test_an_oracle_that_writes_into_its_argument_does_not_change_the_example(tmp_path: Path) -> None:
    text = one('Group(title="a", examples=((np.ones(2),),))', "number *= 2; return number")
    found = load_functions(write(tmp_path, text)).by_name["f"]
    assert found.groups[0].examples[0][0].tolist() == [1, 1]


def test_single_numbers_of_numpy_become_those_of_python() -> None:
    def f(a: object, b: object, c: object, d: object) -> int:
        return 1

    function = Function(f, (Group(title="a"),))
    plain = function.plain((np.int64(3), np.float32(0.5), "same", np.bool_(True)), "a case")
    assert plain == (3, 0.5, "same", True)
    assert [type(item) for item in plain] == [int, float, str, bool]
