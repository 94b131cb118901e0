"""The kernel as a sandboxed program: where things lie inside, its environment, its settings."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader import grey_copies
from grader.evidence import Smoke
from grader.kernel.provisioner import CONNECTION, PORTS, SOCKETS
from grader.limits import Limits
from grader.sandbox.environment import environment
from grader.sandbox.interface import Input, Preload, Program, Scratch

SUBMISSION = "submission"  # the working folder
ARTEFACTS = "run/artefacts"  # what the recorder leaves
GUEST = "run/guest"  # our code inside
SETTINGS = "run/kernel/settings.json"
MNIST = "data/mnist.npz"
PHOTOGRAPHS = f"{SUBMISSION}/dataset"
USUAL_PLACES = ("content", "kaggle/working", "kaggle/input")  # where notebooks of Colab and Kaggle keep code and data
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
SHARED = Path(grey_copies.__file__)  # the one file that kernel and host have in common
OURS = (Input(GUEST_FOLDER, f"{GUEST}/grader/kernel/guest"), Input(SHARED, f"{GUEST}/grader/{SHARED.name}"))
# What is read of the artefacts: networks, the first rows that each was trained on, small copies of more, the record.
MODELS = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")
ROWS = ("rows.npy", "rows-2.npy", "rows-3.npy", "rows-4.npy")
SEEN = ("seen.npy", "seen-2.npy", "seen-3.npy", "seen-4.npy")
RECORD = "record.json"
MODEL_BYTES, ROWS_BYTES, SEEN_BYTES, RECORD_BYTES = 512 << 20, 16 << 20, 2 << 20, 4 << 20
TEMPORARY_BYTES, SHARED_BYTES, SOCKET_BYTES, ARTEFACT_BYTES = 256 << 20, 64 << 20, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the guest is told.

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
    settings: Settings,
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
            sys.executable, "-s", "-P", "-B", str(root / GUEST / "grader/kernel/guest/start.py"),
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
        preload=Preload(entry="grader.kernel.guest.warming:prepare", path=GUEST, files=fonts) if warm else None,
    )  # fmt: skip


def _told(settings: Settings, limits: Limits, inputs: tuple[Input, ...]) -> dict[str, object]:
    """What the kernel's side is told of the run."""
    root = settings.root
    return {
        "guest": str(root / GUEST),
        "artefacts": str(root / ARTEFACTS),
        "mnist": str(root / MNIST) if any(item.inside == MNIST for item in inputs) else None,
        "photographs": str(root / PHOTOGRAPHS) if any(item.inside == PHOTOGRAPHS for item in inputs) else None,
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
