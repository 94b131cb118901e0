"""Makes jupyter_client start its kernel through a sandbox, with ZeroMQ over Unix sockets and no network."""

import asyncio
import json
import os
from dataclasses import replace
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from grader.errors import Infrastructure
from grader.evidence import Cause
from grader.kernel.border import Border
from grader.sandbox.interface import Confined, Program, Sandbox

SOCKETS = "run/kernel"  # scratch folder that holds the kernel's sockets
CONNECTION = f"{SOCKETS}/connection.json"
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}
SHORTEST_START_S = 60.0


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
        """Shut the border; `run` closes the sandbox when it has read the artefacts."""
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
        program = with_file(self.program, CONNECTION, json.dumps(inside).encode())
        self.confined = self.sandbox.start(program)
        prefix = f"/proc/self/fd/{self.confined.folders[SOCKETS]}/kernel"
        if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112 - without /proc there is no sandbox either
            prefix = inside["ip"]
        await wait_for_sockets(self.confined, prefix)
        self.border = Border(program.limits, self.confined)
        await self.border.open(prefix, (PORTS["shell_port"], PORTS["iopub_port"]))
        self.connection_info = cast(KernelConnectionInfo, {**shared, "ip": self.border.prefix, "key": session.key})
        return self.connection_info


def with_file(program: Program, inside: str, data: bytes) -> Program:
    """`program` with one more file."""
    return replace(program, files={**program.files, inside: data})


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
