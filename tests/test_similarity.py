"""Pairs of similar code: copies are found under other names, common ways of writing are nobody's, students see no names."""

import json
import re
import time
from pathlib import Path

import pytest

from grader.intake import read_path
from grader.notebook import read_submission
from grader.report.html import student_page
from grader.results import Flag
from grader.similarity import Pair, similar_pairs, source_of, with_similar
from tests import zoo
from tests.checks import builders as built
from tests.report.builders import TEMPLATES, a_result, some_evidence

ROOT = Path(__file__).parents[1]


def code_of(path: Path) -> str:
    return "\n".join(read_submission(path.name, path.read_bytes()).cells)


@pytest.fixture(scope="module")
def starter() -> str:
    return code_of(ROOT / "assignments/exercise1/starter.ipynb")


@pytest.fixture(scope="module")
def others() -> dict[str, str]:
    """What 40 people handed in for the first exercise."""
    found = {}
    for name in zoo.names():
        story = zoo.expected(name)
        if story["assignment"] == "exercise1" and "pattern" in story and name != "zip-with-sibling":
            found[name] = "\n".join(read_path(zoo.ZOO / name / story["path"], student=name).script.cells)
    return found


def renamed(code: str) -> str:
    """The same code with other names, other words in its texts, and comments of one's own."""
    lines = [
        re.sub(r"\b(model|history|x_train|y_train|x_test|y_test)\b", r"my_\1_2", line).replace('"', "'")
        for line in code.splitlines()
        if not line.lstrip().startswith("#")
    ]
    return "# my own work\n" + "\n\n".join(lines)


def test_honest_solutions_of_one_exercise_are_no_pairs(others: dict[str, str], starter: str) -> None:
    assert len(others) > 30
    assert similar_pairs(others, [starter]) == ()


def test_a_copy_is_found_under_other_names(others: dict[str, str], starter: str) -> None:
    copied = code_of(ROOT / "reference/exercise1/solution.ipynb")
    (pair,) = similar_pairs({**others, "Ada": copied, "Zoe": renamed(copied)}, [starter])
    assert (pair.first, pair.second) == ("Ada", "Zoe")
    assert min(pair.of_first, pair.of_second) > 0.9


def test_a_copy_with_things_added_is_found(others: dict[str, str], starter: str) -> None:
    copied = code_of(ROOT / "reference/exercise1/solution.ipynb")
    longer = copied + "\n" + code_of(ROOT / "reference/pets/solution.ipynb")
    (pair,) = similar_pairs({**others, "Ada": copied, "Zoe": longer}, [starter])
    assert pair.of_first > 0.9 > pair.of_second


def test_what_the_course_hands_out_is_nobodys_own(starter: str) -> None:
    solution = code_of(ROOT / "reference/exercise1/solution.ipynb")
    assert similar_pairs({"Ada": starter, "Zoe": starter}, [starter]) == ()
    assert len(similar_pairs({"Ada": solution, "Zoe": solution}, [starter])) == 1
    assert similar_pairs({"Ada": solution, "Zoe": solution}, [starter, solution]) == ()


def test_what_many_of_the_class_write_is_nobodys_own() -> None:
    common = code_of(ROOT / "reference/exercise2/solution.ipynb")
    assert similar_pairs({f"student {number}": common for number in range(30)}) == ()
    assert len(similar_pairs({f"student {number}": common for number in range(5)})) == 10


def test_short_and_broken_code_is_compared_without_a_fault() -> None:
    odd = {"a": "", "b": "x", "c": "print(1)\n", "d": "print(1)\n", "e": 'def (((\0 \ud800 é\'"""', "f": "%%bash\n!ls"}
    assert similar_pairs(odd, ["", "import keras"]) == ()


def test_both_get_a_flag_that_names_the_other_for_instructors_alone() -> None:
    results = [a_result(student=name) for name in ("Ada", "Ben", "Zoe")]
    pairs = [Pair(first="Ada", second="Zoe", shared=500, of_first=0.97, of_second=0.5)]
    ada, ben, zoe = with_similar(results, pairs)
    assert [flag.audience for flag in (*ada.flags, *zoe.flags)] == ["instructor", "instructor"]
    assert "97% with Zoe (50% of theirs)" in ada.flags[0].reason
    assert "50% with Ada (97% of theirs)" in zoe.flags[0].reason
    assert ben is results[1]


def test_flags_of_an_earlier_comparison_are_replaced() -> None:
    pairs = [Pair(first="Ada", second="Zoe", shared=500, of_first=1, of_second=1)]
    kept = Flag(kind="borderline", reason="x")
    once = with_similar([a_result(student="Ada", flags=(kept,)), a_result(student="Zoe")], pairs)
    assert with_similar(once, pairs) == once
    assert [result.flags for result in with_similar(once, [])] == [(kept,), ()]


def test_a_crowd_is_told_in_a_bounded_way() -> None:
    pairs = [Pair(first="Ada", second=f"s{n}", shared=500, of_first=1, of_second=1) for n in range(40)]
    (ada,) = with_similar([a_result(student="Ada")], pairs)
    assert "s4" in ada.flags[0].reason
    assert "and 35 others" in ada.flags[0].reason
    assert "s5 " not in ada.flags[0].reason


def test_a_students_page_names_no_other_student() -> None:
    pairs = [Pair(first="Ada", second="Zoe Q. Winter", shared=500, of_first=1, of_second=1)]
    (ada,) = with_similar([a_result(student="Ada", flags=(Flag(kind="borderline", reason="Near the bar."),))], pairs)
    assert "Zoe Q. Winter" in json.dumps(ada.model_dump(mode="json")), "result.json is for instructors"
    page = student_page(ada, some_evidence(), templates=TEMPLATES)
    assert "Near the bar." in page
    assert "Winter" not in page


def test_the_code_that_is_compared_is_what_was_run() -> None:
    said = built.claims(built.cell(1, "a = 1"), built.cell(2, "b = 2"))
    assert source_of(built.evidence(said, built.judged(built.perceptron()))) == "a = 1\nb = 2"


def test_a_class_of_a_hundred_is_compared_while_one_waits(others: dict[str, str]) -> None:
    texts = list(others.values())
    sources = {
        f"student {n}": "\n".join(line for text in texts[n % 7 :: 9] for line in text.splitlines()[n % 5 :: 2])
        for n in range(100)
    }
    started = time.process_time()
    similar_pairs(sources)
    assert time.process_time() - started < 20
