"""A batch that is killed again and again, against one that is not: the same gradebook, and nothing run twice.

    .venv/bin/python benchmarks/resume.py [--count 200] [--kills 3] [--seconds 0.05] [--seed N]

Two batches of the same mixed class go through `grader batch` with the script of `scripted.py` in place of kernels: networks
that pass, fail and are borderline, none at all, refused ones, faults of the sandbox, memory that ran out, files that can't
be read. The first batch runs through. The second is killed with SIGKILL at random moments (`--seed` draws them) and started
again by the same command. Compared are, of both: `gradebook.csv` byte by byte; every grade and the whole history of
`gradebook.sqlite`; every result but for its times. Counted is how often a run was made whose evidence was stored before.
Exit status: 0 where all is the same and nothing was run twice but what a kill cut short, else 1.
"""

import argparse
import collections
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from grader.core.store import load_result  # noqa: E402
from grader.gradebook import open_gradebook  # noqa: E402 - found beside us

SCRIPT = HERE / "scripted.py"
TIMES = {"started", "evidence", "ending", "attempts"}  # of a result: they hold times, and digests of what holds times
JOBS = 2


@dataclass(frozen=True)
class Batch:
    """A command, and the environment that it runs in."""

    words: tuple[str, ...]
    environment: dict[str, str]
    out: Path

    def start(self) -> "subprocess.Popen[bytes]":
        """Begin it, silently."""
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), "batch", *self.words], env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self) -> float:
        """Run it to its end; how long that took, in seconds. Raises SystemExit where it fails."""
        started = time.monotonic()
        process = self.start()
        _, said = process.communicate()
        if process.returncode:
            raise SystemExit(f"the batch ended with {process.returncode}:\n{said.decode()[-2000:]}")
        return time.monotonic() - started

    def kill_after(self, seconds: float) -> bool:
        """Run it and kill it after a while; False where it had ended by then."""
        process = self.start()
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        return False

    def runs(self) -> "collections.Counter[str]":
        """How often each run (a student and a seed) was begun."""
        log = Path(self.environment["SCRIPT_LOG"])
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return collections.Counter(line.rpartition(" ")[0] for line in lines)


def a_batch(folder: Path, name: str, seconds: float) -> Batch:
    """A batch of the class below `folder`, whose results go to `name`."""
    course = folder / "course"
    out = folder / name
    (folder / f"{name}-marks").mkdir()
    words = (
        "tiny", str(folder / "class"), "--sandbox", "none", "--course", str(course), "--data", str(course / "data"),
        "--out", str(out), "--jobs", str(JOBS), "--json",
    )  # fmt: skip
    environment = {
        "SCRIPT_SECONDS": str(seconds), "SCRIPT_LOG": str(folder / f"{name}.log"),
        "SCRIPT_MARKS": str(folder / f"{name}-marks"),
    }  # fmt: skip
    return Batch(words, environment, out)


def interrupt(batch: Batch, kills: int, whole: float, draw: random.Random) -> int:
    """Kill the batch `kills` times, each somewhere in what is left of it, then let it end; how often it was killed."""
    killed = 0
    for number in range(kills):
        killed += batch.kill_after(draw.uniform(0.3, 1.0) * whole * (number + 1) / (kills + 1))
    batch.finish()
    return killed


def results_of(out: Path) -> dict[str, Any]:
    """Every result below `out` by folder, without times."""
    found = {}
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        result = load_result(folder)
        left = {**dict.fromkeys(TIMES, True), "grade": {"evidence": True}}
        found[folder.name] = result.model_dump(mode="json", exclude=left) if result is not None else None
    return found


def gradebook_of(out: Path) -> tuple[list[Any], list[Any]]:
    """The grades, and for each student what happened, without times."""
    with open_gradebook(out, create=False) as book:
        grades = book.grades()
        history = [
            [(event.kind, event.points, event.status) for event in book.history(grade.student.name)] for grade in grades
        ]
    return [grade.model_dump(mode="json", exclude={"evidence"}) for grade in grades], history


def compare(one: Batch, other: Batch, kills: int) -> list[str]:
    """What is not the same, and what was run more often than kills explain."""
    faults = []
    if (one.out / "gradebook.csv").read_bytes() != (other.out / "gradebook.csv").read_bytes():
        faults.append("gradebook.csv differs")
    grades, others = gradebook_of(one.out), gradebook_of(other.out)
    faults += ["the grades differ"] if grades[0] != others[0] else []
    faults += ["the history differs"] if grades[1] != others[1] else []
    faults += ["the results differ"] if results_of(one.out) != results_of(other.out) else []
    more = sum((other.runs() - one.runs()).values())
    if more > kills * JOBS:
        faults.append(f"{more} runs were made again; {kills} kills cut at most {kills * JOBS} short")
    return faults


def main() -> None:
    """Run both, compare, print."""
    parser = argparse.ArgumentParser(description="A batch that is killed and resumed against one that is not.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.05, help="of each run")
    parser.add_argument("--seed", type=int, default=None)
    words = parser.parse_args()
    seed = words.seed if words.seed is not None else random.SystemRandom().randrange(1000)
    with tempfile.TemporaryDirectory(prefix="resume-") as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, str(SCRIPT), str(folder), str(words.count)], check=True, stdout=subprocess.DEVNULL
        )
        one, other = a_batch(folder, "one", words.seconds), a_batch(folder, "other", words.seconds)
        whole = one.finish()
        killed = interrupt(other, words.kills, whole, random.Random(seed))
        faults = compare(one, other, killed)
        rows = len((one.out / "gradebook.csv").read_bytes().splitlines()) - 1
        again = sum((other.runs() - one.runs()).values())
    print(
        f"{words.count} hand-ins, {rows} rows, {whole:.1f} s without interruption; killed {killed} times (seed {seed})"
    )
    print(f"{again} runs were made again that a kill had cut short")
    print("the same gradebook, the same results" if not faults else f"NOT the same: {'; '.join(faults)}")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
