"""Which calls are made: each group's examples, then drawn arguments, and what goes wrong made as small as can be.

At the end of the file: the cases that students get, drawn in the same way and answered by the oracle (`record_cases`).
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from grader.core.errors import RubricError
from grader.core.evidence import Argument, Array, Call, Cause
from grader.core.limits import write_duration
from grader.core.progress import Progress
from grader.functions.agreement import disagreement, expected_of, form_of, size_words
from grader.functions.cases import (
    Arguments,
    Function,
    Functions,
    Group,
    StoredCases,
    StoredFunction,
    StoredGroup,
    key_of,
    pack_arguments,
    pack_array,
    unpack_arguments,
    unpack_array,
)
from grader.functions.module_process import Loaded, LostError, ModuleJob, ModuleProcess, start_module
from grader.sandbox.interface import Sandbox, Stopped

Ask = Callable[[Group, Arguments], Call]
MOST_SMALLER = 250  # calls that look for something smaller, in one group: measured, hardly any search needs more
MOST_KEPT = 64 << 10  # characters of an answer of the wrong size
SEED = 1 << 40  # of the cases for students: `--seed` ends at 2**32 - 1, so they are never those of a grading run
DRAWN = 60  # of them in a group


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What became of a module: how loading went, every call kept, how the last process ended, and where it went wrong.

    `lost` is set where the module itself could not be loaded: why, in words that follow "the module".
    """

    loaded: Loaded | None
    calls: tuple[Call, ...]
    stopped: tuple[Stopped, ...]
    wall_s: float
    lost: LostError | None = None


def explore_module(
    job: ModuleJob, functions: Functions, sandbox: Sandbox, *, who: str, progress: Progress
) -> Exploration:
    """Load the module and try every function on its cases. Raises Infrastructure, never for the module's code."""
    started = time.monotonic()
    calls: list[Call] = []
    loaded: Loaded | None = None
    failed: LostError | None = None
    with ExitStack() as stack:
        processes = _Processes(job, sandbox, stack)
        progress.step(who, "loading the module")
        try:
            loaded = processes.load()
        except LostError as lost:
            failed = lost
        for function in functions.by_name.values():
            if loaded is not None and function.name not in loaded.problems:
                progress.step(who, f"calling {function.name}")
                calls += explore_function(function, processes.ask(function), seed=job.seed)
    return Exploration(
        loaded=loaded, calls=tuple(calls), stopped=processes.stopped(), wall_s=time.monotonic() - started, lost=failed
    )


def explore_function(function: Function, ask: Ask, *, seed: int) -> list[Call]:
    """The calls of one function that are kept: of a group all until one goes wrong, then the smallest that does.

    The function is left alone after a call that did not return: trying again would cost its time again. Raises RubricError
    for what the course's own code does wrong.
    """
    kept: list[Call] = []
    for group in function.groups:
        kept += _explore_group(function, group, ask, seed)
        if kept and kept[-1].outcome == "lost":
            break
    return kept


def _explore_group(function: Function, group: Group, ask: Ask, seed: int) -> list[Call]:
    kept: list[Call] = []
    for example in group.examples:
        kept.append(_compact(function, ask(group, function.plain(example, f"group `{group.title}`"))))
        if disagreement(function, kept[-1]) is not None:
            return kept
    return kept if group.draws is None else kept + _Search(function, group, ask).run(seed)


class _Search:
    """Draws arguments until some go wrong, then makes those smaller: each that goes wrong is smaller than the last."""

    def __init__(self, function: Function, group: Group, ask: Ask) -> None:
        self._function, self._group, self._ask = function, group, ask
        self._right: list[Call] = []
        self._wrong: Call | None = None
        self._smaller = 0
        self._error: Exception | None = None

    def run(self, seed: int) -> list[Call]:
        """The calls that are kept: those that went right, and the smallest that did not."""
        from hypothesis import HealthCheck, Phase, find, settings
        from hypothesis.errors import Flaky, NoSuchExample

        assert self._group.draws is not None
        chosen = settings(
            max_examples=self._group.number, database=None, deadline=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )  # fmt: skip
        try:
            _settle_hypothesis()
            find(self._group.draws, self._goes_wrong, settings=chosen, random=Random(seed))
        except (NoSuchExample, Flaky):
            pass  # nothing goes wrong; or now it does and now it doesn't, and was kept when it did
        except Exception as error:  # the course's own strategy
            raise RubricError(
                f"`{self._function.name}`, group `{self._group.title}`: nothing could be drawn, because of "
                f"{type(error).__name__}: {error}.",
                "Mend the strategy in the file of cases.",
            ) from error
        if self._error is not None:
            raise self._error
        return self._right if self._wrong is None else [*self._right, self._wrong]

    def _goes_wrong(self, arguments: object) -> bool:
        """What Hypothesis asks. No error passes through it: it would be taken for what is searched, and be tried again."""
        if self._error is not None or self._enough():
            return False
        try:
            call = self._ask(self._group, self._function.plain(arguments, f"group `{self._group.title}`, a drawn case"))
            call = _compact(self._function, call)
            wrong = disagreement(self._function, call) is not None
        except Exception as error:
            self._error = error
            return False
        if wrong:
            self._wrong = call
        elif self._wrong is None:
            self._right.append(call)
        return wrong and call.outcome != "lost"

    def _enough(self) -> bool:
        if self._wrong is None:
            return False
        self._smaller += 1
        return self._smaller > MOST_SMALLER or self._wrong.outcome == "lost"


def _compact(function: Function, call: Call) -> Call:
    """The call without a big answer of the wrong size, which would fill a disk and says no more than its size does."""
    if call.value is None or len(call.value.data) <= MOST_KEPT:
        return call
    found = unpack_array(call.value)
    if found.shape == np.shape(expected_of(function, call)):
        return call
    return call.model_copy(update={"value": None, "said": size_words(call.form, found)})


@cache
def _settle_hypothesis() -> None:
    """Hypothesis draws the same for the same seed, and leaves nothing in the folder where somebody works.

    By itself it mixes in numbers that stand in modules which are loaded just now, and keeps a store in `.hypothesis`:
    good for tests, but the second student of a class would be asked something else than the first. Both hold for the whole
    process, so they are settled once and never taken back: searches go on in several threads.
    """
    from hypothesis.configuration import set_hypothesis_home_dir

    providers: Any = sys.modules.get("hypothesis.internal.conjecture.providers")
    if hasattr(providers, "_get_local_constants"):  # there is no setting for it
        providers._get_local_constants = providers.Constants
    set_hypothesis_home_dir(Path(os.devnull, "hypothesis"))


class _Processes:
    """One process at a time with the module in it, ended by `stack`; a new one for the next function after a lost one."""

    def __init__(self, job: ModuleJob, sandbox: Sandbox, stack: ExitStack) -> None:
        self._job, self._sandbox, self._stack = job, sandbox, stack
        self._current: ModuleProcess | None = None
        self._all: list[ModuleProcess] = []
        self._left = job.limits.wall  # for the module alone: how long the grader thinks in between is not its fault

    def load(self) -> Loaded:
        """What a new process finds in the module. Raises LostError where it can't be loaded."""
        process = self._stack.enter_context(start_module(self._job, self._sandbox))
        self._all.append(process)
        loaded = process.load()
        self._current = process
        return loaded

    def ask(self, function: Function) -> Ask:
        """A way of calling `function`: a lost process becomes a call of outcome "lost"."""

        def call(group: Group, arguments: Arguments) -> Call:
            packed = pack_arguments(arguments)
            started = time.monotonic()
            try:
                if self._left <= 0:
                    late = f"was not called any more: all calls together took {write_duration(self._job.limits.wall)}"
                    raise LostError(late, Cause.WALL_LIMIT)
                if self._current is None:
                    self.load()
                assert self._current is not None
                return self._current.call(function.name, group.title, packed)
            except LostError as lost:
                self._current = None
                return Call(
                    function=function.name, group=group.title, arguments=packed, outcome="lost", said=lost.words
                )
            finally:
                self._left -= time.monotonic() - started

        return call

    def stopped(self) -> tuple[Stopped, ...]:
        """How the processes ended, once `stack` is closed."""
        return tuple(process.stopped for process in self._all if process.stopped is not None)


def record_cases(functions: Functions) -> tuple[StoredCases, tuple[str, ...]]:
    """Cases of every function with their answers, and the groups left out: those with nothing but examples of the course.

    Examples that are not marked as `shown` stay with the course: of their groups, drawn cases stand for them.
    """
    stored, missing = [], []
    for function in functions.by_name.values():
        groups = [
            replace(group, examples=group.examples if group.shown else (), number=max(group.number, DRAWN))
            for group in function.groups
        ]
        kept = tuple(group for group in groups if group.examples or group.draws is not None)
        missing += [f"`{function.name}`, {group.title}" for group in groups if group not in kept]
        if not kept:
            raise RubricError(
                f"`{function.name}`: students would have no case of it, because none of its groups draws any.",
                "Give a group `draws`, or mark one whose examples students may know with `shown=True`.",
            )
        calls = explore_function(replace(function, groups=kept), _right_answers(function), seed=SEED)
        stored.append(
            StoredFunction(
                name=function.name,
                parameters=function.parameters,
                groups=tuple(StoredGroup(title=group.title, calls=_smallest_first(group, calls)) for group in kept),
            )
        )
    return StoredCases(functions=tuple(stored)), tuple(missing)


def _right_answers(function: Function) -> Ask:
    """A way of asking the oracle itself: no call goes wrong, so that all that are drawn are kept."""

    def ask(group: Group, arguments: Arguments) -> Call:
        packed = pack_arguments(arguments)
        right = function.answer(unpack_arguments(packed))
        return Call(
            function=function.name, group=group.title, arguments=packed, outcome="returned", form=form_of(right),
            value=pack_array(np.asarray(right)),
        )  # fmt: skip

    return ask


def _smallest_first(group: Group, calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls of a group, each once: its examples as the course orders them, then what was drawn by size."""
    own = {key_of(call.arguments): call for call in calls if call.group == group.title}
    shown = {key_of(pack_arguments(example)) for example in group.examples}
    examples = [call for key, call in own.items() if key in shown]
    drawn = [call for key, call in own.items() if key not in shown]
    return (*examples, *sorted(drawn, key=lambda call: _size(call.arguments)))


def _size(arguments: Sequence[Argument]) -> tuple[int, float]:
    """How many numbers a person has to look at, and how large they are."""
    numbers = [np.abs(unpack_array(item).astype(float)) for item in arguments if isinstance(item, Array)]
    single = [abs(float(item)) for item in arguments if isinstance(item, int | float)]
    return sum(array.size for array in numbers), sum(float(array.sum()) for array in numbers) + sum(single)
