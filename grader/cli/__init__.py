"""The command line: words become typed options. Only this room prints, exits, and reads options from the environment.

One file for each group of commands, put together in `application.py`; `options.py` holds what they share. Commands import
what they need when they run, so that `grader --help` is quick.
"""

from grader.cli.application import app, main

__all__ = ["app", "main"]
