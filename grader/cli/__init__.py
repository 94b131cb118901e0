"""The face: words on the command line become typed options. The room that prints and exits, and where
variables of the environment become options.

One file a group of commands, put together in `application.py`; `options.py` holds what they share. Commands import what they
need when they run, so that `grader --help` is quick.
"""

from grader.cli.application import app, main

__all__ = ["app", "main"]
