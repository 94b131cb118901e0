"""The application: every group of commands in one Typer app, and the one door through which errors leave."""

import io
import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from grader.cli import (
    authoring,
    check,
    ci,
    data,
    doctor,
    env,
    export,
    grade,
    gradebook,
    review,
)
from grader.cli.command import HELP, Commands, ParserFault, explain_fault, use_commands
from grader.cli.options import GOES_ON, INTERRUPTED, TERMINATED, leave
from grader.core.errors import GraderError, UsageError
from grader.core.installation import distribution, is_students_copy, missing_package, require_supported_system

NO_READER = 1  # what Typer ends with where a pipe was closed
FOR_STUDENTS = ("check", "data", "env")  # the commands that a copy for students offers


def require_for_students(command: str | None) -> None:
    """Raise UsageError, in a copy for students, for a command that needs what they don't have."""
    if command is None or command in FOR_STUDENTS or not is_students_copy():
        return
    raise UsageError(
        f"`grader {command}` is for instructors, and this copy of the grader is for students: it can't grade.",
        "Look at your own work with `grader check`.",
    )


def hide_from_students(app: typer.Typer) -> None:
    """Leave out of the help, in a copy for students, what would only be refused."""
    for command in app.registered_commands:
        if (command.name or getattr(command.callback, "__name__", "")) not in FOR_STUDENTS:
            command.hidden = True
    for group in app.registered_groups:
        if not group.name and group.typer_instance is not None:
            hide_from_students(group.typer_instance)
        elif group.name not in FOR_STUDENTS:
            group.hidden = True


app = typer.Typer(
    help="Grades deep-learning coursework: runs it in a sandbox, judges the network on hidden images, explains the mark.",
    cls=Commands, context_settings=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
for group in (grade.app, check.app, ci.app):
    app.add_typer(group)
app.add_typer(export.app, name="export")
for group in (authoring.app, doctor.app):
    app.add_typer(group)
app.add_typer(data.app, name="data")
app.add_typer(env.app, name="env")
app.add_typer(gradebook.app, name="gradebook")
app.add_typer(review.app)
app.add_typer(authoring.last_app)
use_commands(app)
if is_students_copy():
    hide_from_students(app)


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


COMMAND = typer.main.get_command(app)  # all is registered by now; made once, however often `main` is called


def main() -> None:
    """Run the command line; every error leaves through here, in words."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # jobs run side by side: further threads of NumPy only spin
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a check mark gets a question mark
    try:
        code = COMMAND(standalone_mode=False)
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
        _leave_with(explain_fault(fault))
    except Exception as error:  # the last door: nobody sees a traceback who did not ask for one
        if "--debug" in sys.argv:
            traceback.print_exc()
        _leave_with((missing_package(error) if isinstance(error, ModuleNotFoundError) else None) or error)


def _leave_interrupted(code: int) -> None:
    """Say how to go on, and end: threads may still wait for sandboxes."""
    print(f"grader: interrupted; {GOES_ON}", file=sys.stderr, flush=True)
    leave(code)


def _leave_with(error: Exception) -> NoReturn:
    """Say an error, and end; a name in it that holds a line break starts no line that a terminal or a CI system obeys."""
    from grader.cli.terminal import print_lines
    from grader.core.text import defused, visible

    words = str(error)
    if isinstance(error, ModuleNotFoundError):
        words = f"this is our fault: {error}."
    elif not isinstance(error, GraderError):
        words = f"this is our fault: {type(error).__name__}: {error}. Run it again with --debug."
    print_lines((defused(line) for line in visible(f"grader: {words}").splitlines()), sys.stderr)
    sys.exit(error.exit_code if isinstance(error, GraderError) else 3)
