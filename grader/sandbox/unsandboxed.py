"""No sandbox: resource limits and a folder of its own, nothing more. For a student grading their own work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.core.errors import Infrastructure
from grader.core.evidence import Isolation
from grader.core.workspace import workspace
from grader.sandbox import launcher
from grader.sandbox.interface import Confined, Program, Promise
from grader.sandbox.process import launch, launcher_command


class NoSandbox:
    """Runs a program as the user, in a throw-away folder that stands for the root."""

    isolation: Isolation = "none"
    promises = frozenset(
        {Promise.ENVIRONMENT, Promise.MEMORY, Promise.PROCESSES, Promise.FILE_SIZE, Promise.CPU, Promise.WALL}
    )

    @contextmanager
    def root(self) -> Iterator[Path]:
        """A throw-away folder; short, because it holds Unix sockets (at most 107 bytes a path)."""
        with workspace(private=True) as folder:
            yield folder.resolve()

    def start(self, program: Program) -> Confined:
        """Start it. Raises Infrastructure."""
        try:
            for scratch in program.scratch:
                (program.root / scratch.inside).mkdir(parents=True, mode=0o700)
            for item in program.inputs:
                target = program.root / item.inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(item.source.resolve(), target_is_directory=item.source.is_dir())
        except OSError as error:
            raise Infrastructure(f"{program.root} could not be prepared: {error}.", "Free some disk.") from None

        def command(control: int, orders: int) -> list[str]:
            return launcher_command(control, orders, os.fspath(Path(launcher.__file__).resolve()))

        return launch(
            command,
            program,
            export={scratch.inside: str(program.root / scratch.inside) for scratch in program.scratch},
            namespaced=False,
        )
