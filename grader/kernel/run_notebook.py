"""Runs the cells of a submission through a sandboxed kernel, one after the other, and says how that ended.

`run_notebook` is the way in; `kernel_program` says what the kernel's sandbox holds. At the end of the file: what the text of
a notebook tells beforehand (whether the kernel may be started warm, which cells come after the last training) and what it
prints meanwhile (the epoch that a training is in).
"""

import asyncio
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from grader.core import thumbnails
from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import Cause, Cell, Claims, Ending, Smoke, Start
from grader.core.limits import Limits
from grader.core.notebook import Script, count_fits, plain_outputs
from grader.core.progress import Progress
from grader.kernel.outcome import MOST_BYTES, RECORD, SavedNetwork, describe_ending, read_claims, read_networks
from grader.kernel.socket_proxy import (
    CONNECTION,
    PORTS,
    SOCKETS,
    HardenedKernelClient,
    HardenedNotebookClient,
    ProtocolViolation,
    SandboxProvisioner,
)
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.environment import PACKAGES, PYTHON, environment, font_list
from grader.sandbox.interface import Confined, Input, Preload, Program, Sandbox, Scratch
from grader.sandbox.warm import WarmBubblewrap

READY_S = 90
SAVING_S = 180
PATIENCE_S = 4.0  # with a smoke run whose time is up: until then its kernel ends it itself
OVER = "SmokeRunOver"  # what it raises then in the cell that runs
FINISH = "__import__('IPython').get_ipython().grader_recorder.finish()"
# Where things lie in the sandbox.
SUBMISSION = "submission"  # the working folder
ARTEFACTS = "run/artefacts"  # what the recorder leaves
GUEST = "run/guest"  # our code inside
SETTINGS_FILE = "run/kernel/settings.json"
MNIST = "data/mnist.npz"
PHOTOGRAPHS = f"{SUBMISSION}/dataset"
USUAL_PLACES = ("content", "kaggle/working", "kaggle/input")  # where notebooks of Colab and Kaggle keep code and data
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
SHARED = Path(thumbnails.__file__)  # the one file that kernel and host have in common
OURS = (Input(GUEST_FOLDER, f"{GUEST}/grader/kernel/guest"), Input(SHARED, f"{GUEST}/grader/core/{SHARED.name}"))
TEMPORARY_BYTES, SHARED_BYTES, SOCKET_BYTES, ARTEFACT_BYTES = 256 << 20, 64 << 20, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True)
class Job:
    """One submission to run: its code, its files (name to bytes), its data, its limits."""

    script: Script
    files: Mapping[str, bytes]
    inputs: tuple[Input, ...]
    limits: Limits
    seed: int
    units: tuple[int, ...]  # output sizes that suit the exercise
    smoke: Smoke | None = None  # cut every training to this
    warm: bool = False  # fork the kernel from an interpreter that has imported TensorFlow, where that changes nothing


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What a run left: how it ended, what the kernel claimed, the network it proposes and others as opaque bytes."""

    ending: Ending
    claims: Claims
    model: bytes | None
    networks: tuple[SavedNetwork, ...] = ()  # the proposed one first
    start: Start = "cold"
    start_note: str = ""  # why it was started cold where a warm start was asked for


def meets_served(name: str, inputs: tuple[Input, ...]) -> bool:
    """Whether a file of the submission lies where data is served, below it, or where a folder above it would be."""
    place = f"{SUBMISSION}/{name}"
    return any(f"{place}/".startswith(f"{item.inside}/") or item.inside.startswith(f"{place}/") for item in inputs)


def kernel_program(job: Job, root: Path, fonts: Mapping[str, bytes], *, tail: int, warm: bool) -> Program:
    """The kernel with what is served and the submission's own files in its working folder, below the sandbox' `root`.

    `fonts`: matplotlib's list of fonts, as `font_list` gives it; `tail`: the first cell that trains nothing any more;
    `warm`: it may find TensorFlow imported.
    """
    limits = job.limits
    own = {f"{SUBMISSION}/{name}": data for name, data in job.files.items()}
    return Program(
        root=root,
        argv=(
            *PYTHON, str(root / GUEST / "grader/kernel/guest/start.py"),
            str(root / SETTINGS_FILE), str(root / CONNECTION),
        ),
        environment=environment(root, limits.threads, job.seed),
        folder=SUBMISSION,
        limits=limits,
        inputs=(*OURS, *job.inputs),
        scratch=(
            Scratch("dev/shm", SHARED_BYTES, shared=True),
            Scratch("tmp", TEMPORARY_BYTES, shared=True),
            Scratch(SUBMISSION, limits.disk),
            Scratch(SOCKETS, SOCKET_BYTES),
            Scratch(ARTEFACTS, ARTEFACT_BYTES),
        ),
        files={**own, **fonts, SETTINGS_FILE: json.dumps(_told(job, root, tail)).encode()},
        sockets=tuple(f"{SOCKETS}/kernel-{port}" for port in PORTS.values()),
        results={f"{ARTEFACTS}/{name}": most for name, most in MOST_BYTES.items()},
        links=dict.fromkeys(USUAL_PLACES, SUBMISSION),
        preload=Preload(entry="grader.kernel.guest.imports:prepare", path=GUEST, files=fonts) if warm else None,
    )  # fmt: skip


def _told(job: Job, root: Path, tail: int) -> dict[str, object]:
    """What the code inside the kernel (`guest`) is told of the run."""
    limits, served = job.limits, {item.inside for item in job.inputs}
    return {
        "guest": str(root / GUEST),
        "artefacts": str(root / ARTEFACTS),
        "mnist": str(root / MNIST) if MNIST in served else None,
        "photographs": str(root / PHOTOGRAPHS) if PHOTOGRAPHS in served else None,
        "packages": str(root / PACKAGES) if PACKAGES in served else None,
        "seed": job.seed,
        "units": list(job.units),
        "name": job.script.name,
        "fits": [count_fits(cell) for cell in job.script.cells],
        "cell": limits.cell,
        "seconds": [limits.of_cell(after_training=index >= tail) for index in range(len(job.script.cells))],
        "wall": limits.wall,
        "output": limits.output,
        "batches": limits.batches,
        "strict": limits.strict,
        "deterministic": limits.deterministic,
        "smoke": job.smoke.model_dump() if job.smoke is not None else None,
    }


@dataclass
class _Run:
    """One run and its state while it goes on. From cell `tail` on nothing is trained any more."""

    job: Job
    tail: int
    cells: list[Cell]
    step: Callable[[str], None]  # tells whoever waits
    started: float = 0.0
    at: int | None = None  # the cell that runs now
    after_training: bool = False  # whether it trains nothing any more
    fault: BaseException | None = None
    cut: int | None = None  # the cell in which the time of a smoke run was up
    answers: bool = True  # whether the kernel can still be asked anything


def expect_notebook(job: Job, sandbox: Sandbox) -> None:
    """Have a fork server for kernels like that of `job` started, where it is to be warm: that takes its time."""
    if job.warm and isinstance(sandbox, WarmBubblewrap) and not cold_reason(job.script, job.files):
        sandbox.prepare_server(kernel_program(job, Path("/"), font_list(sandbox), tail=0, warm=True))


def run_notebook(job: Job, sandbox: Sandbox, *, who: str, progress: Progress) -> Execution:
    """Run every cell, also after one that failed; keep all that can be kept. Raises Infrastructure, never for the code.

    Call it from a thread that lives as long as the run: the sandbox dies with it.
    """
    with sandbox.root() as root:
        beside = any(name.endswith(".py") for name in job.files)  # a module may train in any cell
        tail = len(job.script.cells) if beside else first_after_training(job.script.cells)
        run = _Run(
            job=job,
            tail=tail,
            cells=[
                Cell(number=n, source=source, executed=False, tags=job.script.tags_of(n))
                for n, source in enumerate(job.script.cells, 1)
            ],
            step=partial(progress.step, who),
        )
        cold = cold_reason(job.script, job.files) if job.warm else ""
        if cold:
            run.step(f"a cold start: {cold}")
        provisioner = SandboxProvisioner()
        provisioner.sandbox = sandbox
        provisioner.program = kernel_program(job, root, font_list(sandbox), tail=tail, warm=job.warm and not cold)
        run.started = time.monotonic()
        try:
            asyncio.run(_execute(run, provisioner))
            assert provisioner.confined is not None
            assert provisioner.proxy is not None
            execution = _read_out(run, provisioner.confined, provisioner.proxy.violation)
            if job.warm and execution.start == "cold":
                execution = replace(execution, start_note=cold or "the fork server was made for another environment")
            return execution
        finally:
            if provisioner.confined is not None:
                provisioner.confined.close()


async def _execute(run: _Run, provisioner: SandboxProvisioner) -> None:
    manager = AsyncKernelManager(
        transport="ipc", client_class=f"{HardenedKernelClient.__module__}.HardenedKernelClient"
    )
    manager._kernel_spec = KernelSpec(argv=[], interrupt_mode="message")
    provisioner.parent = manager
    manager.provisioner = provisioner
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source) for cell in run.cells])
    client = HardenedNotebookClient(
        notebook, km=manager, allow_errors=True, store_widget_state=False, raise_on_iopub_timeout=False,
        record_timing=False, log=_silent_log(),
    )  # fmt: skip
    try:
        await _connect(client, manager, provisioner)
        await _run_cells(client, run)
        if run.fault is None and run.answers:
            run.step("saving the network")
            await _finish(client, provisioner.wait())
    finally:
        await provisioner.cleanup()
        await provisioner.kill()
        if client.kc is not None:
            client.kc.stop_channels()
        manager.context.destroy(linger=0)
        manager.cleanup_connection_file()


async def _connect(
    client: HardenedNotebookClient, manager: AsyncKernelManager, provisioner: SandboxProvisioner
) -> None:
    """Start the kernel and wait until it answers: nothing of the submission has run yet. Raises Infrastructure."""
    try:
        await manager.start_kernel()
        assert provisioner.proxy is not None
        kernel = cast(HardenedKernelClient, manager.client())
        client.kc, client.proxy = kernel, provisioner.proxy
        kernel.start_at(provisioner.proxy)
        await kernel.wait_for_ready(timeout=READY_S)
    except (RuntimeError, OSError, ProtocolViolation) as error:
        raise Infrastructure(f"The kernel did not start: {error}") from None
    client.reset_execution_trackers()


async def _run_cells(client: HardenedNotebookClient, run: _Run) -> None:
    """Each cell in turn; whatever else than an error in a cell ends the run, and is kept as the fault."""
    job, begun_all = run.job, time.monotonic()
    for index, cell in enumerate(run.cells):
        left_s = job.smoke.seconds - (time.monotonic() - begun_all) if job.smoke is not None else None
        if left_s is not None and left_s <= 0:
            run.cut, run.at = cell.number, None
            return
        where = f"cell {cell.number} of {len(run.cells)}"
        run.step(where)
        client.heard = _tell_epochs(where, run.step)
        run.at = cell.number
        run.after_training = index >= run.tail
        allowed_s = job.limits.of_cell(after_training=run.after_training)
        client.timeout = int(min(allowed_s, allowed_s if left_s is None else left_s + PATIENCE_S)) or 1
        begun = time.monotonic()
        node = client.nb.cells[index]
        try:
            await client.async_execute_cell(node, index)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
                raise
            over = left_s is not None and left_s < allowed_s and isinstance(error, CellTimeoutError)
            run.answers, run.fault = not over, None if over else error
            run.cut = cell.number if over else None
        outputs, failure = plain_outputs(node.outputs, module=job.script.name.lower().endswith(".py"))
        if left_s is not None and failure is not None and failure.name == OVER:
            run.cut, failure = cell.number, None
        seconds = round(time.monotonic() - begun, 3)
        told = {"executed": True, "seconds": seconds, "outputs": outputs, "error": failure}
        run.cells[index] = cell.model_copy(update=told)
        if run.fault is not None or run.cut is not None:
            run.at = run.at if run.fault is not None else None
            return
    run.at = None


def _tell_epochs(where: str, step: Callable[[str], None]) -> Callable[[str], None]:
    """A function that turns a cell's printed text into progress."""
    reader = EpochReader()

    def heard(text: str) -> None:
        epoch = reader.feed(text, time.monotonic())
        if epoch is not None:
            step(f"{where}, {epoch}")

    return heard


async def _finish(client: HardenedNotebookClient, ended: Awaitable[int | None]) -> None:
    """Ask the recorder to save; a kernel that does not answer, or has ended, has lost nothing but that."""
    assert isinstance(client.kc, HardenedKernelClient)
    asked = asyncio.ensure_future(
        client.kc.execute_interactive(
            FINISH, silent=True, store_history=False, allow_stdin=False, timeout=SAVING_S, output_hook=lambda _: None
        )
    )
    died = asyncio.ensure_future(ended)
    await asyncio.wait((asked, died), return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, died):
        task.cancel()
    # A kernel may say anything here, or nothing: what it saved after its last fit is still there.
    await asyncio.gather(asked, died, return_exceptions=True)


def _read_out(run: _Run, confined: Confined, violation: ProtocolViolation | None) -> Execution:
    """After the kernel's death: its artefacts, its claims, the ending."""
    job, stopped = run.job, confined.wait(60)
    if stopped.cause is Cause.INFRASTRUCTURE:
        raise Infrastructure("The kernel was lost: what it was forked from has died.")
    folder = confined.folders[ARTEFACTS]
    notes: list[str] = []
    record = None
    networks: tuple[SavedNetwork, ...] = ()
    try:
        record = read_artefact(folder, RECORD, at_most=MOST_BYTES[RECORD])
    except (FileNotFoundError, Failure):
        notes.append("the recorder left no record")
    claims = read_claims(record, tuple(run.cells), notes)
    try:
        networks = read_networks(folder, claims)
    except Failure as failure:
        reasons = [*([claims.problem] if claims.problem else []), f"the saved network was refused: {failure.reason}"]
        claims = claims.model_copy(update={"problem": "; ".join(reasons)})
    module = job.script.name.lower().endswith(".py")
    ending = describe_ending(
        fault=_cause_of(run.fault), stopped=stopped, cell=run.at, limits=job.limits,
        wall_s=time.monotonic() - run.started, what=violation.what if violation else "",
        cells=run.cells, after_training=run.after_training, module=module,
    )  # fmt: skip
    if run.cut is not None and job.smoke is not None:
        seconds = job.smoke.seconds
        after = f"after {seconds:g} seconds" if module else f"in cell {run.cut}, after {seconds:g} seconds"
        message = f"the smoke run ended {after}: what follows was not looked at"
        ending = ending.model_copy(update={"cut": run.cut, "message": message})
    return Execution(
        ending=ending, claims=claims, model=networks[0].model if networks else None, networks=networks,
        start=stopped.start,
    )  # fmt: skip


def _cause_of(fault: BaseException | None) -> Cause | None:
    """What the host saw while a cell ran; None: look at how the process ended. Foreign exceptions are violations."""
    if fault is None:
        return Cause.FINISHED
    if isinstance(fault, CellTimeoutError):
        return Cause.CELL_TIMEOUT
    if isinstance(fault, ProtocolViolation):
        return fault.cause
    if isinstance(fault, DeadKernelError):
        return None
    return Cause.PROTOCOL_VIOLATION


def _silent_log() -> logging.Logger:
    log = logging.getLogger("grader.kernel")
    if not log.handlers:  # the same logger for every run
        log.addHandler(logging.NullHandler())
    log.propagate = False
    return log


# What Keras prints of a training; it is shown, and nothing else is made of it.
EPOCH = re.compile(r"(?<![^\s\x08])Epoch (\d{1,6})/(\d{1,6})(?=\s)")
TAIL = 40  # characters that may begin a line which the next message ends
EVERY_S = 0.5  # a notebook may print a thousand of them a second


class EpochReader:
    """Follows the printed text of one cell. What it finds is the notebook's own word."""

    def __init__(self) -> None:
        self._tail = ""
        self._told: float | None = None

    def feed(self, text: str, now: float) -> str | None:
        """The words to show after some more text, at `now` seconds; None where there is nothing new, or too soon."""
        text = self._tail + text
        found = next(reversed([*EPOCH.finditer(text)]), None)
        self._tail = text[found.end() if found else 0 :][-TAIL:]
        if found is None or (self._told is not None and now - self._told < EVERY_S):
            return None
        self._told = now
        return f"epoch {int(found[1])} of {int(found[2])}"


# Names by which NumPy's, TensorFlow's and Keras' libraries are told things from outside.
VARIABLE = re.compile(r"\b(?:KERAS|TF|TF2|XLA|OMP|KMP|MKL|OPENBLAS|CUDA|ONEDNN|DNNL|GOTO|NUMPY|NPY)_[A-Z0-9_]+\b")
SETTINGS = re.compile(r"keras\.json\b|\bset_backend\b")
HARMLESS = frozenset({"TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MIN_VLOG_LEVEL", "TF_CPP_VMODULE"})  # what goes to the log
MODULES = (".py", ".ipy")


def cold_reason(script: Script, files: Mapping[str, bytes]) -> str:
    """Why this submission is started cold, to follow "a cold start:"; "" where it may be started warm.

    Any mention counts, wherever it stands: a cold start that was not needed costs seconds, a warm one other weights.
    """
    modules = (data.decode("utf-8", "replace") for name, data in files.items() if name.endswith(MODULES))
    found = next(_mentions([*script.cells, *modules]), None)
    return f"it mentions `{found}`, which is read when TensorFlow or Keras is imported" if found else ""


def _mentions(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (name for name in VARIABLE.findall(text) if name not in HARMLESS)
        yield from SETTINGS.findall(text)


# A cell that may train: rather one too many, because cells after the last one get less time.
TRAINS = re.compile(
    r"\.\s*(?:fit|fit_generator|train_on_batch)\b|\.\s*search\s*\(|['\"]fit['\"]|GradientTape|apply_gradients"
    r"|\bcross_val|%run\b|\bexec\s*\(|\bpython[\d.]*\s|subprocess"
)
DEFINED = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*(?:lambda\b|(?:\w+\.)?partial\b)",
    re.MULTILINE,
)
WORD = re.compile(r"\w+")


def first_after_training(cells: Sequence[str]) -> int:
    """The index of the first cell behind the last one that may train; as many as there are cells where none does.

    A cell may train if it writes a `fit` (of whatever), a step or a loop of its own, or if it mentions a function, method or
    class that such a cell defines, be it an earlier one or a later.
    """
    mentioning: dict[str, list[int]] = defaultdict(list)
    for index, cell in enumerate(cells):
        for word in set(WORD.findall(cell)):
            mentioning[word].append(index)
    training = {index for index, cell in enumerate(cells) if TRAINS.search(cell)}
    waiting = list(training)
    while waiting:  # each cell comes once, and of each word those that mention it
        for one, other in DEFINED.findall(cells[waiting.pop()]):
            more = [index for index in mentioning.pop(one or other, ()) if index not in training]
            training.update(more)
            waiting += more
    return max(training) + 1 if training else len(cells)
