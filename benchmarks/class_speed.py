"""A class of eight: one-epoch MNIST notebooks through this grader, plain scripts, nbconvert and nbgrader, in turn.

    .venv/bin/python benchmarks/class_speed.py [--rounds N] [--notebooks N] [--images N] [--jobs N] [--sides NAME ...]
                                               [--tools VENV] [--data DIR] [--json FILE]

The same notebooks (perceptrons and convolutional networks by turns) on the same data:

  plain      `python script.py`, one after the other: what they cost with no grader at all
  nbconvert  `jupyter nbconvert --execute`, one after the other
  nbgrader   `nbgrader autograde`, whose converter runs one after the other
  cold       `grader batch --jobs 2`: sandboxed kernels that each import TensorFlow
  warm       `grader batch --jobs 2 --warm`: sandboxed kernels forked from one that has

The last two also take out each network, judge it on 10,000 digits that its notebook never saw, mark, and write reports.
nbconvert and nbgrader are installed from the package index into a virtual environment of their own below the system's folder
for temporary files, which sees this one's TensorFlow (`--tools`: take that environment, made before). A side that can't be
installed is left out, and said to be. A round is one run of each side, in turn forwards and backwards. Printed are medians,
and ratios to the plain scripts of the same round. On a machine that does other things trust the CPU.

Exit status: 0 if warm takes at most 0.40 of the plain scripts' wall time and 0.8 of their CPU, cold 0.65 and 1.1; else 1.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import nbformat
from processes import Cost, run_grader, run_measured
from sandbox_overhead import BUILD, EVALUATE, FIT, NETWORKS

from grader.cli.options import ending_in_words
from grader.core.errors import GraderError
from grader.core.progress import Silent
from grader.course.course import Course
from grader.course.rubric import find_dataset
from grader.course.served_data import serve
from grader.sandbox.interface import Input

GOALS = {"warm": Cost(0.40, 0.8), "cold": Cost(0.65, 1.1)}
LOAD = """\
import keras
import numpy as np
from keras import layers
data = np.load({path!r})
x_train, y_train = data["x_train"][:{images}].reshape(-1, *{shape}) / 255.0, data["y_train"][:{images}]
x_test, y_test = data["x_test"].reshape(-1, *{shape}) / 255.0, data["y_test"]
"""
RUBRIC = """\
schema = 1
title = "One epoch of MNIST"
dataset = "mnist"
pass_mark = 60
[[check]]
use = "executes"
points = 20
[[check]]
use = "accuracy"
points = 80
at_least = 0.8
"""  # far below what one epoch reaches: a borderline network would be run again, which no other side does
SIDES = ("plain", "nbconvert", "nbgrader", "cold", "warm")
TOOLS = ("nbconvert", "nbgrader")
Side = Callable[[], Cost]


class Class:
    """The notebooks in every form that a side takes, in a folder that is thrown away."""

    def __init__(self, folder: Path, images: int, count: int) -> None:
        self.folder, self.out = folder, folder / "out"
        self.names = [f"student{number}" for number in range(1, count + 1)]
        self.data = folder / "data" / "mnist.npz"  # a kernel does not see it, and is given what is served in its place
        for number, name in enumerate(self.names):
            shape, hidden = NETWORKS[("mlp", "cnn")[number % 2]]
            load = LOAD.format(path=str(self.data), images=images, shape=shape)
            script = (load, BUILD.format(shape=shape, hidden=hidden), FIT, EVALUATE)
            nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in script])
            nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            for place in (folder / "class" / name, folder / "course" / "submitted" / name / "ps1"):
                place.mkdir(parents=True)
                nbformat.write(nb, place / "work.ipynb")
            (folder / "scripts").mkdir(exist_ok=True)
            (folder / "scripts" / f"{name}.py").write_text("\n".join(script), encoding="utf-8")
        rubric = folder / "ours" / "assignments" / "speed" / "assignment.toml"
        rubric.parent.mkdir(parents=True)
        rubric.write_text(RUBRIC, encoding="utf-8")
        source = folder / "course" / "source" / "ps1"
        source.mkdir(parents=True)
        nbformat.write(nbformat.v4.new_notebook(), source / "work.ipynb")

    def environment(self, tools: Path | None = None) -> dict[str, str]:
        """As a student's own."""
        path = [str(tools / "bin")] if tools else []
        return {
            "HOME": str(self.folder / "home"), "LANG": "C.UTF-8",
            "PATH": ":".join([*path, os.environ.get("PATH", "/usr/bin:/bin")]), "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1", "MPLBACKEND": "agg",
        }  # fmt: skip


def place_data(klass: Class, inputs: Sequence[Input]) -> None:
    """The served MNIST where the notebooks look for it."""
    (served,) = (item.source for item in inputs if item.source.suffix == ".npz")
    klass.data.parent.mkdir()
    shutil.copyfile(served, klass.data)
    (klass.folder / "home").mkdir()


def install_tools(folder: Path) -> Path | None:
    """A virtual environment with nbconvert and nbgrader that sees this one's packages behind its own; None without."""
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        subprocess.run(
            [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *TOOLS], check=True, capture_output=True,
            timeout=900,
        )  # fmt: skip
        (site,) = folder.glob("lib/python*/site-packages")
        here = next(place for place in sys.path if place.endswith("site-packages"))
        (site / "behind.pth").write_text(f"{here}\n", encoding="utf-8")
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", b"") or b""
        print(f"nbconvert and nbgrader can't be installed: {error} {said.decode()[-500:]}", file=sys.stderr)
        return None
    return folder


def run_plain(klass: Class) -> Cost:
    """Every script, one after the other."""
    total = Cost()
    for name in klass.names:
        script = str(klass.folder / "scripts" / f"{name}.py")
        cost = run_measured([sys.executable, script], env=klass.environment(), cwd=klass.folder / "home")
        total = Cost(total.wall + cost.wall, total.cpu + cost.cpu)
    return total


def run_nbconvert(klass: Class, tools: Path) -> Cost:
    """Every notebook, one after the other."""
    total = Cost()
    for name in klass.names:
        command = [str(tools / "bin/jupyter"), "nbconvert", "--to", "notebook", "--execute", "--output-dir",
                   str(klass.folder / "executed" / name), str(klass.folder / "class" / name / "work.ipynb")]  # fmt: skip
        cost = run_measured(command, env=klass.environment(tools), cwd=klass.folder / "home")
        total = Cost(total.wall + cost.wall, total.cpu + cost.cpu)
    return total


def run_nbgrader(klass: Class, tools: Path) -> Cost:
    """The whole class by one command, into a new gradebook."""
    course = klass.folder / "course"
    for left in ("gradebook.db", "autograded", "release"):
        path = course / left
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    options = {"env": klass.environment(tools), "cwd": course}
    subprocess.run(
        [str(tools / "bin/nbgrader"), "generate_assignment", "ps1"], check=True, capture_output=True, **options
    )  # type: ignore[call-overload]
    cost = run_measured([str(tools / "bin/nbgrader"), "autograde", "ps1"], **options)
    graded = sum(ran(path) for path in course.glob("autograded/*/ps1/work.ipynb"))
    if graded != len(klass.names):
        raise GraderError(f"nbgrader ran {graded} of {len(klass.names)} without an error.")
    return cost


def ran(path: Path) -> bool:
    """Whether every cell of an executed notebook was run, none of them with an error."""
    cells = nbformat.read(path, as_version=4).cells
    failed = any(output.output_type == "error" for cell in cells for output in cell.get("outputs", ()))
    return not failed and all(cell.execution_count for cell in cells if cell.cell_type == "code")


def run_ours(klass: Class, *, warm: bool, jobs: int, data: Path) -> Cost:
    """The whole class by one command. Raises GraderError where a network was not judged, or not started as it should be."""
    shutil.rmtree(klass.out, ignore_errors=True)
    command = ["batch", "speed", str(klass.folder / "class"), "--course", str(klass.folder / "ours"), "--out",
               str(klass.out), "--jobs", str(jobs), "--data", str(data), *(["--warm"] if warm else [])]  # fmt: skip
    cost = run_grader(command, klass.folder)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in klass.out.glob("*/evidence/evidence.json")]
    started = "warm" if warm else "cold"
    facts = [evidence["facts"] for evidence in found]
    good = [fact for fact in facts if fact["judgement"]["outcome"] == "judged" and fact["start"] == started]
    if len(good) != len(klass.names):
        raise GraderError(f"{len(good)} of {len(klass.names)} were judged after a {started} start.")
    return cost


def ways(klass: Class, data: Path, arguments: argparse.Namespace) -> dict[str, Side]:
    """The sides that can be run here, by their names; `data` is the folder that holds mnist/."""
    found: dict[str, Side] = {
        "plain": lambda: run_plain(klass),
        "cold": lambda: run_ours(klass, warm=False, jobs=arguments.jobs, data=data),
        "warm": lambda: run_ours(klass, warm=True, jobs=arguments.jobs, data=data),
    }
    if set(arguments.sides) & set(TOOLS):
        tools = arguments.tools.resolve() if arguments.tools else install_tools(klass.folder / "tools")
        if tools is not None:
            found |= {"nbconvert": lambda: run_nbconvert(klass, tools), "nbgrader": lambda: run_nbgrader(klass, tools)}
    return {name: found[name] for name in SIDES if name in found and name in arguments.sides}


def measure(sides: Mapping[str, Side], rounds: int) -> dict[str, list[Cost]]:
    """All rounds, told as they come."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            cost = sides[name]()
            costs[name].append(cost)
            print(f"round {number + 1}, {name}: wall {cost.wall:.1f} s, CPU {cost.cpu:.1f} s", file=sys.stderr)
    return costs


def ratios(costs: Mapping[str, Sequence[Cost]]) -> dict[str, Cost]:
    """The median ratio of each side to the plain scripts of the same round."""
    plain = costs["plain"]
    return {
        name: Cost(
            statistics.median(one.wall / base.wall for one, base in zip(runs, plain, strict=True)),
            statistics.median(one.cpu / base.cpu for one, base in zip(runs, plain, strict=True)),
        )
        for name, runs in costs.items()
    }


def table(costs: Mapping[str, Sequence[Cost]], found: Mapping[str, Cost]) -> list[str]:
    """Medians in seconds and the ratios to the plain scripts, with the goals."""
    lines = [f"{'':<12}{'wall':>10}{'CPU':>10}{'wall ratio':>13}{'CPU ratio':>12}   goal"]
    for name, runs in costs.items():
        wall, cpu = statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs)
        goal = f"{GOALS[name].wall:.2f} and {GOALS[name].cpu:.1f}" if name in GOALS else ""
        lines.append(
            f"{name:<12}{wall:>8.1f} s{cpu:>8.1f} s{found[name].wall:>13.2f}{found[name].cpu:>12.2f}   {goal}".rstrip()
        )
    return lines


def missed(found: Mapping[str, Cost]) -> list[str]:
    """The goals that were not reached, in words."""
    return [
        f"{name}: {kind} {getattr(found[name], kind):.2f}, goal {getattr(goal, kind):g}"
        for name, goal in GOALS.items()
        for kind in ("wall", "cpu")
        if name in found and getattr(found[name], kind) > getattr(goal, kind)
    ]


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--notebooks", type=int, default=8)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--tools", type=Path, default=None)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADER_DATA"))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if "plain" not in arguments.sides:
        parser.error("--sides must name plain: everything is compared with it")
    return arguments


def main() -> int:
    """Measure, print, and say whether the goals are reached."""
    arguments = read_arguments()
    dataset, source = find_dataset(Course.at(), "mnist", arguments.data, Silent())
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        (folder / "served").mkdir()
        klass = Class(folder, arguments.images, arguments.notebooks)
        place_data(klass, serve(dataset, source, folder / "served").inputs)
        costs = measure(ways(klass, source.parent, arguments), arguments.rounds)
    found = ratios(costs)
    count, load = arguments.notebooks, f"{os.getloadavg()[0]:.1f}"
    print(f"{count} notebooks of one epoch, {arguments.images:,} images, {arguments.jobs} jobs, {arguments.rounds} rounds "
          f"on {os.cpu_count()} cores, load at the end {load}")  # fmt: skip
    print("\n".join(table(costs, found)))
    for name in set(arguments.sides) - set(costs):
        print(f"{name}: left out, it could not be installed")
    failed = missed(found)
    print(f"missed: {'; '.join(failed)}" if failed else "every goal was reached")
    if arguments.json is not None:
        plain = {name: [asdict(run) for run in runs] for name, runs in costs.items()}
        arguments.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
