"""Attacks on this machine, through the ordinary pipeline: notebooks of a class with a small course of its own.

Many harmless ones are tried in one notebook, dangerous ones in one of their own; and what a program leaves behind (links,
pipes, files of no size) is read as results are read. `examine`, at the end of the file, goes through all of them.
"""

import contextlib
import dataclasses
import json
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grader.attacks.corpus import NO_SANDBOX, Attack, AttackTrial, Finding, How, Seen, decide, prelude
from grader.attacks.costly_inputs import try_host
from grader.attacks.decoys import CONTROL_S, WORK, Decoys, cells_in, place_decoys, plain_cells, read_answers
from grader.core.errors import Failure, GraderError, SandboxUnavailable
from grader.core.evidence import Cause, Cell, Evidence, Isolation
from grader.core.limits import Limits
from grader.core.progress import Progress, Silent
from grader.core.results import Result
from grader.core.store import load_evidence
from grader.course.course import Course
from grader.course.dataset import digest_images, digest_labels
from grader.intake import Entry
from grader.marking.publish import EVIDENCE_FOLDER, OutputOptions, student_folder
from grader.run.batch import grade_class
from grader.run.context import RunContext, RunOptions, open_context
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Sandbox
from grader.sandbox.measure import read_field

ID, EACH, SIDE = "doctor", 10, 8
CLASSES = ("left", "right")
SHAPE_POINTS, ACCURACY_POINTS = 10, 90
MOST_BYTES, READ_S = 1 << 20, 5.0  # of a file that is left behind
MOST_GROWTH = 150 << 20  # bytes of the grader itself, whatever a notebook does
ALIVE = "the cell after it was run"
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
    """What became of a notebook: its result, its evidence where there is some, the folder of results, our own growth."""

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

    def __init__(self, context: RunContext, course: Course, folder: Path) -> None:
        self._context, self._course, self._folder = context, course, folder
        self._numbers = count()

    @property
    def sandbox(self) -> Sandbox:
        """What holds the notebooks."""
        return self._context.sandbox

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
        rubric = self._context.rubric
        assignment = rubric.assignment.model_copy(update={"run": limits})
        return dataclasses.replace(self._context, rubric=dataclasses.replace(rubric, assignment=assignment))


@contextmanager
def open_classroom(isolation: Isolation, *, warm: bool = False) -> Iterator[Classroom]:
    """A classroom in that sandbox, its kernels started warm if so. Raises SandboxUnavailable before anything is done."""
    with tempfile.TemporaryDirectory(prefix="grader-doctor-") as name:
        folder = Path(name)
        course = write_course(folder / "course")
        setup = RunOptions(isolation=isolation, data=folder / "course" / "data", warm=warm)
        with open_context(course, ID, setup, Silent()) as context:
            yield Classroom(context, course, folder)


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
    """A function that says by how many bytes this process has grown at most since the start."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far (Linux, proc(5))
    before = _memory("VmRSS")
    yield lambda: max(_memory("VmHWM") - before, 0)


def _memory(field: str) -> int:
    return (read_field(Path("/proc/self/status"), f"{field}:") or 0) << 10


def try_leftovers(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """One program leaves all of these files behind; the control is a plain open()."""
    codes = {attack.name: attack.code for attack in attacks}
    with (
        place_decoys() as decoys,
        cells_in(room.sandbox, codes, decoys.facts) as confined,
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
            control = [plainly(folder, name, decoys) for name in attack.leaves] if attack.controlled else []
            yield AttackTrial(
                attack=attack,
                seen=combined([as_results(folder, name, decoys) for name in attack.leaves]),
                control=combined(control) if control else None,
            )


def combined(seen: Sequence[Seen]) -> Seen:
    """Several files of one attack as one observation."""
    return Seen(output="\n".join(each.output for each in seen), host=tuple(word for each in seen for word in each.host))


def as_results(folder: int, name: str, decoys: Decoys) -> Seen:
    """What happens when `name` below the descriptor is read as a result is read."""
    told: list[Seen] = []

    def read() -> None:
        try:
            data = read_artefact(folder, name, at_most=MOST_BYTES)
        except (Failure, OSError) as error:
            told.append(Seen(output=f"HELD {error}"))
        except Exception as error:
            told.append(Seen(host=(f"the reader failed: {type(error).__name__}: {error}",)))
        else:
            leaked = decoys.leaked(data.decode(errors="replace"))
            told.append(Seen(output=f"HELD it holds {len(data)} bytes", host=(leaked,) if leaked else ()))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(READ_S)
    return told[0] if told else Seen(host=(f"the reader hung at {name}",))


def plainly(folder: int, name: str, decoys: Decoys) -> Seen:
    """What a plain open() of `name` would have given."""
    path = Path(f"/proc/self/fd/{folder}/{name}")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a link is to be followed
            return Seen(output="HELD it is not a regular file")
        data = path.read_bytes()
    except OSError as error:
        return Seen(output=f"HELD {error}")
    leaked = decoys.leaked(data.decode(errors="replace"))
    if leaked or len(data) > MOST_BYTES:
        return Seen(host=(leaked or f"{len(data)} bytes were read",))
    return Seen(output="HELD it is an ordinary file")


def try_together(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """One notebook for all attacks; where one of them ends it, the attacks after it get another."""
    controls = run_controls([attack for attack in attacks if attack.controlled], processes=True)
    waiting = list(attacks)
    while waiting:
        with place_decoys(processes=True) as decoys:
            graded = room.grade("all of them", [opening(decoys), *(attack.code for attack in waiting)])
            saw = decoys.look()
        ran = [cell for cell in graded.cells[1:] if cell.executed]
        ending = graded.result.ending
        fault = "" if ending.cause is Cause.FINISHED else f"the notebook ended with it: {ending.message}"
        for attack, cell in zip(waiting, ran, strict=False):
            output = text_of(cell)
            seen = Seen(
                output=output,
                host=what_the_host_saw(attack, decoys, saw, output),
                fault=fault if cell is ran[-1] else "",
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
        with place_decoys() as decoys:
            graded = room.grade(attack.name, [opening(decoys), attack.code, f"print({ALIVE!r})"], attack.limits)
            yield AttackTrial(attack=attack, seen=observe(attack, graded, decoys), control=control)


def try_models(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """A notebook for each that leaves something in the place of a network: refused before anything opens it."""
    for attack in attacks:
        with place_decoys() as decoys:
            graded = room.grade(attack.name, [opening(decoys), attack.code], attack.limits)
            host = [*what_the_host_saw(attack, decoys, decoys.look(), ""), *too_much(graded)]
        facts = graded.evidence.facts if graded.evidence else None
        if facts is None or facts.model is None:
            seen = Seen(host=tuple(host), fault=f"nothing was left behind: {graded.result.ending.message}")
        elif facts.judgement.outcome != "refused":
            seen = Seen(host=(*host, f"it was {facts.judgement.outcome}: {facts.judgement.reason}"))
        else:
            seen = Seen(host=tuple(host), output=f"HELD {facts.judgement.reason}")
        yield AttackTrial(attack=attack, seen=seen)


def observe(attack: Attack, graded: Graded, decoys: Decoys) -> Seen:
    """What was observed of an attack that had a notebook of its own."""
    ending = graded.result.ending
    output = text_of(graded.cells[1]) if len(graded.cells) > 1 else ""
    host = [*what_the_host_saw(attack, decoys, decoys.look(), output), *too_much(graded)]
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
    """The same cells in one plain process of the same user, with decoys of their own."""
    if not attacks:
        return {}
    codes = {attack.name: attack.code for attack in attacks}
    try:
        with (
            place_decoys(processes=processes) as decoys,
            plain_cells(
                codes, decoys.facts, environment=decoys.environment, descriptors=(decoys.descriptor,)
            ) as confined,
        ):
            stopped = confined.wait(CONTROL_S)
            answers, saw = read_answers(confined), decoys.look()
    except (GraderError, TimeoutError) as error:
        return {attack.name: Seen(fault=str(error)) for attack in attacks}
    if stopped.signal is not None:
        saw["parent"] = "its parent was killed"
    fault = "" if answers else stopped.log[-200:] or "it wrote no answers"
    return {
        attack.name: Seen(
            output=answers.get(attack.name, ""), fault=fault,
            host=what_the_host_saw(attack, decoys, saw, answers.get(attack.name, "")),
        )
        for attack in attacks
    }  # fmt: skip


def what_the_host_saw(attack: Attack, decoys: Decoys, saw: Mapping[str, str], output: str) -> tuple[str, ...]:
    """What the host saw of this attack, in words; a secret of the host in its output always counts."""
    leaked = decoys.leaked(output)
    return (*([leaked] if leaked else []), *(saw[name] for name in attack.seen if name in saw))


def too_much(graded: Graded) -> list[str]:
    """The words for a grader that itself grew more than it may, if it did."""
    return [f"the grader grew by {graded.grown >> 20} MiB"] if graded.grown > MOST_GROWTH else []


def opening(decoys: Decoys) -> str:
    """A notebook's first cell: what the attacks are told, and the prelude."""
    facts = "\n".join(f"{name} = {value!r}" for name, value in decoys.facts.items())
    return f"{facts}\n{prelude()}"


Way = Callable[[Sequence[Attack], Classroom], Iterator[AttackTrial]]
WAYS: dict[How, Way] = {
    "cell": try_together,
    "file": try_leftovers,
    "model": try_models,
    "notebook": try_alone,
    "host": lambda attacks, room: try_host(attacks),
}


def examine(
    attacks: Sequence[Attack], isolation: Isolation, progress: Progress, *, warm: bool = False
) -> tuple[Finding, ...]:
    """A finding for the sandbox itself, then one for each attack; where there is no sandbox to be had none is tried.

    `warm`: the attacks are made by kernels that were forked from a server.
    """
    found: dict[str, Finding] = {}
    accounting = ""
    try:
        if sys.platform != "linux":
            raise SandboxUnavailable("The probes know Linux only.", "Grade in a Linux machine or WSL2.")
        with open_classroom(isolation, warm=warm) as room:
            if isinstance(room.sandbox, Bubblewrap):
                accounting = f"; {room.sandbox.accounting}{'; kernels are started warm' if warm else ''}"
            for how, way in WAYS.items():
                chosen = [attack for attack in attacks if attack.how == how]
                for trial in _trials(chosen, way, room):
                    finding = decide(trial, sandboxed=isolation != "none")
                    found[finding.name] = finding
                    progress.done(finding.name, "held" if finding.held else f"NOT HELD: {finding.detail}")
    except SandboxUnavailable as error:
        return (_sandbox(held=False, detail=error.message, remedy=error.remedy),)
    if isolation == "none":
        first = _sandbox(held=False, detail="there is none: --sandbox none was typed", remedy=NO_SANDBOX)
    else:
        first = _sandbox(held=True, detail=f"{isolation} works on this machine{accounting}", remedy="")
    return (
        first,
        *(found[attack.name] for attack in attacks),
    )


def _trials(attacks: Sequence[Attack], way: Way, room: Classroom) -> Iterator[AttackTrial]:
    """A trial for each attack, also where the grader fails half-way; what is unsafe is not run without a sandbox."""
    waiting = {attack.name: attack for attack in attacks}
    if room.sandbox.isolation == "none":
        for attack in [attack for attack in attacks if attack.unsafe]:
            yield AttackTrial(
                attack=waiting.pop(attack.name),
                seen=Seen(host=(f"nothing would hold it, so it was not run: {attack.unsafe}",)),
            )
    try:
        for trial in way(tuple(waiting.values()), room) if waiting else ():
            del waiting[trial.attack.name]
            yield trial
    except SandboxUnavailable:
        raise
    except (GraderError, TimeoutError, OSError) as error:
        for attack in waiting.values():
            yield AttackTrial(attack=attack, seen=Seen(fault=str(error)))


def _sandbox(*, held: bool, detail: str, remedy: str) -> Finding:
    return Finding(
        name="sandbox", group="sandbox", title="Is there a sandbox?", held=held, detail=detail, remedy=remedy,
        control="none: there is nothing to compare with",
    )  # fmt: skip
