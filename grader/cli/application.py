"""The application: every group of commands in one Typer app, and the one door through which errors leave."""

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from grader.cli import (
    authoring,
    baseline,
    check,
    ci,
    data,
    decisions,
    doctor,
    env,
    export,
    grade,
    gradebook,
    review,
    student_wheel,
)
from grader.cli.command import HELP, Commands, use_commands
from grader.cli.faults import ParserFault, explain_fault
from grader.cli.options import GOES_ON, INTERRUPTED, TERMINATED, leave
from grader.cli.students_copy import hide_from_students, require_for_students
from grader.core.errors import GraderError
from grader.core.installation import distribution, missing_package, require_supported_system

app = typer.Typer(
    help="Grades deep-learning coursework: runs it in a sandbox, judges the network on hidden images, explains the mark.",
    cls=Commands, context_settings=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
for group in (grade.app, check.app, ci.app):
    app.add_typer(group)
app.add_typer(export.app, name="export")
for group in (baseline.app, authoring.app, doctor.app):
    app.add_typer(group)
app.add_typer(data.app, name="data")
app.add_typer(env.app, name="env")
gradebook.app.add_typer(decisions.app)
app.add_typer(gradebook.app, name="gradebook")
app.add_typer(review.app)
app.add_typer(student_wheel.app)
use_commands(app)
hide_from_students(app)

NO_READER = 1  # what Typer ends with where a pipe was closed


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"{distribution()} {version(distribution())}")
        raise typer.Exit


@app.callback()
def _before(
    called: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before every command."""
    require_supported_system()
    require_for_students(called.invoked_subcommand)


def main() -> None:
    """Run the command line; every error leaves through here, in words."""
    debug = "--debug" in sys.argv
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # jobs run side by side: further threads of NumPy only spin
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a check mark gets a question mark
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except SystemExit as end:
        if end.code == TERMINATED:
            _leave_interrupted(TERMINATED)
        raise
    except (KeyboardInterrupt, typer.Abort):
        _leave_interrupted(INTERRUPTED)
    except BrokenPipeError:  # whoever read along has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(NO_READER)
    except ParserFault as fault:
        if type(fault).__name__ == "NoArgsIsHelpError":
            print(fault.format_message(), file=sys.stderr)
            sys.exit(2)
        error = explain_fault(fault)
        _tell(str(error))
        sys.exit(error.exit_code)
    except GraderError as error:
        if debug:
            traceback.print_exc()
        _tell(str(error))
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if debug:
            traceback.print_exc()
        known = missing_package(error)
        _tell(str(known or f"this is our fault: {error}."))
        sys.exit(known.exit_code if known else 3)
    except Exception as error:  # the last door: nobody sees a traceback who did not ask for one
        if debug:
            traceback.print_exc()
        _tell(f"this is our fault: {type(error).__name__}: {error}. Run it again with --debug.")
        sys.exit(3)


def _leave_interrupted(code: int) -> None:
    """Say how to go on, and end: threads may still wait for sandboxes."""
    print(f"grader: interrupted; {GOES_ON}", file=sys.stderr, flush=True)
    leave(code)


def _tell(words: str) -> None:
    """Say an error; a name in it that holds a line break starts no line that a terminal or a CI system obeys."""
    from grader.cli.terminal import print_lines
    from grader.core.text import defused, visible

    print_lines((defused(line) for line in visible(f"grader: {words}").splitlines()), sys.stderr)
