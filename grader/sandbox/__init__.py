"""How untrusted code is held.

Theory of operation. `open_sandbox` gives a `Sandbox`; `Sandbox.start(Program)` gives a `Confined`. Two programs are
ever started: a Jupyter kernel that runs a submission (`grader.kernel`), and the judge (`grader.judge`), which holds a
model file and no student code. Inside, PID 1 is `launcher`: trusted, and running before any submitted byte is read. It
hands the host descriptors of the writable folders, sets resource limits, starts the program, reaps, and tells how it
ended. Every writable place is a size-limited tmpfs that the host reaches only through those descriptors; nothing of
the host is writable, and results are read (`artefacts`) after the program is dead, beneath the descriptor,
following nothing. Labels live in the grader's memory alone. The host may kill the sandbox (pidfd of PID 1: everything
in its process namespace dies with it); the sandbox may kill nothing outside. `watch` kills on limits.

What this does not protect against: holes in the Linux kernel that the system call filter (`seccomp`; x86_64 and aarch64)
leaves reachable, and side channels of a shared CPU. For a hostile population use a virtual machine a class.
"""
