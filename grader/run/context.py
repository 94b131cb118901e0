"""The context of a run: all that one assignment needs while submissions go through, made once for a batch."""

import hashlib
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from grader.core.assignment import Assignment
from grader.core.evidence import Isolation, Serve, Smoke
from grader.core.installation import STUDENTS, WHOLE
from grader.core.limits import Train
from grader.core.progress import Progress
from grader.core.workspace import workspace
from grader.course.course import Course
from grader.course.dataset import Dataset, Images, load_labels, load_split
from grader.course.environment import InstalledEnvironment, NotInstalled, open_environment
from grader.course.rubric import Rubric, find_dataset, functions_rubric, network_rubric, plan_checks
from grader.course.serving import Served, serve
from grader.intake import Submission
from grader.judge.match_rows import TrainingImageIndex
from grader.marking.accuracy_to_beat import require_fresh_baselines
from grader.run.other_data import OtherData, find_others
from grader.run.overlap import ReferenceImages, reference_images
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox
from grader.sandbox.warm import with_warm_starts

PACKAGES = ("grader", "keras", "numpy", "ipykernel", "nbclient")
# Below the package: the code that makes a run.
RUNNING = (
    "core/grey_copies.py",
    "functions/*.py",
    "judge/*.py",
    "kernel/**/*.py",
    "kernel/**/*.toml",
    "sandbox/**/*.py",
)
ALSO = {WHOLE: (STUDENTS,)}  # names of another copy
SHORT_RUN = Smoke(seconds=240.0, timed=False)  # of code whose network was handed in
TENSORFLOW = ("tensorflow-cpu", "tensorflow")  # the distributions that bring the package


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
