"""Data wherever a notebook looks for it: a path that is not there leads to what the course serves in its place.

Comfort for honest code, and no border: whatever is found this way lies readable in the sandbox anyway, and no judged image
is among it. Nothing of the submission is edited, and a path that exists is never touched. What is written stays where it
was meant to be; only a place that can't be made here (another computer's) gets a folder of the sandbox that stands in for
it. Every redirect is told.

`layouts` tells from a path what its writer wanted, and makes folders and files of the usual shapes out of what is served;
`paths` decides what stands in for a path that is not there; `files` asks it where Python and libraries open something, and
`downloads` serves what would be downloaded.
"""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from grader.kernel.guest.data_paths import downloads, files
from grader.kernel.guest.data_paths.layouts import Digits, Layouts
from grader.kernel.guest.data_paths.paths import Redirects
from grader.kernel.guest.imports import Imports
from grader.kernel.guest.notes import Notes


def install_redirects(
    imports: Imports, shell: Any, *, mnist: str | None, photographs: str | None, notes: Notes
) -> None:
    """Serve the data of this run wherever it is looked for; nothing is changed where there is none."""
    if mnist is None and photographs is None:
        return
    folder = Path(tempfile.gettempdir(), ".layouts")
    redirects = Redirects(
        layouts=Layouts(Path(photographs), folder) if photographs else None,
        digits=Digits(mnist, folder / "mnist") if mnist else None,
        folder=folder,
        notes=notes,
        source=lambda: code_so_far(shell),
    )
    imports.after.add(files.patches(redirects))
    imports.after.add(downloads.patches(redirects))
    imports.missing.table |= downloads.stand_ins(redirects)
    files.install(redirects)
    leave_out_our_frames(shell.InteractiveTB)


def leave_out_our_frames(tracebacks: Any) -> None:
    """An error in a wrapped function is shown where the submission called it."""
    original, ours = tracebacks.structured_traceback, str(Path(__file__).parents[1])

    def structured_traceback(etype: Any, evalue: Any, etb: Any = None, *arguments: Any, **options: Any) -> Any:
        steps: list[TracebackType] = []
        while etb is not None:
            steps.append(etb)
            etb = etb.tb_next
        shown: TracebackType | None = None
        for step in reversed(steps):
            if not step.tb_frame.f_code.co_filename.startswith(ours):
                shown = TracebackType(shown, step.tb_frame, step.tb_lasti, step.tb_lineno)
        return original(etype, evalue, shown, *arguments, **options)

    tracebacks.structured_traceback = structured_traceback


def code_so_far(shell: Any) -> list[str]:
    """The cells that were run, as they were typed."""
    return [cell[:100_000] for cell in shell.user_ns.get("In", []) if isinstance(cell, str)]
