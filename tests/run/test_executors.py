"""How many submissions run at a time, where, and what that needs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import Infrastructure
from grader.core.progress import Silent
from grader.intake import read_path
from grader.run.collect import LocalCollector
from grader.run.context import HOST_BYTES, plan_jobs, usable_cores
from grader.sandbox.cgroup import available_memory
from tests.fakes import Act, Stage, a_context, data_of, run_cli, write_class, write_course

GIB = 1 << 30
EACH = 4 * GIB
FITS = EACH + HOST_BYTES


@pytest.mark.parametrize(
    ("wanted", "available", "cores", "jobs", "word"),
    [
        (None, 100 * GIB, 2, 2, ""),
        (8, 100 * GIB, 2, 8, ""),
        (None, 3 * FITS, 8, 3, "3 at a time instead of 8"),
        (4, 2 * FITS, 8, 2, "2 at a time instead of 4"),
        (2, 2 * FITS - 1, 8, 1, "1 at a time instead of 2"),
        (1, GIB, 8, 1, "memory may not even suffice"),
        (None, GIB, 8, 1, "memory may not even suffice"),
        (None, None, 3, 3, ""),
    ],
)
def test_the_sum_of_limits_fits_the_memory_or_fewer_run_and_it_is_said(
    wanted: int | None, available: int | None, cores: int, jobs: int, word: str
) -> None:
    plan = plan_jobs(wanted, memory=EACH, available=available, cores=cores)
    assert plan.jobs == jobs
    assert word in plan.words
    assert bool(plan.words) == bool(word)


@given(st.none() | st.integers(1, 64), st.integers(1 << 20, 1 << 40), st.integers(0, 1 << 42), st.integers(1, 256))
def test_one_runs_in_any_case_and_never_more_than_asked_for(
    wanted: int | None, memory: int, available: int, cores: int
) -> None:
    plan = plan_jobs(wanted, memory=memory, available=available, cores=cores)
    assert 1 <= plan.jobs <= (wanted or cores)
    assert plan.jobs == 1 or plan.jobs * (memory + HOST_BYTES) <= available


def test_a_machine_has_cores() -> None:
    assert usable_cores() >= 1


# -- memory


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def a_machine(tmp_path: Path, groups: str) -> tuple[Path, Path]:
    """/proc of a machine with 10 GiB available, and its mount of control groups."""
    write(tmp_path / "proc" / "meminfo", f"MemTotal: {20 << 20} kB\nMemAvailable: {10 << 20} kB\n")
    write(tmp_path / "proc" / "self" / "cgroup", groups)
    return tmp_path / "proc", tmp_path / "cgroup"


def test_without_groups_what_the_system_says_is_available(tmp_path: Path) -> None:
    assert available_memory(*a_machine(tmp_path, "")) == 10 * GIB


def test_a_group_of_version_2_and_those_above_it_count_and_pages_of_files_may_be_dropped(tmp_path: Path) -> None:
    proc, mount = a_machine(tmp_path, "0::/user/session\n")
    write(mount / "user" / "session" / "memory.max", "max\n")
    write(mount / "user" / "session" / "memory.current", f"{GIB}\n")
    assert available_memory(proc, mount) == 10 * GIB
    write(mount / "user" / "memory.max", f"{6 * GIB}\n")
    write(mount / "user" / "memory.current", f"{3 * GIB}\n")
    write(mount / "user" / "memory.stat", f"anon {2 * GIB}\ninactive_file {GIB}\n")
    assert available_memory(proc, mount) == 4 * GIB
    write(mount / "user" / "memory.current", f"{7 * GIB}\n")
    write(mount / "user" / "memory.stat", "")
    assert available_memory(proc, mount) == 0


def test_a_group_of_version_1_counts_also_where_a_container_shows_it_as_the_topmost(tmp_path: Path) -> None:
    proc, mount = a_machine(tmp_path, "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n")
    write(mount / "memory" / "memory.limit_in_bytes", f"{5 * GIB}\n")
    write(mount / "memory" / "memory.usage_in_bytes", f"{2 * GIB}\n")
    write(mount / "memory" / "memory.stat", "total_inactive_file 0\n")
    assert available_memory(proc, mount) == 3 * GIB


@pytest.mark.parametrize("groups", ["", "garbage", "4:memory", "0::../../etc\n", "4:memory:/\x00\n"])
def test_what_can_not_be_read_limits_nothing(tmp_path: Path, groups: str) -> None:
    proc, mount = a_machine(tmp_path, groups)
    write(mount / "memory" / "memory.limit_in_bytes", "unlimited\n")
    assert available_memory(proc, mount) == 10 * GIB
    assert available_memory(tmp_path / "nowhere", mount) is None


def test_this_machine_has_memory() -> None:
    found = available_memory()
    assert found is None or found > 1 << 20


# -- here


def test_a_run_here_gives_what_it_left_or_raises_what_it_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Infrastructure("no sandbox")
    Stage({"bob": Act(faults=(fault, fault))}).install(monkeypatch)
    folder = write_class(tmp_path / "class", "ada", "bob")
    ada, bob = (read_path(folder / f"{name}.py") for name in ("ada", "bob"))
    with a_context(write_course(tmp_path / "course")) as context:
        local = LocalCollector(context, 2, Silent())
        assert local.slots == 2
        found = local.collect(ada, 7)
        assert (found.stored.evidence.student, found.stored.evidence.seed, found.model) == ("ada", 7, b"ada")
        with pytest.raises(Infrastructure, match="no sandbox"):
            local.collect(bob, 0)


@pytest.mark.parametrize("executor", ["ray://x:1", "dask://", "local2", "tcp://x:1", ""])
def test_an_executor_that_is_none_is_told_before_anything_else(tmp_path: Path, executor: str) -> None:
    course = write_course(tmp_path / "course")
    said = run_cli("batch", "tiny", tmp_path, "--course", course.root, "--executor", executor)
    assert said.code == 2
    assert "dask://HOST:PORT" in said.err


def test_a_batch_that_gets_fewer_jobs_than_it_asked_for_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    monkeypatch.setattr("grader.sandbox.cgroup.available_memory", lambda: 2 * FITS)
    course = write_course(tmp_path / "course")
    said = run_cli(
        "batch", "tiny", write_class(tmp_path / "class", "ada"), "--jobs", "4", "--sandbox", "none", "--out",
        tmp_path / "out", "--course", course.root, "--data", data_of(course.root),
    )  # fmt: skip
    assert said.code == 0
    assert "2 at a time instead of 4: a submission may use 4 GiB" in said.err
