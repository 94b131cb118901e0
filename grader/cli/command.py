"""How commands explain themselves, in help and in refusals.

Help: whole sentences in every list of commands, options under headings, and `-h`. What the parser of the command line
refuses is said in our words: what is wrong, what is wanted, what there is.
"""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from grader.core.errors import GraderError, UsageError
from grader.core.text import available, nearest

# Of Click, or of the copy of Click that newer versions of Typer bring along.
Context: TypeAlias = Any
Formatter: TypeAlias = Any
Parsed: TypeAlias = Any
ParserFault: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

HELP = {"help_option_names": ["-h", "--help"]}
ARGUMENTS, OPTIONS = "Arguments", "Options"
COMMON = ("--help", "--debug")  # of every command: no answer to a misspelt option
LONGEST_NAME = 250  # characters; a longer word is no file on any system


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


def explain_fault(fault: Any) -> UsageError:
    """A refusal of the parser, as an error of ours."""
    ctx, kind = getattr(fault, "ctx", None), type(fault).__name__
    name = command_name(ctx)
    more, item = f"`{name} --help` tells more.", getattr(fault, "param", None)
    if kind == "NoSuchOption" and ctx is not None:
        return _unknown_option(fault.option_name, name, ctx.command)
    if kind == "MissingParameter" and item is not None:
        return _missing(item, name, ctx)
    if kind == "BadParameter" and item is not None:
        return _bad_value(item, fault.message, more)
    if kind == "BadOptionUsage":
        needs = "needs a value behind it" if "require" in fault.message else "takes no value"
        return UsageError(f"{fault.option_name} {needs}.", more)
    if "extra argument" in fault.message and ctx is not None:
        return _too_many(name, ctx)
    return UsageError(fault.format_message(), more)


def command_name(ctx: Context) -> str:
    """The command as it is typed, however the grader was started: `grader gradebook show`."""
    words: list[str] = []
    while ctx is not None and ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(["grader", *words])


def wrong_command(group: str, args: Sequence[str], known: Sequence[str]) -> UsageError:
    """The answer to `args`, whose first word is none of the `known` commands of a group."""
    what = "format" if group == "grader export" else "command"
    later = next((word for word in args[1:] if word in known), None)
    if later is not None:
        return UsageError(
            f"`{args[0]}` is not a {what}: the {what} comes first.", f"Type `{exchanged(args[0], later)}`."
        )
    return UsageError(f"There is no {what} `{args[0]}`{nearest(args[0], known)}.", available(known))


def exchanged(one: str, other: str) -> str:
    """The command line that was typed, with two of its words in each other's place."""
    typed = sys.argv[1:]
    if one in typed and other in typed:
        here, there = typed.index(one), len(typed) - 1 - typed[::-1].index(other)
        typed[here], typed[there] = other, one
    return shlex.join(["grader", *typed])


def own_options(command: Parsed) -> list[str]:
    """The options of a command as they are written in full, but for those that every command has."""
    names = (next((word for word in item.opts if word.startswith("--")), "") for item in command.params)
    return [name for name in names if name and name not in COMMON]


def _unknown_option(option: str, name: str, command: Parsed) -> UsageError:
    if re.fullmatch(r"-[\d.,]+", option):
        return UsageError(
            f"{option} is read as an option.", f"A number below zero stands behind two dashes: `-- {option}`."
        )
    known = own_options(command)
    if name == "grader":
        words = (
            f"`{option}` stands before the command.",
            "Options of a command stand behind it: `grader COMMAND --option`.",
        )
        return UsageError(*words)
    words = f"`{name}` has no option {option}{nearest(option, known)}.", available(known)
    return UsageError(*words)


def argument_name(item: Parsed) -> str:
    """An argument as help and errors call it: in capitals."""
    return str(item.metavar or item.name).strip("[].").upper()


def written_argument(item: Parsed) -> str:
    """An argument as a usage line writes it: in brackets where it may be left out."""
    name = argument_name(item) if item.required else f"[{argument_name(item)}]"
    return f"{name}..." if item.nargs == -1 else name


def _missing(item: Parsed, name: str, ctx: Context) -> UsageError:
    """An argument that is not there, and what could stand in its place."""
    arguments = [other for other in ctx.command.params if other.param_type_name == "argument"]
    said = (item.help or "it can't be left out.").rstrip(".")
    wanted, given = argument_name(item), ctx.params.get("assignment")
    names = _names(wanted, ctx)
    if given is not None and given not in (ids := _names("ASSIGNMENT", ctx)):
        names = ids  # a file where the assignment should be, more often than not
    remedy = f"Write `{' '.join([name, *map(written_argument, arguments)])}`."
    remedy += f" {available(names)}" if names else ""
    return UsageError(f"{wanted} is missing: {said if said[1:2].isupper() else said[:1].lower() + said[1:]}.", remedy)


def _names(wanted: str, ctx: Context) -> list[str]:
    """The names that an argument can take: of assignments, of datasets; none for all others."""
    from grader.course.course import Course

    if wanted not in ("ASSIGNMENT", "DATASET"):
        return []
    root = ctx.params.get("course") or os.environ.get("GRADER_COURSE")
    try:
        home = Course.at(Path(root) if root else None)
        return home.assignment_ids() if wanted == "ASSIGNMENT" else [dataset.id for dataset in home.datasets()]
    except GraderError:  # a course with a fault of its own, which is told once the command is whole
        return []


def _bad_value(item: Parsed, message: str, more: str) -> UsageError:
    """A value that an option or an argument does not take."""
    value = _typed(item)
    option = max(item.opts, key=len) if item.param_type_name == "option" else ""
    what = " ".join(filter(None, (option, value))) or argument_name(item)
    kind = getattr(item, "type_descriptor", None) or item.type
    choices = [str(getattr(choice, "value", choice)) for choice in getattr(kind, "choices", None) or ()]
    if choices:
        return UsageError(f"{what}: is not known{nearest(value, choices)}.", available(choices))
    low, high = (
        getattr(item, side, None) if hasattr(item, side) else getattr(kind, side, None) for side in ("min", "max")
    )
    if low is None and high is None:
        return UsageError(f"{what}: {message.removeprefix('Value error, ')}", more)
    return UsageError(f"{what}: is not a whole number from {low} {'on' if high is None else f'to {high}'}.", more)


def _typed(item: Parsed) -> str:
    """What was typed as the value of an option; "" for an argument, whose place in the line nobody knows."""
    words = sys.argv[1:]
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in item.opts:
            return value if equals else "".join(words[place + 1 : place + 2])
        short = next((opt for opt in item.opts if len(opt) == 2 and opt[0] == "-"), None)
        if short and word.startswith(short):
            return word[2:]
    return ""


def _too_many(name: str, ctx: Context) -> UsageError:
    """More words than the command takes: often a file's name with spaces, or several files."""
    arguments = [item for item in ctx.command.params if item.param_type_name == "argument"]
    words = f"`{name}` got more words than it takes."
    found = _split_name(sys.argv[1:])
    if found:
        return UsageError(words, f"A name with spaces stands in quotation marks: {shlex.quote(found)}.")
    told = f"Write `{' '.join([name, *map(written_argument, arguments)])}`." if arguments else "It takes options only."
    many = " A folder of them is graded by `grader batch`." if name == "grader grade" else ""
    return UsageError(words, f"{told}{many}")


def _split_name(words: Sequence[str]) -> str:
    """The name of a file that is there, of which a shell made several of the words; "" where there is none."""
    for start in range(len(words)):
        for end in range(start + 2, len(words) + 1):
            joined = " ".join(words[start:end])
            if len(joined) < LONGEST_NAME and Path(joined).exists():
                return joined
    return ""
