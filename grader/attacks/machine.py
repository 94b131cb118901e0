"""What is told of this machine beside the findings: the faults of its bwrap, and the backends that notebooks may ask for.

Of bwrap: which one there is, which published faults its version has, and why the grader's way of mounting is not touched.
A distribution mends a fault and leaves the number as it was (Ubuntu's 0.9.0-1ubuntu0.2), which `bwrap --version` does not
say: so a fault is one that this version has unless the distribution mended it.
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """A published fault: in versions from `first` up to, and without, `mended`. `why`: why the grader is not touched."""

    name: str
    first: Version
    mended: Version
    what: str
    why: str

    def plain(self) -> dict[str, str | bool]:
        """For `--json`."""
        return {"name": self.name, "mended": dotted(self.mended), "what": self.what, "touched": False, "why": self.why}


ADVISORIES = (
    Advisory(
        name="CVE-2026-87766", first=(0,), mended=(0, 12, 0),
        what="while a sandbox is set up, a file or folder that bwrap makes below a mounted tree can follow a symbolic link "
        "of that tree out of the sandbox",
        why="bwrap is told to make and mount nothing below a folder that holds a student's bytes; those are written by "
        "the process inside, when all is mounted",
    ),
    Advisory(
        name="CVE-2026-41163", first=(0, 11, 0), mended=(0, 11, 2),
        what="who may trace a bwrap that is setuid can have it mount overlays",
        why="a bwrap that is setuid is never used",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The bwrap that is used; `version` is empty where it does not say one."""

    path: Path
    version: Version

    @property
    def known(self) -> tuple[Advisory, ...]:
        """The published faults of this version."""
        return tuple(item for item in ADVISORIES if item.first <= self.version < item.mended) if self.version else ()

    def plain(self) -> dict[str, object]:
        """For `--json`."""
        return {"path": str(self.path), "version": dotted(self.version), "known": [item.plain() for item in self.known]}

    def lines(self) -> list[str]:
        """For people."""
        if not self.version:
            return [f"bubblewrap ({self.path}) does not say its version, so which faults it has is not known."]
        first = f"bubblewrap {dotted(self.version)} ({self.path})"
        if not self.known:
            return [f"{first}: has none of the faults that were published until November 2026."]
        lines = [f"{first} has, unless its distribution mended it under the same number:"]
        for item in self.known:
            lines += [
                f"  {item.name}, mended in {dotted(item.mended)}: {item.what}.",
                f"    The grader is not touched: {item.why}.",
            ]
        return lines


def dotted(version: Version) -> str:
    """A version as it is written."""
    return ".".join(map(str, version))


def read_version(said: str) -> Version:
    """The version in what `bwrap --version` prints; empty where there is none."""
    found = re.search(r"\b(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


# The package that each backend needs, how it is written, and how it comes here.
BACKENDS = {
    "tensorflow": ("TensorFlow", ""), "jax": ("JAX", "pip install 'grader[jax]'"),
    "torch": ("PyTorch", "pip install torch --index-url https://download.pytorch.org/whl/cpu"),
}  # fmt: skip


def installed_backends() -> list[str]:
    """Their names, as `KERAS_BACKEND` has them."""
    return [name for name in BACKENDS if find_spec(name) is not None]


def backend_lines() -> list[str]:
    """For people."""
    installed = installed_backends()
    lines = [f"Notebooks may run Keras on {', '.join(BACKENDS[name][0] for name in installed)}."]
    for title, remedy in (BACKENDS[name] for name in BACKENDS if name not in installed):
        lines.append(f"  Those that ask for {title} run on TensorFlow; to run them on {title}: {remedy}")
    return lines
