"""The kernel as a sandboxed program: where things lie inside, its environment, its settings."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.kernel.provisioner import CONNECTION, SOCKETS
from grader.limits import Limits
from grader.sandbox.environment import environment
from grader.sandbox.interface import Input, Program, Scratch

SUBMISSION = "submission"  # the working folder
ARTEFACTS = "run/artefacts"  # what the recorder leaves
GUEST = "run/guest"  # our code inside
SETTINGS = "run/kernel/settings.json"
MNIST = "data/mnist.npz"
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
TEMPORARY_BYTES, SHARED_BYTES, SOCKET_BYTES, ARTEFACT_BYTES = 256 << 20, 64 << 20, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the guest is told; `root` is the sandbox' root, `units` the output sizes that suit the exercise."""

    root: Path
    seed: int
    units: tuple[int, ...]
    name: str


def kernel_program(
    settings: Settings, limits: Limits, inputs: tuple[Input, ...], files: Mapping[str, bytes]
) -> Program:
    """The kernel with the served `inputs` and the submission's own `files` (name to bytes) in its working folder."""
    root = settings.root
    told = {
        "guest": str(root / GUEST),
        "artefacts": str(root / ARTEFACTS),
        "mnist": str(root / MNIST) if any(item.inside == MNIST for item in inputs) else None,
        "seed": settings.seed,
        "units": list(settings.units),
        "name": settings.name,
    }
    own = {f"{SUBMISSION}/{name}": data for name, data in files.items()}
    return Program(
        root=root,
        argv=(
            sys.executable, "-s", "-P", "-B", str(root / GUEST / "grader/kernel/guest/start.py"),
            str(root / SETTINGS), str(root / CONNECTION),
        ),
        environment=environment(root, limits.threads, settings.seed),
        folder=SUBMISSION,
        limits=limits,
        inputs=(Input(GUEST_FOLDER, f"{GUEST}/grader/kernel/guest"), *inputs),
        scratch=(
            Scratch("dev/shm", SHARED_BYTES, shared=True),
            Scratch("tmp", TEMPORARY_BYTES, shared=True),
            Scratch(SUBMISSION, limits.disk),
            Scratch(SOCKETS, SOCKET_BYTES),
            Scratch(ARTEFACTS, ARTEFACT_BYTES),
        ),
        files={**own, SETTINGS: json.dumps(told).encode()},
    )  # fmt: skip
