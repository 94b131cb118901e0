"""`grader doctor`: does this machine hold hostile code? A table of attacks, each with its control, and remedies."""

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import Debug, Json, Quiet, SandboxName, SandboxOption, Warm, progress_bar
from grader.cli.terminal import print_json, print_lines, terminal_width

if TYPE_CHECKING:
    from grader.attacks.corpus import Finding
    from grader.attacks.machine import Installed

app = typer.Typer()
LOG_WIDTH = 140  # columns where there is no terminal
TABLE_WIDTH = 110  # columns from which on five of them can be read side by side
UNSEEN = (
    "No table shows what no sandbox holds: holes in the kernel, side channels of a shared processor, weights that were "
    "trained elsewhere. See docs/explanation/trust.md."
)
NOT_HELD, NOT_RUN = 1, 3

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Try only this probe or group of probes; may be repeated."),
]


@app.command()
def doctor(
    only: Only = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, warm: Warm = False, quiet: Quiet = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Try hostile notebooks on this machine: does its sandbox hold?

    Each is tried with and without the sandbox. Prints what held, what did not, and the remedy.

    Ends with 0 where all of it was held, 1 where something was not, 3 where a probe could not be run.
    """
    from grader.attacks.corpus import choose, load_corpus
    from grader.attacks.machine import backend_lines, installed_backends
    from grader.attacks.try_attacks import examine

    attacks = choose(load_corpus(), only or ())
    started = time.monotonic()
    with progress_bar(as_json or quiet, total=len(attacks)) as progress:
        findings = examine(attacks, sandbox.value, progress, warm=warm)
    installed = _bwrap(sandbox)
    if as_json:
        told: dict[str, object] = {} if installed is None else {"bubblewrap": installed.plain()}
        told["keras_backends"] = installed_backends()
        told["probes"] = [finding.plain() for finding in findings]
        print_json(told)
    else:
        _print_findings(findings)
        _print_summary(findings, len(attacks), time.monotonic() - started)
        print_lines(["", *installed.lines()] if installed else [])
        print_lines(["", *backend_lines()])
    if not all(finding.ran for finding in findings):
        raise typer.Exit(NOT_RUN)
    raise typer.Exit(0 if all(finding.held for finding in findings) else NOT_HELD)


def _print_findings(findings: "Sequence[Finding]") -> None:
    """A table where it is wide enough to be read, else what was seen of each below it."""
    if (terminal_width(sys.stdout) or LOG_WIDTH) >= TABLE_WIDTH:
        _print_table(findings)
        return
    for heading, members in _groups(findings):
        print_lines(["", heading] if heading else [])
        for finding in members:
            mark = "✓" if finding.held else "✗" if finding.ran else "!"
            print_lines([f"{mark} {finding.title} ({finding.name})", f"      {finding.detail}"])
            print_lines([f"      control: {finding.control}"] if finding.control else [])


def _groups(findings: "Sequence[Finding]") -> "Iterator[tuple[str, list[Finding]]]":
    from grader.attacks.corpus import GROUPS

    for group, members in groupby(findings, key=lambda finding: finding.group):
        yield GROUPS.get(group, ""), list(members)


def _bwrap(sandbox: SandboxName) -> "Installed | None":
    """The bwrap that the sandbox is made with, where it is made with one."""
    from grader.attacks.machine import Installed, read_version
    from grader.core.errors import SandboxUnavailable
    from grader.sandbox.bubblewrap import find_bwrap, version_words

    if sandbox is not SandboxName.BUBBLEWRAP:
        return None
    try:
        path = find_bwrap()
    except SandboxUnavailable:
        return None
    return Installed(path=path, version=read_version(version_words(path)))


def _print_table(findings: "Sequence[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    table = Table(show_lines=False, pad_edge=False, box=None)
    for heading, ratio in (("attack", 5), ("probe", 3), ("held", 1), ("control", 3), ("what was seen", 6)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for heading, members in _groups(findings):
        if heading:
            table.add_row(Text(f"\n{heading}", style="bold"))
        for finding in members:
            word, colour = ("yes", "green") if finding.held else ("NO", "red") if finding.ran else ("?", "yellow")
            cells = (finding.title, finding.name, word, finding.control, finding.detail)
            table.add_row(*(Text(cell, style=colour if cell is word else "") for cell in cells))
    console.print(table)


def _print_summary(findings: "Sequence[Finding]", attacks: int, seconds: float) -> None:
    """The remedies, then one line, then what no table can show."""
    from grader.core.limits import write_duration

    for finding in findings:
        if not finding.held:
            print_lines(["", f"{finding.name}: {finding.detail.rstrip('.')}.", f"  Remedy: {finding.remedy}"])
    failed = [finding.name for finding in findings if not finding.held and finding.ran]
    silent = [finding.name for finding in findings if not finding.ran]
    if len(findings) <= attacks:
        print_lines(["", f"There is no sandbox on this machine, so none of the {attacks} attacks was tried."])
        return
    words = [f"{len(findings) - len(failed) - len(silent)} of {len(findings)} held"]
    words += [f"not held: {', '.join(failed)}"] if failed else []
    words += [f"could not be run: {', '.join(silent)}"] if silent else []
    print_lines(["", f"{'; '.join(words)} ({write_duration(seconds)}).", UNSEEN])
