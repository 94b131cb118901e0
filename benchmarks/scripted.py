"""A class whose submissions follow a script, so that thousands of them go through everything but a kernel and a judge.

    .venv/bin/python benchmarks/scripted.py FOLDER COUNT          writes a course and a class of COUNT mixed hand-ins
    .venv/bin/python benchmarks/scripted.py batch ...             `grader batch ...`, with the script in place of kernels

What becomes of a hand-in follows from its number alone, in every process. SCRIPT_SECONDS is how long each run takes (0),
SCRIPT_LOG a file that gets a line for each run that begins, SCRIPT_MARKS a folder that runs may remember things in. A Dask
worker that loads this file by `--preload` follows the script, too.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.core.errors import Infrastructure  # noqa: E402
from grader.core.evidence import Cause, Cell, Claims, Ending, Judgement  # noqa: E402
from grader.core.limits import Limits  # noqa: E402
from grader.core.progress import Progress  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.judge.client import JudgeAnswer, Question  # noqa: E402
from grader.kernel.run_notebook import Execution, Job  # noqa: E402
from grader.run import collect  # noqa: E402 - the tests' package is beside us, not installed
from grader.sandbox.interface import Sandbox  # noqa: E402
from tests import fakes  # noqa: E402
from tests.checks import builders as built  # noqa: E402
from tests.fakes import Act  # noqa: E402

RUBRIC = fakes.RUBRIC.replace("\n[[check]]", '\n[retry]\ntimes = 2\ncounts = "best"\n\n[[check]]', 1)
FAULT = Infrastructure("the sandbox did not start", "See `grader doctor`.")
KILLED = Ending(cause=Cause.MEMORY_LIMIT, message="cell 1 used more memory than allowed", cell=1)
ACTS = (
    Act(), Act(correct=9), Act(correct=5), Act(), Act(correct=7, by_seed={1000: 6, 2000: 9}), Act(model=False),
    Act(refused="a Lambda layer"), Act(faults=(FAULT,)), Act(ending=KILLED, model=False), Act(correct=8),
    Act(correct=7, by_seed={1000: 10}),
)  # fmt: skip
UNREADABLE = 13  # every so many hand-ins one that can't be read


def write(folder: Path, count: int) -> tuple[Course, Path]:
    """A course and a class of `count` hand-ins below `folder`."""
    course = fakes.write_course(folder / "course", RUBRIC)
    handed_in = folder / "class"
    handed_in.mkdir()
    for number in range(count):
        name = f"s{number:05}"
        if number % UNREADABLE == UNREADABLE - 1:
            kind = number // UNREADABLE % 3
            if kind == 0:
                (handed_in / f"{name}.py").write_bytes(b"\xff\xfe\0")
            elif kind == 1:
                (handed_in / f"{name}.docx").write_text("words")
            else:
                (handed_in / name).mkdir()
        else:
            (handed_in / f"{name}.py").write_text(f"print({name!r})\n", encoding="utf-8")
    return course, handed_in


def options(course: Course, out: Path) -> list[str]:
    """Words of the command line that suit such a course."""
    return [
        "--sandbox",
        "none",
        "--course",
        str(course.root),
        "--data",
        str(fakes.data_of(course.root)),
        "--out",
        str(out),
    ]


def act_of(who: str) -> Act:
    """What becomes of `who`: by the number in the name."""
    digits = "".join(char for char in who if char.isdigit())
    return ACTS[int(digits or 0) % len(ACTS)]


def run_notebook(job: Job, sandbox: Sandbox, *, who: str, progress: Progress) -> Execution:
    """As `grader.kernel.run_notebook.run_notebook`; the model's bytes are the student's name and the seed."""
    with open(os.environ.get("SCRIPT_LOG", os.devnull), "a", encoding="utf-8") as log:  # noqa: PTH123
        log.write(f"{who} {job.seed} {os.getpid()}\n")
    progress.step(who, "cell 1 of 1, epoch 1 of 1")
    time.sleep(float(os.environ.get("SCRIPT_SECONDS", "0")))
    if who.startswith("kills") and _first_times(who, 1 if who.startswith("kills-once") else 100):
        time.sleep(1)  # a Dask nanny starts no worker again that dies before it has said that it is there
        os.kill(os.getpid(), signal.SIGKILL)
    act = act_of(who)
    if act.faults and job.seed == 0 and _first_times(f"{who}-fault", 1):
        raise FAULT
    cells = tuple(Cell(number=n, source=text, executed=True) for n, text in enumerate(job.script.cells, 1))
    model = f"{who} {job.seed}".encode() if act.model else None
    return Execution(ending=act.ending, claims=fakes.trained_claims(*cells), model=model)


def judge_model(model: bytes, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits) -> JudgeAnswer:
    """As `grader.judge.client.judge_model`."""
    who, seed = model.decode().split()
    act = act_of(who)
    if act.refused:
        return JudgeAnswer(judgement=Judgement(outcome="refused", reason=act.refused), outputs=None)
    correct = act.by_seed.get(int(seed), act.correct)
    return JudgeAnswer(judgement=fakes.a_judgement(), outputs=built.answers(fakes.LABELS, correct, units=2))


def _first_times(what: str, times: int) -> bool:
    """Whether this happens for one of the first `times` times, over all processes; never where nothing is remembered."""
    marks = os.environ.get("SCRIPT_MARKS")
    if not marks:
        return False
    for number in range(times):
        with contextlib.suppress(FileExistsError):
            (Path(marks) / f"{what}-{number}").touch(exist_ok=False)
            return True
    return False


def follow() -> None:
    """Put the script in the place of kernel and judge, in this process."""
    vars(collect).update(run_notebook=run_notebook, judge_model=judge_model)


def dask_setup(worker: object) -> None:
    """Called by Dask in a worker that loads this file."""
    follow()


def main() -> None:
    """Write a class, or grade one."""
    if sys.argv[1] != "batch":
        course, handed_in = write(Path(sys.argv[1]), int(sys.argv[2]))
        print(f"grader batch {fakes.ASSIGNMENT} {handed_in} {' '.join(options(course, Path(sys.argv[1]) / 'out'))}")
        return
    from grader.cli import main as grader

    follow()
    grader()


if __name__ == "__main__":
    main()
