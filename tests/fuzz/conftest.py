"""How the fuzzing tests are run and measured.

`make test` gives each target a few hundred cases; `make fuzz` (the profile "fuzz") ten thousand, and measures them: the
memory that a case takes at its peak is bounded, and memory must not grow from case to case (see `meter`).
"""

import shutil
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from grader.course.rubric import Rubric
from tests.fakes import a_rubric, write_course
from tests.fuzz.meter import MOST_GROWTH, MOST_PEAK, Meter

FUZZ = "fuzz"
METERS: pytest.StashKey[list[Meter]] = pytest.StashKey()

settings.register_profile(
    FUZZ,
    max_examples=10_000,
    derandomize=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def rubric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rubric]:
    folder = tmp_path_factory.mktemp("course")
    yield a_rubric(write_course(folder))
    shutil.rmtree(folder)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Measure every call of a fuzzing test's body."""
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    if handle is None or settings.get_current_profile_name() != FUZZ:
        return (yield)
    meter = Meter(pyfuncitem.name.removeprefix("test_"), handle.inner_test)
    body, handle.inner_test = handle.inner_test, meter.around()
    try:
        done = yield
    finally:
        handle.inner_test = body
    meter.replay()
    pyfuncitem.config.stash.setdefault(METERS, []).append(meter)
    most = getattr(pyfuncitem.module, "MOST_PEAK", MOST_PEAK)
    assert meter.peak < most, f"one case took {meter.peak >> 20} MiB"
    assert meter.growth < MOST_GROWTH, f"memory grew by {meter.growth:,} bytes: {meter.grown_at}"
    return done


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A line for each target."""
    meters = config.stash.get(METERS, [])
    if meters:
        terminalreporter.section("fuzzing")
        terminalreporter.write_line(Meter.heading())
    for meter in meters:
        terminalreporter.write_line(meter.line())
