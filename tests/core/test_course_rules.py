"""`course.toml`: what it says is read, and what can't be is refused with the file, the table and what to do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.course_rules import CourseRules, read_course_rules
from grader.core.errors import RubricError

IDS = ("exercise1", "exercise2", "exercise3", "pets")
HEAD = 'schema = 1\ntitle = "Networks"\n'
GOOD = """\
schema = 1
title = "Networks"
[late]
slip_days = 10
[total]
counts = { exercises = 0.6, pets = 0.4 }
[part.exercises]
counts = ["exercise1", "exercise2", "exercise3"]
best = 2
"""


def read(folder: Path, text: str) -> CourseRules:
    path = folder / "course.toml"
    path.write_text(text, encoding="utf-8")
    return read_course_rules(path, IDS)


def test_a_course_says_its_slip_days_and_how_assignments_add_up(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.late.slip_days, found.assignments) == (10, IDS)
    assert found.total is not None and found.total.weights == {"exercises": 0.6, "pets": 0.4}
    assert found.part["exercises"].best == 2
    assert CourseRules.model_validate_json(found.model_dump_json(by_alias=True)) == found


def test_everything_but_the_title_may_be_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD)
    assert (found.late.slip_days, found.total, found.part) == (None, None, {})


def test_weights_may_be_hundredths_and_thirds(tmp_path: Path) -> None:
    hundredths = read(tmp_path, HEAD + "[total]\ncounts = { exercise1 = 25, pets = 75 }\n")
    assert hundredths.total is not None and hundredths.total.weights == {"exercise1": 0.25, "pets": 0.75}
    third = "0.3333333333333333"
    thirds = f"[total]\ncounts = {{ exercise1 = {third}, exercise2 = {third}, pets = {third} }}\n"
    assert read(tmp_path, HEAD + thirds).total is not None


def part(counts: str, more: str = "") -> str:
    return HEAD + f"[total]\ncounts = {counts}\n{more}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "x"\n', "key `schema` is missing."),
        ("schema = 1\n", "key `title` is missing."),
        (HEAD.replace("1", "2"), "key `schema`: 2 is not known; available: `1`."),
        (HEAD + 'assignments = ["pets"]\n', "key `assignments` is not known: no file sets it."),
        (HEAD + 'language = "it IT"\n', "key `language`: 'it IT' is no code of a language, as in \"en\" or \"it\"."),
        (HEAD + "[late]\nslip_days = -1\n", "key `late.slip_days`: must be at least 0 (found -1)."),
        (HEAD + "[late]\nslip_days = 1.5\n", "key `late.slip_days`: must be a whole number (found 1.5)"),
        (HEAD + "[late]\nslip_days = true\n", "key `late.slip_days`: must be a whole number (found True)."),
        (HEAD + "[late]\nslip_days = 400\n", "key `late.slip_days`: must be at most 366 (found 400)."),
        (HEAD + "[late]\nslip_day = 1\n", "key `late.slip_day` is not known (did you mean `slip_days`?)."),
        (HEAD + "[lat]\nslip_days = 1\n", "key `lat` is not known (did you mean `late`?)."),
        (HEAD + '[total]\ncounts = ["exercise4"]\n',
         "`[total]`: there is no assignment and no part `exercise4` (did you mean `exercise3`?)."),
        (part("{ exercise1 = 0.5, pets = 0.4 }"), "the weights add up to 0.9, not to 1 (or to 100)."),
        (part("{ exercise1 = 1.5, pets = -0.5 }"), "key `total.counts`: `pets` weighs -0.5: a weight is a number above 0"),
        (part("{ exercise1 = true }"), "`exercise1` weighs True"), (part('{ exercise1 = "a lot" }'), "weighs 'a lot'"),
        (part("{ exercise1 = nan }"), "weighs nan"), (part("{ exercise1 = inf }"), "weighs inf"),
        (part("[]"), "key `total.counts`: names nothing that counts"), (part("{}"), "names nothing that counts"),
        (part("7"), "key `total.counts`: is neither a list of names nor a table"), (part("[1]"), "1 is no name"),
        (part('[""]'), "'' is no name"), (part('"pets"'), "is neither a list"),
        (part('["exercise1", "exercise1"]'), "`[total]`: `exercise1` is counted twice."),
        (part('["pets", "exercises"]', '[part.exercises]\ncounts = ["pets"]\n'),
         "`pets` is counted twice, in `[total]` and `[part.exercises]`."),
        (part('["pets"]', '[part.exercises]\ncounts = ["exercise1"]\n'), "`[part.exercises]` is counted nowhere"),
        (part('["pets"]', '[part.pets]\ncounts = ["exercise1"]\n'), "`[part.pets]` is called as an assignment is"),
        (part('["pets"]', '[part.total]\ncounts = ["exercise1"]\n'), "`[part.total]` is called as the total is"),
        (part('["pets", "exercise1"]\nbest = 3'), "key `total.best`: the best 3 of 2 can't be taken."),
        (part('["pets"]\nbest = 0'), "key `total.best`: must be at least 1"),
        (part("{ exercise1 = 0.5, pets = 0.5 }\nbest = 1"), "of the best ones all weigh the same"),
        (part('["a"]', '[part.a]\ncounts = ["b"]\n[part.b]\ncounts = ["c"]\n[part.c]\ncounts = ["a"]\n'),
         "a part can't count itself: `a` -> `b` -> `c` -> `a`. Take one of them out of `counts`."),
        (part('["a"]', '[part.a]\ncounts = ["a", "pets"]\n'), "a part can't count itself: `a` -> `a`."),
        (part('["pets"]', '[part.a]\ncounts = ["b"]\n[part.b]\ncounts = ["a"]\n'), "can't count itself: `a` -> `b` -> `a`"),
        (part('["pets", "total"]'), "there is no assignment and no part `total`"),
        ("schema = \n", "not a TOML file"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RubricError) as caught:
        read(tmp_path, text)
    assert words in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path / 'course.toml'}: ")
    assert "\n" not in caught.value.message and "pydantic" not in str(caught.value)


def test_a_chain_of_a_thousand_parts_that_bites_its_tail_is_told(tmp_path: Path) -> None:
    parts = "".join(f'[part.p{n}]\ncounts = ["p{(n + 1) % 1000}"]\n' for n in range(1000))
    with pytest.raises(RubricError, match="a part can't count itself: `p0` -> `p1`"):
        read(tmp_path, part('["p0"]', parts))


names = st.sampled_from(["a", "b", "c", "d", "exercise1", "exercise2", "pets"])


@given(
    st.dictionaries(st.sampled_from("abcd"), st.lists(names, min_size=1, max_size=3), max_size=4),
    st.lists(names, min_size=1, max_size=3),
)
def test_whatever_counts_whatever_is_read_or_refused_and_never_fails(
    tmp_path_factory: pytest.TempPathFactory, parts: dict[str, list[str]], total: list[str]
) -> None:
    text = HEAD + f"[total]\ncounts = {total}\n" + "".join(f"[part.{n}]\ncounts = {c}\n" for n, c in parts.items())
    try:
        found = read(tmp_path_factory.getbasetemp(), text)
    except RubricError:
        return
    # each assignment and part is reached from the total in exactly one way
    seen: list[str] = []
    left = list(found.total.counts) if found.total else []
    while left:
        name = left.pop()
        seen.append(name)
        left += found.part[name].counts if name in found.part else ()
    assert len(seen) == len(set(seen)) and set(found.part) <= set(seen)
