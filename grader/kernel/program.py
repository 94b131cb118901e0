"""The kernel as a sandboxed program: where things lie inside, its environment, its settings, and how it is started.

jupyter_client starts it through a sandbox, with ZeroMQ over Unix sockets and no network.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from grader.core import grey_copies
from grader.core.errors import Infrastructure
from grader.core.evidence import Cause, Smoke
from grader.core.limits import Limits
from grader.kernel.border import Border
from grader.sandbox.environment import PACKAGES, PYTHON, environment
from grader.sandbox.interface import Confined, Input, Preload, Program, Sandbox, Scratch

SOCKETS = "run/kernel"  # scratch folder that holds the kernel's sockets
CONNECTION = f"{SOCKETS}/connection.json"
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}
SHORTEST_START_S = 60.0
SUBMISSION = "submission"  # the working folder
ARTEFACTS = "run/artefacts"  # what the recorder leaves
GUEST = "run/guest"  # our code inside
SETTINGS = "run/kernel/settings.json"
MNIST = "data/mnist.npz"
PHOTOGRAPHS = f"{SUBMISSION}/dataset"
USUAL_PLACES = ("content", "kaggle/working", "kaggle/input")  # where notebooks of Colab and Kaggle keep code and data
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
SHARED = Path(grey_copies.__file__)  # the one file that kernel and host have in common
OURS = (Input(GUEST_FOLDER, f"{GUEST}/grader/kernel/guest"), Input(SHARED, f"{GUEST}/grader/core/{SHARED.name}"))
# What is read of the artefacts: networks, the first rows that each was trained on, small copies of more, the record.
MODELS = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")
ROWS = ("rows.npy", "rows-2.npy", "rows-3.npy", "rows-4.npy")
SEEN = ("seen.npy", "seen-2.npy", "seen-3.npy", "seen-4.npy")
RECORD = "record.json"
MODEL_BYTES, ROWS_BYTES, SEEN_BYTES, RECORD_BYTES = 512 << 20, 16 << 20, 2 << 20, 4 << 20
TEMPORARY_BYTES, SHARED_BYTES, SOCKET_BYTES, ARTEFACT_BYTES = 256 << 20, 64 << 20, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True)
class KernelSettings:
    """What the code inside the kernel (`guest`) is told.

    `root` is the sandbox' root, `units` the output sizes that suit the exercise, `fits` the calls of `fit` that each cell
    writes.
    """

    root: Path
    seed: int
    units: tuple[int, ...]
    name: str
    fits: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()  # that each cell may take
    smoke: Smoke | None = None


def meets_served(name: str, inputs: tuple[Input, ...]) -> bool:
    """Whether a file of the submission lies where data is served, below it, or where a folder above it would be."""
    place = f"{SUBMISSION}/{name}"
    return any(f"{place}/".startswith(f"{item.inside}/") or item.inside.startswith(f"{place}/") for item in inputs)


def kernel_program(
    settings: KernelSettings,
    limits: Limits,
    inputs: tuple[Input, ...],
    files: Mapping[str, bytes],
    fonts: Mapping[str, bytes],
    *,
    warm: bool = False,
) -> Program:
    """The kernel with the served `inputs` and the submission's own `files` (name to bytes) in its working folder.

    `fonts`: matplotlib's list of fonts, as `font_list` gives it; `warm`: it may find TensorFlow imported.
    """
    root = settings.root
    own = {f"{SUBMISSION}/{name}": data for name, data in files.items()}
    return Program(
        root=root,
        argv=(
            *PYTHON, str(root / GUEST / "grader/kernel/guest/start.py"),
            str(root / SETTINGS), str(root / CONNECTION),
        ),
        environment=environment(root, limits.threads, settings.seed),
        folder=SUBMISSION,
        limits=limits,
        inputs=(*OURS, *inputs),
        scratch=(
            Scratch("dev/shm", SHARED_BYTES, shared=True),
            Scratch("tmp", TEMPORARY_BYTES, shared=True),
            Scratch(SUBMISSION, limits.disk),
            Scratch(SOCKETS, SOCKET_BYTES),
            Scratch(ARTEFACTS, ARTEFACT_BYTES),
        ),
        files={**own, **fonts, SETTINGS: json.dumps(_told(settings, limits, inputs)).encode()},
        sockets=tuple(f"{SOCKETS}/kernel-{port}" for port in PORTS.values()),
        results={
            **{f"{ARTEFACTS}/{name}": MODEL_BYTES for name in MODELS},
            **{f"{ARTEFACTS}/{name}": ROWS_BYTES for name in ROWS},
            **{f"{ARTEFACTS}/{name}": SEEN_BYTES for name in SEEN},
            f"{ARTEFACTS}/{RECORD}": RECORD_BYTES,
        },
        links=dict.fromkeys(USUAL_PLACES, SUBMISSION),
        preload=Preload(entry="grader.kernel.guest.imports:prepare", path=GUEST, files=fonts) if warm else None,
    )  # fmt: skip


def _told(settings: KernelSettings, limits: Limits, inputs: tuple[Input, ...]) -> dict[str, object]:
    """What the kernel's side is told of the run."""
    root = settings.root
    return {
        "guest": str(root / GUEST),
        "artefacts": str(root / ARTEFACTS),
        "mnist": str(root / MNIST) if any(item.inside == MNIST for item in inputs) else None,
        "photographs": str(root / PHOTOGRAPHS) if any(item.inside == PHOTOGRAPHS for item in inputs) else None,
        "packages": str(root / PACKAGES) if any(item.inside == PACKAGES for item in inputs) else None,
        "seed": settings.seed,
        "units": list(settings.units),
        "name": settings.name,
        "fits": list(settings.fits),
        "cell": limits.cell,
        "seconds": list(settings.seconds),
        "wall": limits.wall,
        "output": limits.output,
        "batches": limits.batches,
        "strict": limits.strict,
        "deterministic": limits.deterministic,
        "smoke": settings.smoke.model_dump() if settings.smoke is not None else None,
    }


class SandboxProvisioner(KernelProvisionerBase):
    """Starts `program` in `sandbox`; set both before the manager starts."""

    sandbox: Sandbox
    program: Program
    confined: Confined | None = None
    border: Border | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started."""
        return self.confined is not None

    async def poll(self) -> int | None:
        """The exit status, or None while the kernel runs."""
        return 0 if self.confined is None else self.confined.poll()

    async def wait(self) -> int | None:
        """Wait for the end without blocking the loop."""
        while (status := await self.poll()) is None:
            await asyncio.sleep(0.05)
        return status

    async def send_signal(self, signum: int) -> None:
        """Signals stop at the namespace: anything else than a check for life becomes a kill."""
        if signum and self.confined is not None:
            self.confined.kill()

    async def kill(self, restart: bool = False) -> None:
        """Kill the whole tree."""
        if self.confined is not None:
            self.confined.kill()

    async def terminate(self, restart: bool = False) -> None:
        """Kill the whole tree."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Close the border; `run` closes the sandbox when it has read the artefacts."""
        if self.border is not None:
            await self.border.close()

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        """No connection file on the host, and no command of jupyter_client's."""
        return {"cmd": []}

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Start the sandbox in this thread (its life is tied to it); the host's view of the sockets."""
        assert self.parent is not None
        session = self.parent.session
        shared: dict[str, Any] = {"transport": "ipc", "signature_scheme": session.signature_scheme, **PORTS}
        inside = {**shared, "ip": str(self.program.root / SOCKETS / "kernel"), "key": session.key.decode()}
        files = {**self.program.files, CONNECTION: json.dumps(inside).encode()}
        self.confined = self.sandbox.start(replace(self.program, files=files))
        prefix = f"/proc/self/fd/{self.confined.folders[SOCKETS]}/kernel"
        if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112 - without /proc there is no sandbox either
            prefix = inside["ip"]
        await wait_for_sockets(self.confined, prefix)
        self.border = Border(self.program.limits, self.confined)
        await self.border.open(prefix, (PORTS["shell_port"], PORTS["iopub_port"]))
        self.connection_info = cast(KernelConnectionInfo, {**shared, "ip": self.border.prefix, "key": session.key})
        return self.connection_info


async def wait_for_sockets(confined: Confined, prefix: str) -> None:
    """Wait until the kernel has bound its five sockets: we connect once and never again. Raises Infrastructure."""
    waited = 0.0
    while not all(os.path.lexists(f"{prefix}-{port}") for port in PORTS.values()):
        if confined.poll() is not None or waited > SHORTEST_START_S:
            confined.kill(Cause.INFRASTRUCTURE)
            stopped = confined.wait(SHORTEST_START_S)
            raise Infrastructure(f"The kernel did not start: {stopped.log[-2000:] or 'it said nothing'}")
        await asyncio.sleep(0.02)
        waited += 0.02
