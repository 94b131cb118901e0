"""What was observed becomes a finding. Pure."""

import re
from dataclasses import dataclass

from grader.doctor.corpus import Attack

WORD = re.compile(r"^(OPEN|HELD|DONE)\b[ ]?(.*)$", re.MULTILINE)
LONGEST = 160
NO_SANDBOX = "Without a sandbox only your own work may be run: for the work of others use --sandbox bubblewrap."


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
class Trial:
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


def decide(trial: Trial, *, sandboxed: bool = True) -> Finding:
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
