"""Launches the kernel: `python start.py SETTINGS.json CONNECTION.json`, run by the sandbox' PID 1."""

import json
import os
import random
import sys
from pathlib import Path


def main() -> None:
    """Install the hooks, then hand over to ipykernel."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    connection = sys.argv[2]
    sys.path.insert(0, settings["guest"])

    import numpy
    from ipykernel.kernelapp import IPKernelApp

    from grader.kernel.guest.hooks import PatchOnImport
    from grader.kernel.guest.record import Recorder

    recorder = Recorder(folder=Path(settings["artefacts"]), units=settings["units"])
    sys.meta_path.insert(0, PatchOnImport(recorder=recorder, mnist=settings["mnist"], seed=settings["seed"]))
    random.seed(settings["seed"])
    numpy.random.seed(settings["seed"])  # again with Keras' own when Keras is imported
    app = IPKernelApp.instance()
    app.initialize(["-f", connection, "--HistoryManager.enabled=False"])
    app.shell.grader_recorder = recorder
    app.shell.events.register("pre_run_cell", recorder.count_cell)
    sys.path.insert(0, "")  # the submission's own folder, as in any notebook
    # IPython's own exit() ends the kernel some time after its cell, and with it whatever runs by then.
    app.shell.user_ns |= {"exit": sys.exit, "quit": sys.exit}
    sys.argv = [settings["name"]]
    if settings["name"].endswith(".py"):
        app.shell.user_ns["__file__"] = os.path.abspath(settings["name"])  # noqa: PTH100 - a module expects a string
    app.start()


if __name__ == "__main__":
    main()
