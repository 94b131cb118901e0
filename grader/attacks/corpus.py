"""The corpus: attacks as files of `cells/`, each a header of `# key: value` lines and the cell itself; and what came of one.

`title`, `control` and `remedy` must be there. `control` is `open` (works without a sandbox), `either: why` (the host may
stop it by itself) or `none: why` (never run). `how` is the way it is tried: in a notebook with others (`cell`), in one of
its own (`notebook`), as what a program leaves behind (`file`, `model`), as work of the grader itself (`host`). `seen` names
the decoys that the host looks at, `endings` how its notebook may end, `limits` what it may use, `leaves` the files that the
host reads, `unsafe` why it is not run where there is no sandbox.

`decide` makes a finding of what was observed. Pure, but for reading the corpus.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Cause
from grader.core.text import available, nearest

How = Literal["cell", "notebook", "file", "model", "host"]
FOLDER = Path(__file__).resolve().parent
GROUPS = {
    "files": "Files of the host",
    "network": "The network",
    "processes": "Processes of the host",
    "privileges": "Privileges and namespaces",
    "kernel": "The host's kernel",
    "connection": "The way back to the grader",
    "limits": "Limits and endings",
    "artefacts": "What is left behind",
    "host": "The grader's own work on what was handed in",
}
KEYS = {"title", "control", "remedy", "how", "seen", "endings", "limits", "leaves", "unsafe"}
HEADER = re.compile(r"# ([a-z]+): (.+)")
WORD = re.compile(r"^(OPEN|HELD|DONE)\b[ ]?(.*)$", re.MULTILINE)
LONGEST = 160
NO_SANDBOX = "Without a sandbox only your own work may be run: for the work of others use --sandbox bubblewrap."


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One file of the corpus; `control` is "open", "either: why" or "none: why"."""

    name: str
    group: str
    title: str
    control: str
    remedy: str
    code: str
    how: How = "cell"
    seen: tuple[str, ...] = ()
    endings: tuple[Cause, ...] = (Cause.FINISHED,)
    limits: Mapping[str, str] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()
    unsafe: str = ""

    @property
    def controlled(self) -> bool:
        """Whether there is a control to run."""
        return not self.control.startswith("none: ")


def read_attack(text: str, *, name: str, group: str) -> Attack:
    """The attack that a file of the corpus holds. Raises Infrastructure, naming what is wrong with its header."""
    header, lines = {}, text.splitlines()
    while lines and (found := HEADER.fullmatch(lines[0])):
        header[found[1]] = found[2].strip()
        lines.pop(0)
    where = f"{group}/{name}.cell"
    unknown = set(header) - KEYS
    missing = {"title", "control", "remedy"} - set(header)
    if unknown or missing:
        raise Infrastructure(f"{where}: the header has wrong or missing keys: {', '.join(sorted(unknown | missing))}.")
    if not re.fullmatch(r"open|(?:either|none): .+", header["control"]):
        raise Infrastructure(f"{where}: `control` must be open, `either: why` or `none: why`.")
    how = header.pop("how", "cell")
    if how not in get_args(How):
        raise Infrastructure(f"{where}: `how` must be one of {', '.join(get_args(How))}.")
    try:
        endings = tuple(Cause(word) for word in header.pop("endings", "finished").split())
        limits = dict(word.split("=") for word in header.pop("limits", "").split())
    except ValueError as error:
        raise Infrastructure(f"{where}: {error}.") from None
    return Attack(
        name=name, group=group, code="\n".join(lines).strip() + "\n", endings=endings, limits=limits,
        how=how,  # type: ignore[arg-type]
        seen=tuple(header.pop("seen", "").split()), leaves=tuple(header.pop("leaves", "").split()),
        title=header["title"], control=header["control"], remedy=header["remedy"],
        unsafe=header.get("unsafe", ""),
    )  # fmt: skip


def read_group(folder: Path) -> tuple[Attack, ...]:
    """The attacks in a folder, which is called after their group."""
    return tuple(
        read_attack(path.read_text(encoding="utf-8"), name=path.stem, group=folder.name)
        for path in sorted(folder.glob("*.cell"))
    )


def load_corpus() -> tuple[Attack, ...]:
    """Every attack, group by group."""
    return tuple(attack for group in GROUPS for attack in read_group(FOLDER / "cells" / group))


def choose(corpus: Sequence[Attack], names: Sequence[str]) -> tuple[Attack, ...]:
    """The attacks (or whole groups) of these names; all without any. Raises UsageError with the nearest name."""
    known = [attack.name for attack in corpus] + list(GROUPS)
    for name in names:
        if name not in known:
            near = nearest(name, known)
            probes = "" if near else f" {available(attack.name for attack in corpus)}"
            raise UsageError(
                f"No probe and no group of probes is called `{name}`{near}.", f"Groups: {', '.join(GROUPS)}.{probes}"
            )
    return tuple(attack for attack in corpus if not names or attack.name in names or attack.group in names)


def prelude() -> str:
    """What is run before every cell."""
    return (FOLDER / "prelude.cell").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was observed of one attack: its own words, what the host saw (in words), why it could not be run."""

    output: str = ""
    host: tuple[str, ...] = ()
    fault: str = ""

    @property
    def word(self) -> str:
        """The cell's own word: OPEN wherever it says so, HELD, DONE, or nothing."""
        words = [found[1] for found in WORD.finditer(self.output)]
        return "OPEN" if "OPEN" in words else words[-1] if words else ""

    @property
    def said(self) -> str:
        """What the cell said with its word, in one line."""
        told = [found[2] for found in WORD.finditer(self.output) if found[1] == self.word]
        return shorten(told[-1]) if told else ""


@dataclass(frozen=True, kw_only=True)
class AttackTrial:
    """An attack and what was observed of it, in the sandbox and in its control (None: not run)."""

    attack: Attack
    seen: Seen
    control: Seen | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A row of the doctor's table; `ran` is False where the probe itself could not be run, which is never held."""

    name: str
    group: str
    title: str
    held: bool
    control: str
    detail: str
    remedy: str
    ran: bool = True

    def plain(self) -> dict[str, str | bool]:
        """As `grader doctor --json` prints it."""
        return {
            "name": self.name, "held": self.held, "control": self.control, "detail": self.detail, "remedy": self.remedy,
        }  # fmt: skip


def decide(trial: AttackTrial, *, sandboxed: bool = True) -> Finding:
    """Whether an attack was held: the host's own eyes first, then the cell's word; silence is no proof."""
    attack, seen = trial.attack, trial.seen
    held, ran, detail = False, True, ""
    if seen.host:
        detail = "; ".join(shorten(each) for each in seen.host)
    elif seen.word == "OPEN":
        detail = f"it worked: {seen.said}" if seen.said else "it worked"
    elif seen.fault:
        ran, detail = False, f"could not be run: {shorten(seen.fault)}"
    elif not seen.word:
        ran, detail = False, f"could not be run: the cell gave no answer{_last_words(seen.output)}"
    else:
        held = True
        detail = (seen.said if seen.word == "HELD" else "") or "the host saw nothing of it"
    remedy = "" if held else attack.remedy if sandboxed else NO_SANDBOX
    return Finding(
        name=attack.name, group=attack.group, title=attack.title, held=held, detail=detail, remedy=remedy, ran=ran,
        control=describe_control(attack, trial.control),
    )  # fmt: skip


def describe_control(attack: Attack, seen: Seen | None) -> str:
    """The control in words: `open`, `closed: why`, `none: why`, `failed: why`."""
    if not attack.controlled:
        return attack.control
    if seen is None:
        return "none: it was not run"
    if seen.host or seen.word == "OPEN":
        return "open"
    if seen.fault or not seen.word:
        return f"failed: {shorten(seen.fault or f'the cell gave no answer{_last_words(seen.output)}')}"
    return f"closed: {attack.control.partition(': ')[2] or seen.said or 'the host saw nothing of it'}"


def shorten(text: str) -> str:
    """In one printable line, at most `LONGEST` characters."""
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _last_words(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return f" ({shorten(lines[-1])})" if lines else ""
