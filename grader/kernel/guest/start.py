"""Launches the kernel: `python start.py SETTINGS.json CONNECTION.json`, run by the sandbox' PID 1."""

import json
import os
import random
import site
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Install the hooks, then hand over to ipykernel."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path.insert(0, settings["guest"])
    if settings["packages"]:
        site.addsitedir(settings["packages"])  # behind all that is installed, which stays what it is

    import numpy
    from ipykernel.kernelapp import IPKernelApp

    random.seed(settings["seed"])
    numpy.random.seed(settings["seed"])  # again with Keras' own when Keras is imported
    app = IPKernelApp.instance()
    app.initialize(["-f", sys.argv[2], "--HistoryManager.enabled=False"])
    install(settings, app.shell, numpy)
    sys.path.insert(0, "")  # the submission's own folder, as in any notebook
    # IPython's own exit() ends the kernel some time after its cell, and with it whatever runs by then.
    app.shell.user_ns |= {"exit": sys.exit, "quit": sys.exit}
    sys.argv = [settings["name"]]
    if settings["name"].endswith(".py"):
        app.shell.user_ns["__file__"] = os.path.abspath(settings["name"])  # noqa: PTH100 - a module expects a string
    app.start()


def install(settings: dict[str, Any], shell: Any, numpy: Any) -> None:
    """Put everything in its place: before the first cell, around each cell, and at the imports to come."""
    from IPython.display import display

    from grader.kernel.guest.around_cells import Caps, Deadline, HiddenLoop, around_each, pass_over_self_checks
    from grader.kernel.guest.backends import choose_backend
    from grader.kernel.guest.data_paths import install_redirects
    from grader.kernel.guest.imports import AfterImport, Imports
    from grader.kernel.guest.notes import Notes
    from grader.kernel.guest.old_names import Shims
    from grader.kernel.guest.old_names.stand_ins import colab
    from grader.kernel.guest.patch_keras import FitBudget, KerasChanges
    from grader.kernel.guest.recorder import Recorder
    from grader.kernel.guest.shell import ShellLines
    from grader.kernel.guest.smoke import SmokeRun, patches

    notes = Notes()
    smoke = SmokeRun(notes, **settings["smoke"]) if settings["smoke"] else None
    recorder = Recorder(folder=Path(settings["artefacts"]), units=settings["units"], notes=notes, smoke=smoke)
    budget = FitBudget(notes, cell=settings["cell"], wall=settings["wall"], fits=settings["fits"],
                       cells=settings["seconds"], batches=settings["batches"])  # fmt: skip
    shims = None if settings["strict"] else Shims(notes)
    changes = KerasChanges(notes=notes, recorder=recorder, budget=budget, shims=shims, smoke=smoke, seed=settings["seed"],
                           deterministic=settings["deterministic"])  # fmt: skip
    first = dict.fromkeys(("keras", "tensorflow"), lambda module: choose_backend(notes))
    imports = Imports(after=AfterImport({"keras": changes.make}, before=first))
    shell.grader_recorder = recorder
    loop = HiddenLoop(shell)
    if shims is not None:
        shims.prepare(imports, numpy, shell, loop.nest)
    imports.gone.table["google.colab"] = colab(notes, display)
    install_redirects(imports, shell, mnist=settings["mnist"], photographs=settings["photographs"], notes=notes)
    ShellLines(shell, notes)
    pass_over_self_checks(notes)
    caps = Caps(shell, notes, settings["output"])
    before: list[Any] = [notes.count_cell, budget.start_cell, caps.start_cell, loop.begin_cell]
    after: list[Any] = [loop.end_cell, caps.end_cell, recorder.write_notes]
    if smoke is not None:
        imports.after.add(patches(smoke))
        deadline = Deadline(smoke.left_s)
        before, after = [smoke.start_cell, deadline.begin_cell, *before], [deadline.end_cell, *after]
    imports.install()
    around_each(shell.events, before, after)
    if settings["name"].endswith(".py"):
        loop.run_as_program()


if __name__ == "__main__":
    main()
