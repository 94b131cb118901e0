"""How commands explain themselves: whole sentences in every list of commands, options under headings, and `-h`."""

from typing import Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from grader.cli.faults import argument_name, command_name, written_argument, wrong_command

# Of Click, or of the copy of Click that newer versions of Typer bring along.
Context: TypeAlias = Any
Formatter: TypeAlias = Any
Parsed: TypeAlias = Any

HELP = {"help_option_names": ["-h", "--help"]}
ARGUMENTS, OPTIONS = "Arguments", "Options"


class Command(TyperCommand):
    """A command whose rarer options stand below its own, each under the heading that `rich_help_panel` names."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """`[OPTIONS] ASSIGNMENT [FILE]`: brackets around what may be left out."""
        arguments = [item for item in self.get_params(ctx) if item.param_type_name == "argument"]
        return ["[OPTIONS]", *map(written_argument, arguments)]

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """The arguments, the command's own options, then those that many commands have."""
        sections: dict[str, list[tuple[str, str]]] = {ARGUMENTS: [], OPTIONS: []}
        for item in self.get_params(ctx):
            record = item.get_help_record(ctx)
            if record is not None and item.param_type_name == "argument":
                sections[ARGUMENTS].append((argument_name(item), record[1]))
            elif record is not None:
                panel = getattr(item, "rich_help_panel", None) or OPTIONS
                sections.setdefault(panel, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Commands(TyperGroup):
    """A group that lists its commands with a whole sentence each. A word that is no command is answered with the nearest."""

    def get_command(self, ctx: Context, cmd_name: str) -> Parsed:
        """The command; its first paragraph is what lists say of it."""
        command: Parsed = super().get_command(ctx, cmd_name)
        if command is not None and not command.short_help:
            command.short_help = " ".join((command.help or "").partition("\n\n")[0].split())
        return command

    def resolve_command(self, ctx: Context, args: list[str]) -> Parsed:
        """The command that is named. Raises UsageError."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            visible = [name for name, command in self.commands.items() if not command.hidden]
            raise wrong_command(command_name(ctx), args, visible)
        return super().resolve_command(ctx, args)


def use_commands(app: typer.Typer) -> None:
    """Let all commands and groups of the application explain themselves like this."""
    for known in app.registered_commands:
        known.cls = Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            use_commands(group.typer_instance)
