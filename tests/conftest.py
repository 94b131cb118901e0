"""Settings of the whole suite, and the data it runs on."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from grader.sandbox.warm import WarmBubblewrap

# Two shared cores: a slow example says nothing about the code. And the same examples in every run, so that a push is
# never refused for what it did not change: new ones are searched for by `make fuzz`.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("quick", settings.get_profile("shared"), max_examples=25)  # `make check`
settings.load_profile("shared")

# A shell starts its background jobs with Ctrl-C ignored, and what they start inherits that: graders under test, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NO_REAL_DATA = "the real MNIST and photographs are not on this machine"
# Why tests are left out, to what brings them in.
REMEDIES = {
    NO_REAL_DATA: "To run them: `grader data fetch mnist` and `grader data fetch pets`.",
    "Chromium": "To run them: install Chromium (Debian: apt install chromium).",
    "axe-core": "To run them: npm ci --prefix tests/browser.",
    "PostgreSQL": "To run them: install PostgreSQL (Debian: apt install postgresql).",
    "podman": "To run them: install podman.",
    "JAX": "To run them: pip install '.[jax]'.",
    "PyTorch": "To run them: pip install torch.",
}


def pytest_configure(config: pytest.Config) -> None:
    """Once, before any worker starts: everything below, processes of its own too, finds the data of the tests."""
    if not hasattr(config, "workerinput"):
        from tests.datasets import stand_in_data

        cache = Path(os.environ.get("GRADER_TEST_CACHE") or config.rootpath / ".pytest_cache" / "grader")
        os.environ["GRADER_DATA"] = str(stand_in_data(cache))


# Rooms and files whose tests start kernels, sandboxes, servers, browsers or many processes, load TensorFlow or go through
# every surface: `make check` leaves them out.
REAL = (
    "attacks/", "authoring/test_gradescope.py", "authoring/test_lint.py", "authoring/test_scaffold.py",
    "authoring/test_student_wheel.py", "browser/", "checks/test_family.py", "ci/test_action.py",
    "ci/test_check_repository.py", "ci/test_classroom50.py", "ci/test_gitlab.py", "cli/test_cli.py", "cli/test_help.py",
    "course/test_environment.py", "functions/", "fuzz/", "gradebook/test_deciders.py", "gradebook/test_files.py",
    "gradebook/test_server.py", "gradebook/test_writers.py", "judge/test_client.py", "judge/test_closure.py",
    "judge/test_handed_in.py", "judge/test_hostile_models.py", "judge/test_impostor.py", "judge/test_shifting.py",
    "judge/test_warm.py", "kernel/", "marking/test_similarity.py", "pages/test_shapes_of_keras.py",
    "project/test_benchmark_warm.py", "project/test_bounded_work.py", "project/test_docs.py", "project/test_examples.py",
    "project/test_exercises.py", "project/test_handed_in.py", "project/test_machines.py", "project/test_one_truth.py",
    "project/test_site.py", "project/test_wheel.py", "project/test_zoo.py", "reference/", "review/",
    "run/test_against.py", "run/test_cluster.py", "run/test_resume.py", "sandbox/", "selfcheck/test_check_command.py",
    "selfcheck/test_in_notebook.py", "selfcheck/test_server.py",
)  # fmt: skip


# The files that take longest come first (`make times` tells which): what starts last leaves the other cores without work.
LONGEST = (
    "project/test_examples.py", "project/test_zoo.py", "project/test_one_truth.py", "attacks/test_examine.py",
    "authoring/test_lint.py", "project/test_exercises.py", "authoring/test_student_wheel.py", "project/test_handed_in.py",
    "kernel/test_limits.py", "checks/test_family.py", "run/test_resume.py", "kernel/test_hostile.py",
    "reference/test_operators_graded.py", "kernel/test_run_notebook.py", "selfcheck/test_server.py",
    "judge/test_handed_in.py", "kernel/test_old_names.py", "attacks/test_batch.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first. What asks for the real data, and what uses real parts, can be chosen by a mark."""
    here = Path(__file__).parent
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(here).as_posix(), len(rank)))
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "real_data" in fixtures:
            item.add_marker(pytest.mark.real_data)
        of_a_server = "on_server" in fixtures or "[postgresql" in item.name
        if item.path.relative_to(here).as_posix().startswith(REAL) or of_a_server:
            item.add_marker(pytest.mark.real)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `-m 'not real'` leaves out is not even read."""
    if config.option.markexpr != "not real" or not collection_path.is_file():
        return None
    return collection_path.relative_to(Path(__file__).parent).as_posix().startswith(REAL) or None


COLLECTED = pytest.StashKey[frozenset[str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Which modules collecting loads: every worker collects what one of them will run. They are no garbage of any test."""
    session.config.stash[COLLECTED] = frozenset(sys.modules)
    gc.collect()
    gc.freeze()  # or each of the many collections goes through all of it again: a tenth of the time of `make check`


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The data root with the real MNIST and photographs; a test that asks for it is left out where there is none."""
    from tests.datasets import real_root

    root = real_root()
    if root is None:
        pytest.skip(NO_REAL_DATA)
    return root


@pytest.fixture(scope="session")
def warm_sandbox() -> Iterator["WarmBubblewrap"]:
    """The sandbox with fork servers that last for the session; test_warm.py holds that they say what cold starts say."""
    from grader.sandbox.bubblewrap import Bubblewrap
    from grader.sandbox.warm import WarmBubblewrap

    with closing(WarmBubblewrap(Bubblewrap.on_this_host().host, pytest.fail)) as sandbox:
        yield sandbox


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A sentence for each thing that this machine lacks: how many tests that left out, and what brings them in."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    for word, remedy in REMEDIES.items():
        left_out = [reason for reason in reasons if word in reason]
        if left_out:
            why = left_out[0].removeprefix("Skipped: ").rstrip(".")
            terminalreporter.write_line(f"{len(left_out)} tests were left out: {why}. {remedy}")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their argument: a zip's hold the time, and two workers have to collect the same names."""
    return argname if isinstance(val, bytes) else None
