"""A Dask cluster against the pool of this machine: the same results, and what the way there and back costs.

    .venv/bin/python benchmarks/dask_efficiency.py [--count 48] [--seconds 1.0] [--workers 1 2]

The same class goes through `grade_class` twice for each number N: with N threads here, and with N Dask workers (processes
of this machine, a thread each, started beforehand). `scripted.py` stands in for kernels, each run waits SECONDS, as a host
waits for a kernel; so the ratio shows what Dask adds: packing, two ways over a socket, checking. Each worker grades one
submission first, which opens its course and data. Efficiency is the local pool's wall time divided by the cluster's. Exit
status: 0 where all results are the same and every efficiency is above 0.9, else 1.
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import scripted  # noqa: E402 - found beside us

from grader.cli.grade import collect_order  # noqa: E402
from grader.core.progress import Silent  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.marking.publish import OutputOptions  # noqa: E402
from grader.run.batch import grade_class  # noqa: E402
from grader.run.cluster import open_cluster  # noqa: E402
from tests import fakes  # noqa: E402

TIMES = {"started", "evidence", "ending", "attempts"}
GOAL = 0.9


def grade(course: Course, source: Path, out: Path, jobs: int, address: str | None) -> tuple[dict[str, Any], float]:
    """The results of a class without times, and the seconds it took."""
    order, entries = OutputOptions(out=out, course=course), fakes.list_class(source)
    with fakes.a_context(course) as bench:
        if address is None:
            started = time.monotonic()
            rows, _ = grade_class(entries, bench, order, jobs=jobs, progress=Silent())
            return {row.student: row.model_dump(exclude=TIMES) for row in rows}, time.monotonic() - started
        with open_cluster(address, bench, collect_order, {}, Silent()) as collector:
            warm = fakes.write_class(out.parent / "warm", *(f"s{number:05}" for number in range(0, 44 * jobs, 11)))
            first = OutputOptions(out=out.parent / f"{out.name}-warm", course=course)
            grade_class(fakes.list_class(warm), bench, first, jobs=jobs, progress=Silent(), collector=collector)
            started = time.monotonic()
            rows, _ = grade_class(entries, bench, order, jobs=jobs, progress=Silent(), collector=collector)
            return {row.student: row.model_dump(exclude=TIMES) for row in rows}, time.monotonic() - started


def on_a_cluster(course: Course, source: Path, out: Path, workers: int, marks: Path) -> tuple[dict[str, Any], float]:
    """The same with so many workers."""
    from distributed import LocalCluster

    known = {
        "GRADER_DATA": str(fakes.data_of(course.root)), "GRADER_COURSE": str(course.root), "PYTHONPATH": str(HERE.parent),
        "SCRIPT_SECONDS": os.environ["SCRIPT_SECONDS"], "SCRIPT_MARKS": str(marks),
    }  # fmt: skip
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, env=known,
        preload=[str(HERE / "scripted.py")], silence_logs="CRITICAL",
    ) as cluster:  # fmt: skip
        return grade(course, source, out, workers, cluster.scheduler_address.replace("tcp://", "dask://"))


def main() -> None:
    """Grade, compare, print."""
    parser = argparse.ArgumentParser(description="Dask workers against the pool of this machine.")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    words = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["SCRIPT_SECONDS"] = str(words.seconds)
    scripted.follow()
    fine = True
    print(f"{words.count} hand-ins, {words.seconds:g} s each run\n\n| workers | here | Dask | efficiency | results |")
    print("|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory(prefix="dask-") as name:
        folder = Path(name)
        course, source = scripted.write(folder, words.count)
        for number in words.workers:
            marks = [folder / f"marks-{number}-{place}" for place in ("here", "there")]
            for mark in marks:
                mark.mkdir()
            os.environ["SCRIPT_MARKS"] = str(marks[0])
            here, wall = grade(course, source, folder / f"here-{number}", number, None)
            there, other = on_a_cluster(course, source, folder / f"there-{number}", number, marks[1])
            same, efficiency = here == there, wall / other
            fine = fine and same and efficiency > GOAL
            said = "the same" if same else "NOT the same"
            print(f"| {number} | {wall:.1f} s | {other:.1f} s | {efficiency:.2f} | {said} |", flush=True)
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
