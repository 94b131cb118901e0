"""What the command line of a copy for students offers, and what it says to all other commands."""

from collections.abc import Iterator

import typer
from typer.models import CommandInfo, TyperInfo

from grader.core.errors import UsageError
from grader.core.installation import is_students_copy

FOR_STUDENTS = ("check", "data", "env")


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
    if is_students_copy():
        for item in _commands_and_groups(app):
            item.hidden = True


def _commands_and_groups(app: typer.Typer) -> Iterator[CommandInfo | TyperInfo]:
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__.replace("_", "-") if command.callback else "")
        if name not in FOR_STUDENTS:
            yield command
    for group in app.registered_groups:
        if not group.name and group.typer_instance is not None:
            yield from _commands_and_groups(group.typer_instance)
        elif group.name not in FOR_STUDENTS:
            yield group
