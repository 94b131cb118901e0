"""`examine`: every attack against this host, in the sandbox and in its control, as findings."""

import sys
from collections.abc import Callable, Iterator, Sequence

from grader.core.errors import GraderError, SandboxUnavailable
from grader.core.evidence import Isolation
from grader.core.progress import Progress
from grader.doctor.attacks import (
    Classroom,
    open_classroom,
    try_alone,
    try_leftovers,
    try_models,
    try_together,
)
from grader.doctor.corpus import NO_SANDBOX, Attack, AttackTrial, Finding, How, Seen, decide
from grader.doctor.costly_inputs import try_host
from grader.sandbox.bubblewrap import Bubblewrap

Way = Callable[[Sequence[Attack], Classroom], Iterator[AttackTrial]]
WAYS: dict[How, Way] = {
    "cell": try_together,
    "file": try_leftovers,
    "model": try_models,
    "notebook": try_alone,
    "host": try_host,
}


def examine(
    attacks: Sequence[Attack], isolation: Isolation, progress: Progress, *, warm: bool = False
) -> tuple[Finding, ...]:
    """A finding for the sandbox itself, then one for each attack; where there is no sandbox to be had none is tried.

    `warm`: the attacks are made by kernels that were forked from a server.
    """
    found: dict[str, Finding] = {}
    accounting = ""
    try:
        if sys.platform != "linux":
            raise SandboxUnavailable("The probes know Linux only.", "Grade in a Linux machine or WSL2.")
        with open_classroom(isolation, warm=warm) as room:
            if isinstance(room.sandbox, Bubblewrap):
                accounting = f"; {room.sandbox.accounting}{'; kernels are started warm' if warm else ''}"
            for how, way in WAYS.items():
                chosen = [attack for attack in attacks if attack.how == how]
                for trial in _trials(chosen, way, room):
                    finding = decide(trial, sandboxed=isolation != "none")
                    found[finding.name] = finding
                    progress.done(finding.name, "held" if finding.held else f"NOT HELD: {finding.detail}")
    except SandboxUnavailable as error:
        return (_sandbox(held=False, detail=error.message, remedy=error.remedy),)
    if isolation == "none":
        first = _sandbox(held=False, detail="there is none: --sandbox none was typed", remedy=NO_SANDBOX)
    else:
        first = _sandbox(held=True, detail=f"{isolation} works on this machine{accounting}", remedy="")
    return (
        first,
        *(found[attack.name] for attack in attacks),
    )


def _trials(attacks: Sequence[Attack], way: Way, room: Classroom) -> Iterator[AttackTrial]:
    """A trial for each attack, also where the grader fails half-way; what is unsafe is not run without a sandbox."""
    waiting = {attack.name: attack for attack in attacks}
    if room.sandbox.isolation == "none":
        for attack in [attack for attack in attacks if attack.unsafe]:
            yield AttackTrial(
                attack=waiting.pop(attack.name),
                seen=Seen(host=(f"nothing would hold it, so it was not run: {attack.unsafe}",)),
            )
    try:
        for trial in way(tuple(waiting.values()), room) if waiting else ():
            del waiting[trial.attack.name]
            yield trial
    except SandboxUnavailable:
        raise
    except (GraderError, TimeoutError, OSError) as error:
        for attack in waiting.values():
            yield AttackTrial(attack=attack, seen=Seen(fault=str(error)))


def _sandbox(*, held: bool, detail: str, remedy: str) -> Finding:
    return Finding(
        name="sandbox", group="sandbox", title="Is there a sandbox?", held=held, detail=detail, remedy=remedy,
        control="none: there is nothing to compare with",
    )  # fmt: skip
