"""Pairs of similar code: copies are found under other names, common ways of writing are nobody's, students see no names."""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from grader.core.notebook import code_beside, read_submission
from grader.core.results import Flag
from grader.intake import read_path
from grader.marking.similarity import (
    Answer,
    Compared,
    Pair,
    Question,
    compare_code,
    compared_of,
    source_of,
    with_similar,
)
from grader.pages.html import student_page
from grader.sandbox.limited_process import in_limited_process
from tests import zoo
from tests.checks import builders as built
from tests.pages.builders import TEMPLATES, a_result, some_evidence

ROOT = Path(__file__).parents[2]


def similar_pairs(sources: dict[str, str], boilerplate: Sequence[str] = ()) -> tuple[Pair, ...]:
    return compare_code(sources, boilerplate).pairs


def similar(*pairs: Pair, **left_out: str) -> Compared:
    return Compared(pairs=pairs, left_out=left_out)


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
    ada, ben, zoe = with_similar(results, similar(*pairs))
    assert [flag.audience for flag in (*ada.flags, *zoe.flags)] == ["instructor", "instructor"]
    assert "97% with Zoe (50% of theirs)" in ada.flags[0].reason
    assert "50% with Ada (97% of theirs)" in zoe.flags[0].reason
    assert ben is results[1]


def test_flags_of_an_earlier_comparison_are_replaced() -> None:
    pairs = [Pair(first="Ada", second="Zoe", shared=500, of_first=1, of_second=1)]
    kept = Flag(kind="borderline", reason="x")
    once = with_similar([a_result(student="Ada", flags=(kept,)), a_result(student="Zoe")], similar(*pairs))
    assert with_similar(once, similar(*pairs)) == once
    assert [result.flags for result in with_similar(once, similar())] == [(kept,), ()]


def test_a_crowd_is_told_in_a_bounded_way() -> None:
    pairs = [Pair(first="Ada", second=f"s{n}", shared=500, of_first=1, of_second=1) for n in range(40)]
    (ada,) = with_similar([a_result(student="Ada")], similar(*pairs))
    assert "s4" in ada.flags[0].reason
    assert "and 35 others" in ada.flags[0].reason
    assert "s5 " not in ada.flags[0].reason


def test_a_students_page_names_no_other_student() -> None:
    pairs = [Pair(first="Ada", second="Zoe Q. Winter", shared=500, of_first=1, of_second=1)]
    (ada,) = with_similar(
        [a_result(student="Ada", flags=(Flag(kind="borderline", reason="Near the bar."),))], similar(*pairs)
    )
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


def solution(name: str) -> str:
    return code_of(ROOT / f"reference/{name}/solution.ipynb")


def test_padding_before_the_code_hides_no_copy(others: dict[str, str], starter: str) -> None:
    copied = solution("exercise1")
    pads = {
        "a comment": f"# {'all my own work ' * 15_000}\n", "comments": "# mine\n" * 40_000,
        "a text": f"x = '{'words ' * 40_000}'\n", "a text of several lines": f'"""\n{"words " * 40_000}\n"""\n',
        "a list": f"x = [{'1, ' * 90_000}]\n", "space": " \n" * 120_000,
        "space in a broken cell": f"%%odd (((\n{' ' * 250_000}\n",
    }  # fmt: skip
    for pad in pads.values():
        (pair,) = similar_pairs({**dict(list(others.items())[:9]), "Ada": copied, "Zoe": pad + copied}, [starter])
        assert (pair.first, pair.second) == ("Ada", "Zoe")
        assert min(pair.of_first, pair.of_second) > 0.9


def test_code_that_is_too_long_to_be_compared_is_told_and_so_is_what_breaks_the_comparison() -> None:
    written = "".join(f"x{number} = f{number}(x, {number})\n" for number in range(12_500))
    compared = compare_code({"Ada": written, "Ben": "a = 1\n"})
    assert "only the first 200,000 characters" in compared.left_out["Ada"]
    assert "Ben" not in compared.left_out
    sources = {"Eve": "a = 1; " * 200_000, "Ada": solution("pets"), "Zoe": solution("pets")}
    slow = Question(sources=sources).model_dump_json().encode()
    answered = in_limited_process("grader.marking.similarity:compare_class", slow, seconds=90, memory=2 << 30)
    told = compared_of(Answer.model_validate_json(answered), sources, ())
    assert [(pair.first, pair.second) for pair in told.pairs] == [("Ada", "Zoe")]
    assert "Eve" in told.left_out
    (eve,) = with_similar([a_result(student="Eve")], told)
    assert (eve.flags[0].kind, eve.flags[0].audience) == ("code_not_compared", "instructor")


def test_a_ring_of_copies_is_told_as_one(others: dict[str, str], starter: str) -> None:
    ring = {f"copy {number}": solution("exercise1") + f"\nprint({number})" for number in range(8)}
    compared = compare_code({**others, **ring}, [starter])
    assert {name for pair in compared.pairs for name in (pair.first, pair.second)} == set(ring)
    (first,) = with_similar([a_result(student="copy 0")], compared)
    assert len(first.flags) == 1
    assert "one of 8 submissions that hang together" in first.flags[0].reason
    assert "and 2 others" in first.flags[0].reason


def test_code_beside_the_notebook_is_compared_too() -> None:
    files = {"main.py": b"import helper\n", "helper.py": b"a = 1\n", "pages/more.ipynb": b"{}", "data.csv": b"1"}
    assert code_beside("main.py", files) == {"helper.py": "a = 1\n"}
    assert len(code_beside("x.ipynb", {"a.py": b"x = 1\n" * 60_000, "b.py": b"y = 1"})["a.py"]) == 300_000
    evidence = built.evidence(built.claims(built.cell(1, "import helper")), built.judged(built.perceptron()))
    source = evidence.submission.model_copy(update={"modules": {"helper.py": "a = 1"}})
    assert source_of(evidence.model_copy(update={"submission": source})) == "import helper\na = 1"


# Newer than the digest that is quoted.
