"""What a pair shares is marked where it stands in both sources, with one number, and nothing else is marked."""

import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.marking.shared_code import Mark
from grader.marking.similarity import Pair, compare_code


def passage(*numbers: int) -> str:
    """Code that looks like no other number's: a few lines for each."""
    return "\n".join(_lines(number) for number in numbers)


def _lines(number: int) -> str:
    dice = random.Random(number)
    parts = [
        "total",
        "rows[{}]",
        "best({}, {})",
        "path.size({})",
        "[x, {}]",
        "(y - {})",
        "value['{}']",
        "{}",
        "-{}",
        "not {}",
    ]
    glue = [" + ", " - ", " * ", " // ", " % ", " == ", " < ", " if ", " or ", " and ", " @ ", " ** "]
    starts = ["if ", "while ", "assert ", "print({})(", "del ", "raise ", "x = ", "return ", "yield "]
    lines = []
    for _ in range(3):
        text = dice.choice(starts) + "".join(dice.choice(parts) + dice.choice(glue) for _ in range(6)) + "done"
        lines.append(re.sub(r"\{\}", lambda _: str(dice.randint(2, 9)), text))
    return "\n".join(lines)


def the_pair(first: str, second: str, boilerplate: str = "", others: tuple[str, ...] = ()) -> Pair:
    sources = {"Ada": first, "Zoe": second, **{f"other {n}": code for n, code in enumerate(others)}}
    found = [pair for pair in compare_code(sources, [boilerplate]).pairs if {pair.first, pair.second} == {"Ada", "Zoe"}]
    assert len(found) == 1
    return found[0]


def marked(source: str, marks: Sequence[Mark]) -> list[tuple[int, str]]:
    return [(number, source[begin:end]) for number, begin, end in marks]


def sides(pair: Pair, first: str, second: str) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    assert pair.marks is not None
    return marked(first, pair.marks.first), marked(second, pair.marks.second)


COPIED = passage(*range(10, 20))


def test_a_verbatim_copy_is_one_stretch() -> None:
    mine, theirs = sides(the_pair(COPIED, COPIED), COPIED, COPIED)
    assert mine == theirs == [(1, COPIED)]


def test_what_stands_around_a_copy_is_not_marked() -> None:
    first, second = f"{passage(101)}\n{COPIED}\n", f"{COPIED}\n\n\n{passage(202)}"
    mine, theirs = sides(the_pair(first, second), first, second)
    assert mine == theirs == [(1, COPIED)]


def test_a_copy_with_other_names_is_marked_where_each_one_wrote_it() -> None:
    renamed = re.sub(r"\b(total|rows|best|path|x|y)\b", r"my_own_\1", COPIED)
    mine, theirs = sides(the_pair(COPIED, renamed), COPIED, renamed)
    assert (mine, theirs) == ([(1, COPIED)], [(1, renamed)])


def test_cells_in_another_order_are_stretches_with_their_own_numbers() -> None:
    cells = [passage(*range(start, start + 4)) for start in (20, 30, 40)]
    first, second = "\n".join(cells), "\n".join([cells[2], cells[0], cells[1]])
    mine, theirs = sides(the_pair(first, second), first, second)
    assert mine == [(1, f"{cells[0]}\n{cells[1]}"), (2, cells[2])]
    assert theirs == [(2, cells[2]), (1, f"{cells[0]}\n{cells[1]}")]


def test_comments_that_were_added_are_not_marked_and_part_a_stretch() -> None:
    lines = COPIED.split("\n")
    second = "\n".join([*lines[:5], "# all my own work", *lines[5:9], f"{lines[9]}  # so is this", *lines[10:]])
    mine, theirs = sides(the_pair(COPIED, second), COPIED, second)
    assert mine == [(1, COPIED)]
    assert theirs == [(1, "\n".join(lines[:5])), (1, "\n".join(lines[5:10])), (1, "\n".join(lines[10:]))]


def test_spaces_and_line_breaks_that_were_added_change_nothing() -> None:
    second = COPIED.replace(" = ", "  =\t").replace("\n", "\n\n\n")
    mine, theirs = sides(the_pair(COPIED, second), COPIED, second)
    assert (mine, theirs) == ([(1, COPIED)], [(1, second)])


def test_what_the_course_hands_out_is_not_marked() -> None:
    starter = passage(*range(50, 55))
    first, second = f"{starter}\n{COPIED}", f"{starter}\n{COPIED}\n{passage(60)}"
    mine, theirs = sides(the_pair(first, second, starter), first, second)
    assert mine == theirs == [(1, COPIED)]


def test_what_is_common_in_the_class_is_not_marked() -> None:
    common = passage(70, 71)
    first, second = f"{common}\n{COPIED}", f"{common}\n{COPIED}"
    others = tuple(f"{common}\n{passage(*range(100 * n, 100 * n + 5))}" for n in range(1, 9))
    mine, theirs = sides(the_pair(first, second, "", others), first, second)
    assert mine == theirs == [(1, COPIED)]


def test_what_one_of_the_two_repeats_has_one_number() -> None:
    first = COPIED
    second = f"{COPIED}\n{passage(80)}\n{COPIED}"
    mine, theirs = sides(the_pair(first, second), first, second)
    assert mine == [(1, COPIED)]
    assert theirs == [(1, COPIED), (1, COPIED)]


def test_a_line_that_was_put_into_a_copy_is_not_marked() -> None:
    lines = COPIED.split("\n")
    second = "\n".join([*lines[:12], passage(303), *lines[12:]])
    mine, theirs = sides(the_pair(COPIED, second), COPIED, second)
    said = "\n".join(text for _, text in theirs)
    assert passage(303).split("\n")[1] not in said
    assert [number for number, _ in mine] == [number for number, _ in theirs]
    assert len(mine) == 2


@settings(deadline=None, max_examples=12)
@given(st.permutations([1, 2, 3, 4]), st.sets(st.integers(0, 3), max_size=2))
def test_the_same_cell_has_the_same_number_in_any_order(order: list[int], comments: set[int]) -> None:
    cells = {number: passage(*range(10 * number, 10 * number + 3)) for number in (1, 2, 3, 4)}
    parts = [f"# said\n{cells[number]}" if place in comments else cells[number] for place, number in enumerate(order)]
    first, second = "\n".join(cells.values()), "\n".join(parts)
    pair = the_pair(first, second)
    assert pair.marks is not None
    for cell in cells.values():
        known = [number_of(cell, first, pair.marks.first), number_of(cell, second, pair.marks.second)]
        assert known[0] == known[1]
    for side in (pair.marks.first, pair.marks.second):
        assert all(one.end <= other.begin for one, other in pairwise(side))
    assert "said" not in "".join(text for side in sides(pair, first, second) for _, text in side)


def number_of(cell: str, source: str, marks: Sequence[Mark]) -> int:
    """The number that most of a cell is marked with: 90 % of it at least."""
    begin = source.index(cell)
    sizes = Counter[int]()
    for mark in marks:
        sizes[mark.number] += max(0, min(mark.end, begin + len(cell)) - max(mark.begin, begin))
    ((number, size),) = sizes.most_common(1)
    assert size >= 0.9 * len(cell)
    return number


def test_code_that_repeats_itself_takes_no_long_time() -> None:
    first, second = "x = f(x, 1)\n" * 3_000, "y = f(y, 1)\n" * 3_000 + passage(1)
    started = time.process_time()
    pair = the_pair(first, second)
    assert time.process_time() - started < 10
    assert pair.marks is not None
    assert len(pair.marks.second) <= 2_000
