"""What every sandbox offers: `Program` goes in, a running `Confined` comes out, `Stopped` says how it ended."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from grader.core.evidence import Cause, Isolation, Start
from grader.core.limits import Limits


class Promise(StrEnum):
    """What a sandbox may guarantee. The contract tests try each on each sandbox, also those that it does not declare."""

    ENVIRONMENT = "environment"  # no variable of the grader's own reaches the program
    READING = "reading"  # nothing of the host can be read but the system, the Python environment and the inputs
    SOLUTIONS = "solutions"  # installed packages that hold solutions or labels can't be read
    WRITING = "writing"  # nothing of the host can be changed, and nothing inside but the scratch folders
    NETWORK = "network"  # no connection leaves, not even to this machine, by no family of sockets
    PROCESSES_OF_OTHERS = "processes-of-others"  # no other process can be seen, signalled or traced
    SURVIVORS = "survivors"  # nothing outlives the end, not even a daemon that killed its parents
    PRIVILEGES = "privileges"  # no root, no capability, no new privilege, no namespace, no mount
    SYSTEM_CALLS = "system-calls"  # what a notebook never needs is refused: keys, bpf, io_uring, unseen memory
    MEMORY = "memory"  # of the whole tree
    PROCESSES = "processes"
    FILE_SIZE = "file-size"  # of one file
    DISK = "disk"  # all files of a scratch folder together
    FILES = "files"  # their number
    CPU = "cpu"  # processor time of the whole tree
    WALL = "wall"
    USUAL_PATHS = "usual-paths"  # /content and the like lead to the working folder


@dataclass(frozen=True)
class Input:
    """A file or folder of the host that is readable inside, at `inside` (relative to the sandbox' root)."""

    source: Path
    inside: str


@dataclass(frozen=True)
class Scratch:
    """A writable folder inside, at most `size` bytes; its content is gone with the sandbox."""

    inside: str
    size: int
    shared: bool = False  # world-writable with the sticky bit, as /tmp is


@dataclass(frozen=True, kw_only=True)
class Preload:
    """What may be done before the program starts: `entry` (module:function) of the folder `path` inside has been called.

    Only a sandbox with warm starts uses it. `files` lie in scratch folders while the entry is called.
    """

    entry: str
    path: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run and with what. Paths in `argv` and `environment` are below the root that `Sandbox.root()` gave.

    `sockets` and `results` say what the host will touch: a sandbox that can't show it whole folders carries these over.
    """

    root: Path
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str  # the working folder, relative to the root; one of `scratch`
    limits: Limits
    inputs: tuple[Input, ...] = ()
    scratch: tuple[Scratch, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)  # written into scratch folders before the start
    descriptors: tuple[int, ...] = ()  # kept open for the program
    links: Mapping[str, str] = field(default_factory=dict)  # symbolic links inside: path to target, below the root
    sockets: tuple[str, ...] = ()  # Unix sockets that it will listen at, in scratch folders
    results: Mapping[str, int] = field(default_factory=dict)  # files in scratch folders that are read, their most bytes
    preload: Preload | None = None  # None: it needs an interpreter of its own


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How a program ended: `cause` where the host ended it, else PID 1's report; None where there was none."""

    cause: Cause | None
    signal: int | None
    code: int | None
    cpu_s: float | None
    peak_mb: float
    log: str
    start: Start = "cold"


class Confined(Protocol):
    """A running program."""

    pid: int

    @property
    def folders(self) -> Mapping[str, int]:
        """Descriptors of the scratch folders, by their `inside`; closed by `close()`."""

    def poll(self) -> int | None:
        """The exit status of the outermost process, or None while it runs."""

    def kill(self, cause: Cause | None = None) -> None:
        """Kill the whole tree; the first `cause` given is remembered."""

    def wait(self, timeout: float | None = None) -> Stopped:
        """Wait until nothing of it runs any more. Raises TimeoutError."""

    def close(self) -> None:
        """Kill what still runs and give every descriptor back."""


class Sandbox(Protocol):
    """A way to confine programs."""

    isolation: Isolation
    promises: frozenset[Promise]  # it guarantees nothing else, and says so

    @contextmanager
    def root(self) -> Iterator[Path]:
        """Where the inside's `/` is: `/` itself behind namespaces, a throw-away folder without."""

    def start(self, program: Program) -> Confined:
        """Start it. Raises Infrastructure where the sandbox itself did not come up: never the program's fault."""
