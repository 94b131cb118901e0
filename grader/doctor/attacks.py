"""A class of hostile students: notebooks through the ordinary pipeline, with a small course of their own.

Attacks by what a program leaves behind: links, pipes, files of no size, read as results are read.

Attacks by notebooks through the ordinary pipeline: many harmless ones in one, dangerous ones in one of their own.

Attacks that nothing can stop, because a notebook may say what it likes: the mark, the pages and the log don't move.
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grader.core.errors import Failure, GraderError
from grader.core.evidence import Cause, Cell, Evidence, Isolation
from grader.core.limits import Limits
from grader.core.progress import Silent
from grader.core.results import Result, Status
from grader.core.store import load_evidence
from grader.course.course import Course
from grader.course.dataset import digest_images, digest_labels
from grader.doctor.control import CONTROL_S, WORK, Bait, cells_in, lay_bait, plain_cells, read_answers
from grader.doctor.corpus import Attack, AttackTrial, Seen, network, prelude
from grader.intake import Entry
from grader.marking.publish import EVIDENCE_FOLDER, GRADEBOOK, INDEX, REPORT, OutputOptions, student_folder
from grader.pages.terminal import PlainProgress, row, summary
from grader.run.batch import grade_class
from grader.run.context import RunContext, RunOptions, open_context
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.interface import Sandbox

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

    def __init__(self, bench: RunContext, course: Course, folder: Path) -> None:
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
            order = OutputOptions(out=out, course=self._course)
            results, _ = grade_class(entries, self._limited(limits or {}), order, jobs=1, progress=Silent())
        return {
            result.student: Graded(result=result, evidence=evidence_of(out, result), out=out, grown=growth())
            for result in results
        }

    def _limited(self, changes: Mapping[str, Any]) -> RunContext:
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
        setup = RunOptions(isolation=isolation, data=folder / "course" / "data", warm=warm)
        with open_context(course, ID, setup, Silent()) as bench:
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


MOST_BYTES = 1 << 20
READ_S = 5.0


def try_leftovers(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """One program leaves all of it behind; the control is a plain open()."""
    codes = {attack.name: attack.code for attack in attacks}
    with (
        lay_bait(prelude()) as bait,
        cells_in(room.sandbox, codes, bait.facts, prelude=prelude()) as confined,
    ):
        stopped = confined.wait(CONTROL_S)
        answers, folder = read_answers(confined), confined.folders[WORK]
        for attack in attacks:
            said = answers.get(attack.name, "")
            if "DONE" not in said:
                yield AttackTrial(
                    attack=attack, seen=Seen(fault=f"it left nothing behind: {said or stopped.log[-200:]}")
                )
                continue
            control = [plainly(folder, name, bait) for name in attack.leaves] if attack.controlled else []
            yield AttackTrial(
                attack=attack,
                seen=combined([as_results(folder, name, bait) for name in attack.leaves]),
                control=combined(control) if control else None,
            )


def combined(seen: Sequence[Seen]) -> Seen:
    """Several files of one attack as one observation."""
    return Seen(output="\n".join(each.output for each in seen), host=tuple(word for each in seen for word in each.host))


def as_results(folder: int, name: str, bait: Bait) -> Seen:
    """What comes of reading `name` below the descriptor as a result is read."""
    told: list[Seen] = []

    def read() -> None:
        try:
            data = read_artefact(folder, name, at_most=MOST_BYTES)
        except (Failure, OSError) as error:
            told.append(Seen(output=f"HELD {error}"))
        except Exception as error:
            told.append(Seen(host=(f"the reader failed: {type(error).__name__}: {error}",)))
        else:
            leaked = bait.leaked(data.decode(errors="replace"))
            told.append(Seen(output=f"HELD it holds {len(data)} bytes", host=(leaked,) if leaked else ()))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(READ_S)
    return told[0] if told else Seen(host=(f"the reader hung at {name}",))


def plainly(folder: int, name: str, bait: Bait) -> Seen:
    """What a plain open() of `name` would have given."""
    path = Path(f"/proc/self/fd/{folder}/{name}")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a link is to be followed
            return Seen(output="HELD it is no regular file")
        data = path.read_bytes()
    except OSError as error:
        return Seen(output=f"HELD {error}")
    leaked = bait.leaked(data.decode(errors="replace"))
    if leaked or len(data) > MOST_BYTES:
        return Seen(host=(leaked or f"{len(data)} bytes were read",))
    return Seen(output="HELD it is an ordinary file")


MOST_GROWTH = 150 << 20  # bytes of the grader itself, whatever a notebook does
ALIVE = "the cell after it was run"


def try_together(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """One notebook for all; where one of them ends it, those behind it get another."""
    controls = run_controls([attack for attack in attacks if attack.controlled], processes=True)
    waiting = list(attacks)
    while waiting:
        with lay_bait(prelude(), processes=True) as bait:
            graded = room.grade("all of them", [opening(bait), *(attack.code for attack in waiting)])
            saw = bait.look()
        ran = [cell for cell in graded.cells[1:] if cell.executed]
        ending = graded.result.ending
        fault = "" if ending.cause is Cause.FINISHED else f"the notebook ended with it: {ending.message}"
        for attack, cell in zip(waiting, ran, strict=False):
            output = text_of(cell)
            seen = Seen(
                output=output, host=what_the_host_saw(attack, bait, saw, output), fault=fault if cell is ran[-1] else ""
            )
            yield AttackTrial(attack=attack, seen=seen, control=controls.get(attack.name))
        if not ran:
            for attack in waiting:
                yield AttackTrial(attack=attack, seen=Seen(fault=ending.message), control=controls.get(attack.name))
        waiting = waiting[len(ran) :] if ran else []


def try_alone(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """A notebook for each: how it ends, whether it goes on afterwards, and what that costs the grader itself."""
    for attack in attacks:
        control = run_controls([attack]).get(attack.name) if attack.controlled else None
        with lay_bait(prelude()) as bait:
            graded = room.grade(attack.name, [opening(bait), attack.code, f"print({ALIVE!r})"], attack.limits)
            yield AttackTrial(attack=attack, seen=observe(attack, graded, bait), control=control)


def try_models(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """A notebook for each that leaves something in the place of a network: refused before anything opens it."""
    for attack in attacks:
        with lay_bait(prelude()) as bait:
            graded = room.grade(attack.name, [opening(bait), attack.code], attack.limits)
            host = [*what_the_host_saw(attack, bait, bait.look(), ""), *too_much(graded)]
        facts = graded.evidence.facts if graded.evidence else None
        if facts is None or facts.model is None:
            seen = Seen(host=tuple(host), fault=f"nothing was left behind: {graded.result.ending.message}")
        elif facts.judgement.outcome != "refused":
            seen = Seen(host=(*host, f"it was {facts.judgement.outcome}: {facts.judgement.reason}"))
        else:
            seen = Seen(host=tuple(host), output=f"HELD {facts.judgement.reason}")
        yield AttackTrial(attack=attack, seen=seen)


def observe(attack: Attack, graded: Graded, bait: Bait) -> Seen:
    """What is to be said of an attack that had a notebook of its own."""
    ending = graded.result.ending
    output = text_of(graded.cells[1]) if len(graded.cells) > 1 else ""
    host = [*what_the_host_saw(attack, bait, bait.look(), output), *too_much(graded)]
    if ending.cause is Cause.INFRASTRUCTURE:
        host.append(f"the grader broke: {ending.message}")
    elif ending.cause not in attack.endings:
        host.append(f"the run ended otherwise than it must ({ending.cause.value}): {ending.message}")
    elif ending.cause is not Cause.FINISHED:
        output += f"\nHELD {ending.message}"
    elif ALIVE not in text_of(graded.cells[-1]):
        host.append("the cell after it was not run")
    elif not attack.seen and "DONE" in output:
        output += "\nHELD the run went on to its end"
    return Seen(output=output, host=tuple(host))


def run_controls(attacks: Sequence[Attack], *, processes: bool = False) -> dict[str, Seen]:
    """The same cells in one plain process of the same user, with bait of their own."""
    if not attacks:
        return {}
    codes = {attack.name: attack.code for attack in attacks}
    try:
        with (
            lay_bait(prelude(), processes=processes) as bait,
            plain_cells(
                codes, bait.facts, prelude=prelude(), environment=bait.environment, descriptors=(bait.descriptor,)
            ) as confined,
        ):
            stopped = confined.wait(CONTROL_S)
            answers, saw = read_answers(confined), bait.look()
    except (GraderError, TimeoutError) as error:
        return {attack.name: Seen(fault=str(error)) for attack in attacks}
    if stopped.signal is not None:
        saw["parent"] = "its parent was killed"
    fault = "" if answers else stopped.log[-200:] or "it wrote no answers"
    return {
        attack.name: Seen(
            output=answers.get(attack.name, ""), fault=fault,
            host=what_the_host_saw(attack, bait, saw, answers.get(attack.name, "")),
        )
        for attack in attacks
    }  # fmt: skip


def what_the_host_saw(attack: Attack, bait: Bait, saw: Mapping[str, str], output: str) -> tuple[str, ...]:
    """Of all that was seen, what this attack is about; a secret of the host in its output always counts."""
    leaked = bait.leaked(output)
    return (*([leaked] if leaked else []), *(saw[name] for name in attack.seen if name in saw))


def too_much(graded: Graded) -> list[str]:
    """That the grader itself grew more than it may, if it did."""
    return [f"the grader grew by {graded.grown >> 20} MiB"] if graded.grown > MOST_GROWTH else []


def opening(bait: Bait) -> str:
    """A notebook's first cell: what the attacks are told, and the prelude."""
    facts = "\n".join(f"{name} = {value!r}" for name, value in bait.facts.items())
    return f"{facts}\n{prelude()}"


LIAR, LIE = "the one who lies", "0.999"
WITH_KERAS = {"wall": "10m", "cell": "5m", "memory": "3GiB", "processes": 64}
MARKUP = ("<script>document", "<img src=x")  # of the corpus: it acts where it stands in a page as it is
CONTROL = ("\x1b", "\x07", "\x9b", "\u202e")  # what acts in a terminal, and hides words in a page
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection


def try_claims(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """All lies in one notebook, about a network that is right by half: the mark says so, whatever is claimed."""
    with lay_bait(prelude()) as bait:
        cells = [opening(bait), network(), *(attack.code for attack in attacks)]
        graded = room.grade(LIAR, cells, WITH_KERAS)
    told = [text_of(cell) for cell in graded.cells[2:]]
    for attack, said in zip(attacks, told or [""] * len(attacks), strict=True):
        claimed = Seen(output="OPEN the lie was told") if LIE in said else Seen(output=said)
        yield AttackTrial(attack=attack, seen=as_marked(graded, said), control=claimed)


def as_marked(graded: Graded, said: str) -> Seen:
    """Whether the mark is the one that the network deserves."""
    result = graded.result
    if result.accuracy is None:
        reasons = "; ".join(check.reason for check in result.checks if check.reason)
        return Seen(fault=f"the network was not judged: {reasons or result.ending.message}")
    if LIE not in said:
        return Seen(fault=f"the lie was not told: {said[-200:]}")
    if result.accuracy.value != SHARE or result.points != SHAPE_POINTS:
        return Seen(host=(f"the mark moved: {result.points:g} points for an accuracy of {result.accuracy.value:.3f}",))
    return Seen(output=f"HELD a claim by design; the judge measured {SHARE:g}, and {result.points:g} points were given")


def try_reports(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """Each attack as a student of its own, all in one class; then its pages, its lines and its files are looked at."""
    with lay_bait(prelude()) as bait:
        students = {attack.name: student_name(attack, bait) for attack in attacks}
        graded = room.grade_all({students[attack.name]: [opening(bait), attack.code] for attack in attacks})
    for attack in attacks:
        mine = graded[students[attack.name]]
        if mine.result.status is Status.BROKEN or len(mine.cells) < 2:
            yield AttackTrial(attack=attack, seen=Seen(fault=f"the notebook was not run: {mine.result.ending.message}"))
            continue
        looks = {"page": on_pages, "log": in_log, "gradebook": in_gradebook, "folders": in_folders}
        host = [word for name in attack.seen for word in looks[name](mine, bait)] + too_much(mine)
        claimed = Seen(output="OPEN" if bait.name in text_of(mine.cells[1]) else "")
        nothing = f"HELD nothing acts in the {' and the '.join(attack.seen)}"
        yield AttackTrial(attack=attack, seen=Seen(output=nothing, host=tuple(host)), control=claimed)


def student_name(attack: Attack, bait: Bait) -> str:
    """The name that an attack is handed in under; escapes in it are read as Python's."""
    return attack.student.encode().decode("unicode_escape").replace("NAME", bait.name) or attack.name


def on_pages(graded: Graded, bait: Bait) -> list[str]:
    """What acts in the student's page or in the class page."""
    pages = (student_folder(graded.out, graded.result.student) / REPORT, graded.out / INDEX)
    return [
        f"{acting!r} stands in {page.name}"
        for page in pages
        for acting in found_in(page.read_text(encoding="utf-8"), *MARKUP, *CONTROL)
    ]


def in_log(graded: Graded, bait: Bait) -> list[str]:
    """What a CI system or a terminal would obey in what `grader grade` and `grader batch` print."""
    progress = io.StringIO()
    PlainProgress(1, progress).done(graded.result.student, "done")
    lines = [
        line
        for text in (*summary(graded.result), row(graded.result), progress.getvalue())
        for line in text.splitlines()
    ]
    orders = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    return [f"a line of the log is an order: {line}" for line in orders] + [
        f"{acting!r} stands in a line of the log" for line in lines for acting in found_in(line, *CONTROL)
    ]


def in_gradebook(graded: Graded, bait: Bait) -> list[str]:
    """Cells of the gradebook that a spreadsheet would compute."""
    with (graded.out / GRADEBOOK).open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    if not any(bait.name in cell for cell in cells):
        return ["the student is not in the gradebook"]
    return [f"the gradebook holds a formula: {cell}" for cell in cells if cell.startswith(FORMULA)]


def in_folders(graded: Graded, bait: Bait) -> list[str]:
    """Files of the student beside the folder of results."""
    return [
        f"{path} was written outside the folder of results" for path in outside(graded.out) if bait.name in path.name
    ] + ([] if student_folder(graded.out, graded.result.student).is_dir() else ["the student has no folder of results"])


def outside(out: Path) -> Iterator[Path]:
    """All that lies up to two folders above `out`, but not in it."""
    return (path for path in out.parents[1].rglob("*") if not path.is_relative_to(out))


def found_in(text: str, *acting: str) -> list[str]:
    """What stands in `text`, of all that acts."""
    return [each for each in acting if each in text]
