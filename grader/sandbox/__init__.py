"""How untrusted code is held.

Theory of operation. `open_sandbox` gives a `Sandbox`; `Sandbox.start(Program)` gives a `Confined`. Three kinds of program
are started: a Jupyter kernel that runs a submission (`grader.kernel`), a process that loads a module of functions
(`grader.functions`), and the judge (`grader.judge`), which holds a model file and no student code. What a sandbox holds it
declares (`Sandbox.promises`), and the contract tests try each promise, also those that are not declared.

*bubblewrap.* Inside, PID 1 is `launcher`: trusted, and running before any submitted byte is read. It hands the host
descriptors of the writable folders, sets resource limits, starts the program, reaps, and tells how it ended. Every
writable place is a size-limited tmpfs that the host reaches only through those descriptors; nothing of the host is
writable, and results are read (`artefacts`) after the program is dead, beneath the descriptor, following nothing. The
host may kill the sandbox (pidfd of PID 1: everything in its process namespace dies with it); the sandbox may kill nothing
outside. `watch` kills on limits; where the machine grants control groups (`cgroup`), memory is limited exactly.

*podman, docker.* No descriptor crosses a container's border, so PID 1 is `relay`: the same launcher behind two pipes, over
which everything goes as `frames`. The host's end, `bridge`, shows sockets and results in a private folder of its own,
written by itself. Limits are the engine's, and the relay watches them from inside.

*none.* Resource limits, the watchdog and the hardened client, in a throw-away folder; nothing else is promised.

Labels live in the grader's memory alone. What this does not protect against: holes in the Linux kernel that the system
call filter (`seccomp`; x86_64 and aarch64) leaves reachable, and side channels of a shared CPU. For a hostile population
use a virtual machine a class.
"""
