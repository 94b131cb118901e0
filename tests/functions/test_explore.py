"""Which calls are made and which are kept, with answers that come from no process."""

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.configuration import storage_directory
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from grader.core.errors import Infrastructure, RubricError
from grader.core.evidence import Call, Cause
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.core.progress import Silent
from grader.functions import explore as exploring
from grader.functions.agreement import disagreement
from grader.functions.cases import Arguments, Function, Functions, Group, unpack_arguments
from grader.functions.explore import Exploration, explore_function, explore_module
from grader.functions.module_process import Loaded, LostError, ModuleJob
from grader.sandbox.unsandboxed import NoSandbox
from tests.functions.answers import Answering, returned

WHOLE = st.integers(0, 100)
ALONE: st.SearchStrategy[Any] = st.just(1)
PAIRS = st.tuples(arrays(float, st.integers(1, 6), elements=st.integers(0, 50).map(float), fill=st.nothing()), WHOLE)


def total(values: NDArray[Any], more: int) -> float:
    return float(values.sum()) + more


def right(values: NDArray[Any], more: int) -> float:
    return total(values, more)


def from_five(values: NDArray[Any], more: int) -> float:
    """Right for small numbers only."""
    return total(values, more) + float(values.max() >= 5)


ONES = (np.ones(1), 0)
DRAWN = Function(total, (Group(title="drawn", draws=PAIRS),))
BOTH = Function(total, (Group(title="first", examples=(ONES, (np.ones(2), 1)), draws=PAIRS, number=6),
                        Group(title="second", examples=(ONES,)), Group(title="third", draws=PAIRS, number=4)))  # fmt: skip


def explored(function: Function, answer: Any, seed: int = 0) -> tuple[list[Call], Answering]:
    ask = Answering(function, answer)
    return explore_function(function, ask, seed=seed), ask


def groups(calls: list[Call]) -> list[str]:
    return [call.group for call in calls]


def test_examples_come_first_and_drawn_arguments_after_them_and_all_right_calls_are_kept() -> None:
    calls, ask = explored(BOTH, right)
    assert groups(calls) == ["first"] * 8 + ["second"] + ["third"] * 4
    assert [title for title, _ in ask.asked] == groups(calls)
    assert [unpack_arguments(call.arguments)[1] for call in calls[:2]] == [0, 1]
    assert all(disagreement(BOTH, call) is None for call in calls)


def test_a_wrong_example_ends_its_group_before_anything_is_drawn_and_no_other_group() -> None:
    calls, _ = explored(BOTH, lambda values, more: total(values, more) + (more == 1 and len(values) == 2))
    assert groups(calls)[:3] == ["first", "first", "second"]
    assert disagreement(BOTH, calls[1]) is not None
    assert groups(calls)[3:] == ["third"] * 4


def test_of_what_goes_wrong_the_smallest_is_kept_alone_after_what_went_right() -> None:
    calls, ask = explored(DRAWN, from_five)
    assert [disagreement(DRAWN, call) is None for call in calls] == [True] * (len(calls) - 1) + [False]
    values, more = unpack_arguments(calls[-1].arguments)
    assert (values.tolist(), more) == ([5.0], 0)
    wrong = [values for _, (values, _) in ask.asked if values.max() >= 5]
    assert len(wrong) > 1, "the first draw was the smallest already: nothing was made smaller"


def test_a_call_that_raises_is_made_smaller_as_a_wrong_one_is() -> None:
    def answer(values: NDArray[Any], more: int) -> float:
        if more > 7:
            raise ZeroDivisionError
        return total(values, more)

    calls, _ = explored(DRAWN, answer)
    assert (calls[-1].outcome, calls[-1].said) == ("raised", "raised ZeroDivisionError")
    assert unpack_arguments(calls[-1].arguments)[1] == 8


@pytest.mark.parametrize("title", ["first", "third"])
def test_a_lost_call_is_the_last_one_of_its_function(title: str) -> None:
    def answer(values: NDArray[Any], more: int) -> float:
        if ask.asked[-1][0] == title:
            raise TimeoutError
        return total(values, more)

    ask = Answering(BOTH, answer)
    calls = explore_function(BOTH, ask, seed=0)
    assert [call.outcome for call in calls if call.outcome != "returned"] == ["lost"]
    assert (calls[-1].outcome, calls[-1].group) == ("lost", title)
    assert [asked for asked, _ in ask.asked].count(title) == 1


def test_a_call_that_is_lost_while_a_wrong_one_is_made_smaller_ends_the_search() -> None:
    def answer(values: NDArray[Any], more: int) -> float:
        if len(ask.asked) == 30:
            raise TimeoutError
        return total(values, more) + float(values.max() >= 5)

    ask = Answering(BOTH, answer)
    calls = explore_function(Function(total, (Group(title="drawn", draws=PAIRS, number=20), *BOTH.groups)), ask, seed=0)
    assert len(ask.asked) == 30
    assert [call.outcome for call in calls if call.outcome == "lost"] == ["lost"] == [calls[-1].outcome]


@pytest.mark.parametrize("wrong", [(0,), (3, 4), (1, 3, 5, 7, 9, 11, 13, 15, 17), tuple(range(19, 400))])
def test_a_function_that_is_wrong_now_and_then_is_kept_as_wrong(wrong: tuple[int, ...]) -> None:
    def answer(values: NDArray[Any], more: int) -> float:
        return total(values, more) + (len(ask.asked) - 1 in wrong)

    ask = Answering(DRAWN, answer)
    calls = explore_function(DRAWN, ask, seed=3)
    assert disagreement(DRAWN, calls[-1]) is not None
    assert sum(disagreement(DRAWN, call) is not None for call in calls) == 1


def test_the_search_for_something_smaller_is_bounded() -> None:
    def stubborn(values: NDArray[Any], more: int) -> float:
        """Wrong in a way that makes nothing smaller for long."""
        wrong = values.sum() > 5e5 and int(np.bitwise_xor.reduce(values)) % 5 in (1, 2)
        return total(values, more) * (-1 if wrong else 1)

    many = st.lists(st.integers(0, 10**6), min_size=40, max_size=40).map(lambda drawn: (np.array(drawn), 0))
    function = Function(total, (Group(title="drawn", draws=many, number=60),))
    calls, ask = explored(function, stubborn)
    assert disagreement(function, calls[-1]) is not None
    assert exploring.MOST_SMALLER < len(ask.asked) <= 60 + exploring.MOST_SMALLER


def test_so_many_cases_are_drawn_as_the_group_says_and_fewer_where_there_are_no_more() -> None:
    few = Function(total, (Group(title="drawn", draws=st.tuples(st.just(np.ones(1)), st.integers(1, 3)), number=50),))
    assert len(explored(Function(total, (Group(title="drawn", draws=PAIRS, number=33),)), right)[0]) == 33
    calls, _ = explored(few, right)
    assert sorted(unpack_arguments(call.arguments)[1] for call in calls) == [1, 2, 3]


def test_the_same_seed_asks_the_same_and_another_seed_something_else() -> None:
    first, again, other = (explored(DRAWN, right, seed)[0] for seed in (1, 1, 2))
    assert first == again
    drawn = {call.model_dump_json() for call in first}
    assert len(drawn & {call.model_dump_json() for call in other}) < len(drawn) / 2


def test_students_graded_at_the_same_time_are_asked_what_one_alone_is_asked() -> None:
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda answer: explored(BOTH, answer)[0], [right, from_five] * 4))
    alone = [explored(BOTH, answer)[0] for answer in (right, from_five)]
    assert together == alone * 4


SCRIPT = """\
import hashlib, sys
sys.path.insert(0, {root!r})
{imports}
from hypothesis import strategies as st
from grader.functions.cases import Function, Group
from grader.functions.explore import explore_function
from tests.functions.answers import Answering
draws = st.tuples(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
def f(a, b, c):
    return 1
function = Function(f, (Group(title="drawn", draws=draws, number=400),))
calls = explore_function(function, Answering(function, f), seed=0)
print(hashlib.sha256("".join(call.model_dump_json() for call in calls).encode()).hexdigest())
"""


def test_what_is_drawn_hangs_on_no_loaded_module_and_nothing_is_left_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "mine.py").write_text(f"NUMBERS = {[77_000 + n for n in range(500)]}\n")
    said = []
    for name, imports in (("bare", ""), ("full", f"sys.path.insert(0, {str(tmp_path / 'modules')!r}); import mine")):
        (tmp_path / name).mkdir()
        script = SCRIPT.format(root=str(Path(__file__).parents[2]), imports=imports)
        command = [sys.executable, "-B", "-c", script]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path / name).stdout)
        assert list((tmp_path / name).iterdir()) == []
    assert said[0] == said[1]


def test_a_search_that_ends_changes_nothing_for_those_that_go_on_in_other_threads() -> None:
    providers = importlib.import_module("hypothesis.internal.conjecture.providers")

    def settled() -> tuple[str, object]:
        return str(storage_directory().path), providers._get_local_constants

    def answer(values: NDArray[Any], more: int) -> float:
        if not seen:
            seen.append(settled())
            with ThreadPoolExecutor(1) as other:
                other.submit(explored, DRAWN, right).result()
        seen.append(settled())
        return right(values, more)

    seen: list[tuple[str, object]] = []
    explored(DRAWN, answer)
    explored(DRAWN, right)
    assert {*seen, settled()} == {seen[0]}
    assert seen[0][0].startswith(os.devnull)


def test_an_infrastructure_fault_in_a_drawn_call_is_passed_on_and_not_tried_again() -> None:
    def ask(group: Group, arguments: Arguments) -> Call:
        asked.append(arguments)
        if len(asked) == 3:
            raise Infrastructure("The process for the module did not start.")
        return Answering(DRAWN, right)(group, arguments)

    asked: list[Arguments] = []
    with pytest.raises(Infrastructure, match="did not start"):
        explore_function(DRAWN, ask, seed=0)
    assert len(asked) == 3


def failing(values: NDArray[Any], more: int) -> float:
    return 1 / (more - more)


@st.composite
def breaking(draw: st.DrawFn) -> Arguments:
    return np.ones(draw(st.integers(1, 2))), 1 // 0


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (Function(failing, DRAWN.groups), "The oracle of `failing` fails with ZeroDivisionError"),
        (Function(total, (Group(title="g", draws=st.just((1,))),)), "group `g`, a drawn case: has 1 arguments"),
        (Function(total, (Group(title="g", draws=ALONE),)), "a drawn case: is of type int, not a tuple"),
        (Function(total, (Group(title="g", draws=st.just(([1], 1))),)), r"`values` is \[1\] \(list\)"),
        (
            Function(total, (Group(title="g", draws=breaking()),)),
            "nothing could be drawn, because of ZeroDivisionError",
        ),
        (Function(total, (Group(title="g", draws=PAIRS.filter(lambda pair: False)),)), "because of Unsatisfiable"),
        (
            Function(total, (Group(title="g", draws=st.integers(5, 4).map(lambda n: ONES)),)),
            "because of InvalidArgument",
        ),
    ],
)
def test_what_the_course_s_own_code_does_wrong_is_told_to_the_course(function: Function, words: str) -> None:
    with pytest.raises(RubricError, match=words) as refused:
        explored(function, right)
    assert refused.value.remedy


def test_big_answers_of_the_wrong_size_are_kept_by_their_size_alone() -> None:
    calls, _ = explored(BOTH, lambda values, more: np.zeros((300, 300)))
    assert [call.value for call in calls] == [None] * 3
    assert {call.said for call in calls} == {"an array of shape (300, 300)"}
    assert {call.form for call in calls} == {"array"}
    assert disagreement(BOTH, calls[0]) == "returned an array of shape (300, 300), where a number is asked for"


def test_big_answers_of_the_right_size_are_kept_whole() -> None:
    def picture(size: int) -> NDArray[Any]:
        return np.full((size, size), 1.0)

    function = Function(picture, (Group(title="g", examples=((300,),)),))
    (call,), _ = explored(function, lambda size: picture(size) + 1)
    assert call.value is not None
    assert (
        disagreement(function, call)
        == "returned 2 at [0, 0] where 1 is right, and 89999 more of 90000 numbers are wrong"
    )


class Clock:
    """Stands where the machine's clock does, as a busy machine's sleeps take longer than they were told."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Process:
    """Stands where a sandboxed process would, one for each time that the module is loaded."""

    loads: list[str]
    seconds = 0.0
    clock: Clock
    stopped = None

    def __init__(self, job: ModuleJob, sandbox: object) -> None:
        self.job = job

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is to be ended."""

    def load(self) -> Loaded:
        self.loads.append("load")
        return Loaded(errors=(None,), problems={"absent": "missing"})

    def call(self, function: str, group: str, arguments: tuple[Any, ...]) -> Call:
        self.loads.append(function)
        if function == "lost":
            raise LostError("did not return within 5 s", Cause.CELL_TIMEOUT)
        self.clock.now += self.seconds
        return returned(1, name=function, group=group, arguments=arguments)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> type[Process]:
    Process.loads, Process.seconds, Process.clock = [], 0.0, Clock()
    monkeypatch.setattr(exploring, "start_module", Process)
    monkeypatch.setattr(exploring, "time", Process.clock)
    return Process


def named(name: str, draws: st.SearchStrategy[Arguments] | None = None) -> Function:
    def oracle(number: int) -> int:
        return 1

    oracle.__name__ = name
    return Function(oracle, (Group(title="g", examples=((1,), (2,)), draws=draws, number=4),))


def explore(*functions: Function, wall: float = 60.0) -> Exploration:
    job = ModuleJob(
        script=Script("mine.py", ("",)), files={}, wanted={function.name: 1 for function in functions},
        limits=Limits(wall=wall), seed=0,
    )  # fmt: skip
    wanted = Functions(by_name={function.name: function for function in functions}, digest="")
    return explore_module(job, wanted, NoSandbox(), who="ada", progress=Silent())


def test_the_module_is_loaded_once_and_again_only_after_a_process_was_lost(process: type[Process]) -> None:
    found = explore(named("first"), named("lost"), named("absent"), named("second"))
    assert process.loads == ["load", "first", "first", "lost", "load", "second", "second"]
    assert [(call.function, call.outcome) for call in found.calls] == [
        ("first", "returned"), ("first", "returned"), ("lost", "lost"), ("second", "returned"), ("second", "returned"),
    ]  # fmt: skip


def test_a_module_that_never_finishes_loading_is_tried_once(
    process: type[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: Process) -> Loaded:
        self.loads.append("load")
        raise LostError("did not return within 30 s", Cause.CELL_TIMEOUT)

    monkeypatch.setattr(Process, "load", load)
    found = explore(named("first"), named("second"))
    assert (process.loads, found.calls, found.loaded) == (["load"], (), None)
    assert found.lost is not None
    assert found.lost.words == "did not return within 30 s"


def test_once_the_time_for_all_calls_is_spent_the_functions_that_follow_are_lost(process: type[Process]) -> None:
    process.seconds = 0.3
    found = explore(named("first"), named("second"), named("third"), wall=0.7)
    assert [(call.function, call.outcome) for call in found.calls][2:] == [
        ("second", "returned"), ("second", "lost"), ("third", "lost"),
    ]  # fmt: skip
    assert "was not called any more: all calls together took 0.7 s" in found.calls[-1].said


def test_the_time_in_which_the_grader_draws_and_compares_is_not_the_module_s(process: type[Process]) -> None:
    def slowly(number: int) -> Arguments:
        process.clock.now += 0.2
        return (number,)

    found = explore(named("first", WHOLE.map(slowly)), named("second"), wall=0.5)
    assert found.wall_s > 0.7
    assert {call.outcome for call in found.calls} == {"returned"}
