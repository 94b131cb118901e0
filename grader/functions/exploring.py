"""Which calls are made: each group's examples, then drawn arguments, and what goes wrong made as small as can be."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from types import TracebackType

from grader.evidence import Call, Cause
from grader.functions.agreement import disagreement, pack_arguments
from grader.functions.cases import Arguments, Function, Functions, Group
from grader.functions.client import Loaded, LostError, ModuleJob, ModuleProcess
from grader.limits import write_duration
from grader.progress import Progress
from grader.sandbox.interface import Sandbox, Stopped

Ask = Callable[[Group, Arguments], Call]


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What came of a module: how loading went, every call kept, how the last process ended, and where it went wrong.

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
    with _Processes(job, sandbox) as processes:
        progress.step(who, "loading the module")
        try:
            loaded = processes.now().loaded
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

    The function is left alone after a call that did not return: trying again would cost its time again.
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
        kept.append(ask(group, example))
        if disagreement(function, kept[-1]) is not None:
            return kept
    if group.draws is None:
        return kept
    smallest: list[Call] = []  # what goes wrong, the smaller the later

    def goes_wrong(arguments: Arguments) -> bool:
        if smallest and smallest[-1].outcome == "lost":
            return False
        call = ask(group, arguments)
        wrong = disagreement(function, call) is not None
        if wrong:
            smallest.append(call)
        elif not smallest:
            kept.append(call)
        return wrong and call.outcome != "lost"

    _search(group, goes_wrong, seed)
    return [*kept, *smallest[-1:]]


def _search(group: Group, goes_wrong: Callable[[Arguments], bool], seed: int) -> None:
    """Draw arguments until some go wrong, then make those smaller; each that goes wrong was smaller than the last."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import Flaky, NoSuchExample

    assert group.draws is not None
    chosen = settings(
        max_examples=group.number, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    try:
        find(group.draws, goes_wrong, settings=chosen, random=Random(seed))
    except (NoSuchExample, Flaky):  # nothing goes wrong; or now it does and now it doesn't, and was kept when it did
        return


@dataclass(frozen=True)
class _Running:
    process: ModuleProcess
    loaded: Loaded


class _Processes:
    """One process at a time with the module in it: a new one for the next function after one was lost."""

    def __init__(self, job: ModuleJob, sandbox: Sandbox) -> None:
        self._job, self._sandbox = job, sandbox
        self._stack = ExitStack()
        self._running: _Running | None = None
        self._all: list[ModuleProcess] = []
        self._until = time.monotonic() + job.limits.wall

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def now(self) -> _Running:
        """The process that runs, else a new one. Raises LostError where the module can't be loaded."""
        if self._running is None:
            process = self._stack.enter_context(ModuleProcess(self._job, self._sandbox))
            self._all.append(process)
            self._running = _Running(process, process.load())
        return self._running

    def ask(self, function: Function) -> Ask:
        """A way of calling `function`: a lost process becomes a call of outcome "lost"."""

        def call(group: Group, arguments: Arguments) -> Call:
            packed = pack_arguments(arguments)
            try:
                if time.monotonic() > self._until:
                    late = f"was not called any more: the whole run took {write_duration(self._job.limits.wall)}"
                    raise LostError(late, Cause.WALL_LIMIT)
                return self.now().process.call(function.name, group.title, packed)
            except LostError as lost:
                self._running = None
                return Call(
                    function=function.name, group=group.title, arguments=packed, outcome="lost", said=lost.words
                )

        return call

    def stopped(self) -> tuple[Stopped, ...]:
        """How the processes ended, once this is closed."""
        return tuple(process.stopped for process in self._all if process.stopped is not None)
