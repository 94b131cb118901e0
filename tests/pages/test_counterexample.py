"""The small case with which a function goes wrong: where it is told to stand, and how it is written."""

from grader.core.results import Counterexample, FunctionFinding, GroupFinding
from grader.pages.language import use_language
from grader.pages.wording import LONGEST_LINE, case_lines, counterexample_lines, place_of
from tests.pages.builders import a_result
from tests.pages.messages import LANGUAGES

CASE = Counterexample(arguments=(("number", "1"),), got="3", wanted="2")


def wrong(case: Counterexample | None = CASE, *, line: int | None = 12, cell: int | None = None) -> FunctionFinding:
    group = GroupFinding(
        title="small", tried=1, right=False, fault="returned 3", shown="as it was", counterexample=case
    )
    return FunctionFinding(name="double", signature="double(number)", groups=(group,), line=line, cell=cell)


def lines(*found: FunctionFinding) -> list[str]:
    return list(counterexample_lines(a_result().model_copy(update={"functions": found, "submission": "mine.py"})))


def test_the_line_of_the_file_stands_before_the_case_and_what_is_right_before_what_came() -> None:
    expected = ["mine.py, line 12: def double(number)", "  small:", "    number = 1", "    right: 2", "    returned: 3"]
    assert lines(wrong()) == expected


def test_what_is_right_or_was_never_called_has_no_case() -> None:
    assert lines(wrong(None), wrong().model_copy(update={"problem": "the module has no `double`"})) == []


def test_a_function_of_a_notebook_is_told_by_its_cell_and_one_that_was_not_found_by_its_name() -> None:
    assert place_of(wrong(line=1, cell=3), "mine.ipynb") == "cell 3, line 1"
    assert lines(wrong(line=None))[0] == "def double(number)"


def test_a_call_that_did_not_return_says_so_and_a_result_without_parts_is_shown_as_it_was() -> None:
    lost = CASE.model_copy(update={"got": "did not return within 5 s", "returned": False})
    assert case_lines(wrong(lost).groups[0])[-1] == "it did not return within 5 s"
    assert case_lines(wrong(None).groups[0]) == ["as it was"]


def test_a_case_without_end_is_cut() -> None:
    endless = CASE.model_copy(update={"got": "\n".join(["9" * 5_000] * 500)})
    said = lines(wrong(endless))
    assert len(said) < 50
    assert max(map(len, said)) <= LONGEST_LINE + 4


def test_the_words_around_a_case_are_italian_on_an_italian_page() -> None:
    with use_language(LANGUAGES, "it"):
        assert lines(wrong())[0] == "mine.py, riga 12: def double(number)"
        assert lines(wrong())[-2:] == ["    giusto: 2", "    restituito: 3"]
