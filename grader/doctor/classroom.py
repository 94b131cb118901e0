"""A class of hostile students: notebooks through the ordinary pipeline, with a small course of their own."""

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grader.batch import grade_class
from grader.bench import Bench, Setup, open_bench
from grader.course import Course
from grader.dataset import digest_images, digest_labels
from grader.errors import GraderError
from grader.evidence import Cell, Evidence, Isolation
from grader.intake import Entry
from grader.limits import Limits
from grader.progress import Silent
from grader.publish import EVIDENCE_FOLDER, Order, student_folder
from grader.results import Result
from grader.sandbox.interface import Sandbox
from grader.store import load_evidence

ID, EACH, SIDE = "doctor", 10, 8
CLASSES = ("left", "right")
SHARE = 0.5  # of the judged pictures, that a network gets right which always says the same
SHAPE_POINTS, ACCURACY_POINTS = 10, 90
LIMITS: dict[str, Any] = {
    "wall": "90s", "cell": "30s", "memory": "600MiB", "disk": "32MiB", "processes": 24, "output": "1MiB",
    "messages": 2000,
}  # fmt: skip
RUBRIC = f"""\
schema = 1
title = "The doctor's class"
dataset = "{ID}"
pass_mark = 60
[[check]]
use = "input_shape"
points = {SHAPE_POINTS}
shapes = [[{SIDE}, {SIDE}, 3]]
[[check]]
use = "accuracy"
points = {ACCURACY_POINTS}
at_least = 0.9
"""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """What came of a notebook: its result, its evidence where there is some, the folder of results, our own growth."""

    result: Result
    evidence: Evidence | None
    out: Path
    grown: int  # bytes that the grader itself used more, at most, while it went on

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The notebook's cells after the run."""
        return self.evidence.claims.cells if self.evidence else ()


class Classroom:
    """Grades notebooks one class at a time; made by `open_classroom`."""

    def __init__(self, bench: Bench, course: Course, folder: Path) -> None:
        self._bench, self._course, self._folder = bench, course, folder
        self._numbers = count()

    @property
    def sandbox(self) -> Sandbox:
        """What holds the notebooks."""
        return self._bench.sandbox

    def grade(self, student: str, cells: Sequence[str], limits: Mapping[str, Any] | None = None) -> Graded:
        """One notebook of one student. Raises GraderError where the class page itself could not be written."""
        return self.grade_all({student: cells}, limits)[student]

    def grade_all(
        self, handed_in: Mapping[str, Sequence[str]], limits: Mapping[str, Any] | None = None
    ) -> dict[str, Graded]:
        """A notebook for each student, graded as one class."""
        number = next(self._numbers)
        folder, out = self._folder / "in" / str(number), self._folder / "out" / str(number) / "deep" / "results"
        folder.mkdir(parents=True)
        entries = []
        for student, cells in handed_in.items():
            path = folder / f"{student.replace('/', '_')}.ipynb"
            path.write_bytes(notebook(cells))
            entries.append(Entry(student=student, path=path))
        with own_growth() as growth:
            order = Order(out=out, course=self._course)
            results, _ = grade_class(entries, self._limited(limits or {}), order, jobs=1, progress=Silent())
        return {
            result.student: Graded(result=result, evidence=evidence_of(out, result), out=out, grown=growth())
            for result in results
        }

    def _limited(self, changes: Mapping[str, Any]) -> Bench:
        limits = Limits.model_validate({**LIMITS, **changes})
        rubric = self._bench.rubric
        assignment = rubric.assignment.model_copy(update={"run": limits})
        return dataclasses.replace(self._bench, rubric=dataclasses.replace(rubric, assignment=assignment))


@contextmanager
def open_classroom(isolation: Isolation, *, warm: bool = False) -> Iterator[Classroom]:
    """A classroom in that sandbox, its kernels started warm if so. Raises SandboxUnavailable before anything is done."""
    with tempfile.TemporaryDirectory(prefix="grader-doctor-") as name:
        folder = Path(name)
        course = write_course(folder / "course")
        setup = Setup(isolation=isolation, data=folder / "course" / "data", warm=warm)
        with open_bench(course, ID, setup, Silent()) as bench:
            yield Classroom(bench, course, folder)


def write_course(root: Path) -> Course:
    """A course of one assignment: tiny pictures of noise, of two classes."""
    manifest = [
        f'schema = 1\ntitle = "Noise"\nsource = "noise"\nkind = "photographs"\nclasses = {list(CLASSES)}\n'
        'judged = "judged"\njudged_title = "pictures of noise"\n'
    ]
    noise = np.random.default_rng(0)
    for split in ("train", "judged"):
        pictures = list(noise.integers(0, 256, (2 * EACH, SIDE, SIDE, 3), dtype=np.uint8))
        labels = np.repeat(np.arange(2, dtype=np.int64), EACH)
        for index, picture in enumerate(pictures):
            path = root / "data" / ID / split / CLASSES[index // EACH] / f"{index:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
        manifest.append(
            f'[split.{split}]\ncount = {2 * EACH}\nfolder = "{split}"\n'
            f'images = "{digest_images(pictures)}"\nlabels = "{digest_labels(labels)}"\n'
        )
    for path, text in (
        (root / "assignments" / ID / "assignment.toml", RUBRIC),
        (root / "datasets" / ID / "dataset.toml", "\n".join(manifest)),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return Course.at(root)


def notebook(cells: Sequence[str]) -> bytes:
    """The bytes of a notebook with these cells."""
    coded: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for n, source in enumerate(cells)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": coded}).encode()


def evidence_of(out: Path, result: Result) -> Evidence | None:
    """The evidence that was stored for a result."""
    try:
        return load_evidence(student_folder(out, result.student) / EVIDENCE_FOLDER).evidence
    except GraderError:
        return None


def text_of(cell: Cell) -> str:
    """All that a cell printed, showed, and ended with."""
    shown = [output.text for output in cell.outputs]
    return "\n".join([*shown, f"{cell.error.name}: {cell.error.message}"] if cell.error else shown)


@contextmanager
def own_growth() -> Iterator[Any]:
    """A function that tells by how many bytes this process has grown at most since the start."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far (Linux, proc(5))
    before = _memory("VmRSS")
    yield lambda: max(_memory("VmHWM") - before, 0)


def _memory(field: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), 0)
