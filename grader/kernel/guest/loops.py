"""A kernel runs in an event loop, a program does not: while a program's code runs, asyncio is not let see the kernel's."""

import asyncio
from asyncio import events
from collections.abc import Coroutine
from typing import Any


class HiddenLoop:
    """Hides the kernel's loop from code that is no coroutine itself."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kept: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._wanted = False

    def run_as_program(self) -> None:
        """Every cell is a program's code: no loop runs, and `await` outside of a function is an error."""
        self._wanted, self._shell.autoawait = True, False

    def nest(self) -> None:
        """`nest_asyncio.apply()`: from now on, this cell included, `asyncio.run` finds no loop that runs."""
        if not self._wanted:
            self._wanted = True
            self._hide()
            asyncio.run = self._run  # it leaves a loop behind, as that package's own does

    def begin_cell(self, info: Any) -> None:
        """Called before each cell; one that awaits itself needs the kernel's loop."""
        if not self._wanted:
            return
        code = self._shell.transform_cell(info.raw_cell or "")
        if not self._shell.should_run_async(info.raw_cell or "", transformed_cell=code):
            self._hide()

    def end_cell(self, *_: object) -> None:
        """Called after each cell, before the kernel goes on."""
        if self._kept is not None:
            events._set_running_loop(self._kept)
            asyncio.set_event_loop(self._kept)
            self._kept = None

    def _run(self, main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        """`asyncio.run`."""
        return asyncio.get_event_loop().run_until_complete(main)

    def _hide(self) -> None:
        running = events._get_running_loop()
        if running is not None:
            if self._own is None or self._own.is_closed():
                self._own = asyncio.new_event_loop()
            self._kept = running
            events._set_running_loop(None)
            asyncio.set_event_loop(self._own)
