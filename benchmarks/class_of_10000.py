"""A class of ten thousand: what the grader itself needs for each of them, when kernels cost nothing.

    .venv/bin/python benchmarks/class_of_10000.py [--counts 1250 2500 5000 10000] [--jobs 2]

Classes of growing size, each a fresh process of `grader batch` with the script of `scripted.py` in place of kernels, so
that all that is left is the grader's own work: reading, storing, marking, publishing, the gradebook, the class page.
Printed for each size are the wall time, the time for each hand-in, the largest memory of the process before the class page
is made and over all, and the page's size and the time a browser's parser (Python's, here) takes to read it. Exit status: 0
where the time for a hand-in in the largest class is at most 1.25 times that in the smallest, memory before the page grows
by less than 16 KiB for each hand-in, and the page stays below 2 KiB for each; else 1.
"""

import argparse
import html.parser
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = """
import resource, sys
sys.path.insert(0, sys.argv.pop(1))
import scripted
from grader.run import result_writer

publish = result_writer.publish_class

def told(*words, **more):
    print("before", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    return publish(*words, **more)

result_writer.publish_class = told
scripted.follow()
from grader.cli import main
try:
    main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@dataclass(frozen=True)
class Cost:
    """What a class cost: seconds, KiB before and after the class page was made, the page's bytes and seconds to read it."""

    count: int
    wall: float
    before: int
    peak: int
    page: int
    parsed: float


def grade(folder: Path, count: int, jobs: int) -> Cost:
    """A class of `count`, through the command line."""
    subprocess.run(
        [sys.executable, str(HERE / "scripted.py"), str(folder), str(count)], check=True, stdout=subprocess.DEVNULL
    )
    course, out = folder / "course", folder / "out"
    words = ["batch", "tiny", folder / "class", "--sandbox", "none", "--course", course, "--data", course / "data", "--out",
             out, "--jobs", jobs, "--json"]  # fmt: skip
    started = time.monotonic()
    with (folder / "rows.json").open("wb") as rows:
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(HERE), *map(str, words)], stdout=rows, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"SCRIPT_SECONDS": "0"},
        )  # fmt: skip
    wall = time.monotonic() - started
    told = dict(line.split() for line in done.stderr.splitlines() if line.startswith(("before", "peak")))
    if done.returncode or len(told) < 2:
        raise SystemExit(done.stderr[-2000:])
    text = (out / "index.html").read_text(encoding="utf-8")
    started = time.monotonic()
    html.parser.HTMLParser().feed(text)
    parsed = time.monotonic() - started
    return Cost(count, wall, int(told["before"]), int(told["peak"]), len(text.encode()), parsed)


def main() -> None:
    """Grade the classes, print the table."""
    parser = argparse.ArgumentParser(description="Time and memory of large classes without kernels.")
    parser.add_argument("--counts", type=int, nargs="+", default=[1250, 2500, 5000, 10000])
    parser.add_argument("--jobs", type=int, default=2)
    words = parser.parse_args()
    costs = []
    print("| hand-ins | wall | each | memory before the page | at most | class page | parsed in |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in words.counts:
        with tempfile.TemporaryDirectory(prefix="class-") as folder:
            cost = grade(Path(folder), count, words.jobs)
        costs.append(cost)
        print(
            f"| {count:,} | {cost.wall:.1f} s | {1000 * cost.wall / count:.1f} ms | {cost.before / 1024:.0f} MiB "
            f"| {cost.peak / 1024:.0f} MiB | {cost.page / (1 << 20):.1f} MiB | {cost.parsed:.2f} s |",
            flush=True,
        )
    first, last = costs[0], costs[-1]
    slower = last.wall / last.count / (first.wall / first.count)
    grown = (last.before - first.before) / max(1, last.count - first.count)
    print(
        f"\ntime for each: {slower:.2f} times that of the smallest class; memory: {grown:.1f} KiB more for each hand-in"
    )
    raise SystemExit(0 if slower <= 1.25 and grown < 16 and last.page < 2048 * last.count else 1)


if __name__ == "__main__":
    main()
