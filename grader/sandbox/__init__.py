"""How untrusted code is held.

*Files.* `open_sandbox` opens one by its name; `interface` says what each one offers. `Sandbox.start(Program)` gives a
`Confined`, `Stopped` says how it ended, and `endings` says it in words. Three kinds of program are started: a Jupyter kernel
that runs a submission (`grader.kernel`), a process that loads a module of functions (`grader.functions`), and the judge
(`grader.judge`), which holds a model file and no student code; the latter two are asked as a `worker_process`, over a
`channel`. What a sandbox holds it declares (`Sandbox.promises`), and the contract tests try each promise, also those that
are not declared. `limited_process` is for work of the grader's own on a student's bytes: a time, a memory, no sandbox.

*bubblewrap.* Inside, PID 1 is `launcher`: trusted, and running before any submitted byte is read. It hands the host
descriptors of the writable folders, sets resource limits, starts the program, reaps, and tells how it ended. Every
writable place is a size-limited tmpfs that the host reaches only through those descriptors; nothing of the host is
writable, and results are read (`artefacts`) after the program is dead, beneath the descriptor, following nothing. The
host may kill the sandbox (pidfd of PID 1: everything in its process namespace dies with it); the sandbox may kill nothing
outside. `process` kills on limits, which `measure` looks at; where the machine grants control groups (`cgroup`), memory is
limited exactly.

*Warm starts* (`warm`, `fork_server`). A fork server is PID 1 of an outer bubblewrap: the same read-only system, no network,
no secret, an unprivileged uid, no capability. Before it is asked for anything it imports what its programs begin with, and
refuses to go on if memory would be shared with children. It reads nothing of a submission, ever. For each request it forks
a child, which does for itself what bwrap does for a cold start, is then PID 1 there, does what `launcher` does, and forks
the program, which gets the same filter, limits and descriptors as a cold one. The host holds a pidfd of each child's PID 1
and watches the tree below it alone. A child sees neither the server nor its siblings; all die with the server, which dies
with the grader. Where anything of this fails, programs are started cold, and one line says so. Judges and kernels never
share a server. `docs/explanation/warm-starts.md` says what that means for a class, and what is lost against a cold start.

*podman* (`podman`). No descriptor crosses a container's border, so PID 1 is `container_launcher`: the same launcher behind
two pipes, over which everything goes as frames (`channel`). The host's end shows sockets and results in a private folder of
its own, written by itself. Limits are podman's, and PID 1 watches them from inside.

*none* (`unsandboxed`). Resource limits, the watchdog and the hardened client, in a throw-away folder; nothing else is
promised.

What this does not protect against stands in `docs/explanation/trust.md`.
"""

from grader.core.errors import UsageError
from grader.core.evidence import Isolation
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Sandbox
from grader.sandbox.podman import Podman
from grader.sandbox.unsandboxed import NoSandbox


def open_sandbox(isolation: Isolation) -> Sandbox:
    """The sandbox of that name, and never silently a weaker one.

    Raises SandboxUnavailable with the reason and the remedy, UsageError for docker.
    """
    match isolation:
        case "none":
            return NoSandbox()
        case "podman":
            return Podman.on_this_host()
        case "docker":  # a name that only stored results of earlier versions have
            raise UsageError("docker no longer holds submissions: type --sandbox podman.")
        case "bubblewrap":
            return Bubblewrap.on_this_host()
