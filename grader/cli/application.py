"""The application: every group of commands in one Typer app, and the one door through which errors leave."""

import io
import os
import sys
import traceback

import typer

from grader.cli import baseline, data, doctor, grade
from grader.errors import GraderError

INTERRUPTED = 130  # what Typer ends with after Ctrl-C

app = typer.Typer(
    help="Grades deep-learning coursework: runs it in a sandbox, judges the network on hidden images, explains the mark.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
for group in (grade.app, baseline.app, doctor.app):
    app.registered_commands += group.registered_commands
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; every error leaves through here, in words."""
    debug = "--debug" in sys.argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a check mark gets a question mark
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("grader: interrupted; the same command goes on where it stopped.", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)  # threads may still wait for sandboxes, which die with this process
        raise
    except GraderError as error:
        if debug:
            traceback.print_exc()
        print(f"grader: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:  # the last door: nobody sees a traceback who did not ask for one
        if debug:
            traceback.print_exc()
        print(
            f"grader: this is our fault: {type(error).__name__}: {error}. Run it again with --debug.", file=sys.stderr
        )
        sys.exit(3)
