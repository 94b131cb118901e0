"""Attacks by notebooks through the ordinary pipeline: many harmless ones in one, dangerous ones in one of their own."""

from collections.abc import Iterator, Mapping, Sequence

from grader.doctor.bait import Bait, lay_bait
from grader.doctor.classroom import Classroom, Graded, text_of
from grader.doctor.control import CONTROL_S, plain_cells, read_answers
from grader.doctor.corpus import Attack, prelude
from grader.doctor.verdicts import Seen, Trial
from grader.errors import GraderError
from grader.evidence import Cause

MOST_GROWTH = 150 << 20  # bytes of the grader itself, whatever a notebook does
ALIVE = "the cell after it was run"


def try_together(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """One notebook for all; where one of them ends it, those behind it get another."""
    controls = run_controls([attack for attack in attacks if attack.controlled], processes=True)
    waiting = list(attacks)
    while waiting:
        with lay_bait(prelude(), processes=True) as bait:
            graded = room.grade("all of them", [opening(bait), *(attack.code for attack in waiting)])
            saw = bait.look()
        ran = [cell for cell in graded.cells[1:] if cell.executed]
        ending = graded.result.ending
        fault = "" if ending.cause is Cause.FINISHED else f"the notebook ended with it: {ending.message}"
        for attack, cell in zip(waiting, ran, strict=False):
            output = text_of(cell)
            seen = Seen(
                output=output, host=what_the_host_saw(attack, bait, saw, output), fault=fault if cell is ran[-1] else ""
            )
            yield Trial(attack=attack, seen=seen, control=controls.get(attack.name))
        if not ran:
            for attack in waiting:
                yield Trial(attack=attack, seen=Seen(fault=ending.message), control=controls.get(attack.name))
        waiting = waiting[len(ran) :] if ran else []


def try_alone(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """A notebook for each: how it ends, whether it goes on afterwards, and what that costs the grader itself."""
    for attack in attacks:
        control = run_controls([attack]).get(attack.name) if attack.controlled else None
        with lay_bait(prelude()) as bait:
            graded = room.grade(attack.name, [opening(bait), attack.code, f"print({ALIVE!r})"], attack.limits)
            yield Trial(attack=attack, seen=observe(attack, graded, bait), control=control)


def try_models(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """A notebook for each that leaves something in the place of a network: refused before anything opens it."""
    for attack in attacks:
        with lay_bait(prelude()) as bait:
            graded = room.grade(attack.name, [opening(bait), attack.code], attack.limits)
            host = [*what_the_host_saw(attack, bait, bait.look(), ""), *too_much(graded)]
        facts = graded.evidence.facts if graded.evidence else None
        if facts is None or facts.model is None:
            seen = Seen(host=tuple(host), fault=f"nothing was left behind: {graded.result.ending.message}")
        elif facts.judgement.outcome != "refused":
            seen = Seen(host=(*host, f"it was {facts.judgement.outcome}: {facts.judgement.reason}"))
        else:
            seen = Seen(host=tuple(host), output=f"HELD {facts.judgement.reason}")
        yield Trial(attack=attack, seen=seen)


def observe(attack: Attack, graded: Graded, bait: Bait) -> Seen:
    """What is to be said of an attack that had a notebook of its own."""
    ending = graded.result.ending
    output = text_of(graded.cells[1]) if len(graded.cells) > 1 else ""
    host = [*what_the_host_saw(attack, bait, bait.look(), output), *too_much(graded)]
    if ending.cause is Cause.INFRASTRUCTURE:
        host.append(f"the grader broke: {ending.message}")
    elif ending.cause not in attack.endings:
        host.append(f"the run ended otherwise than it must ({ending.cause.value}): {ending.message}")
    elif ending.cause is not Cause.FINISHED:
        output += f"\nHELD {ending.message}"
    elif ALIVE not in text_of(graded.cells[-1]):
        host.append("the cell after it was not run")
    elif not attack.seen and "DONE" in output:
        output += "\nHELD the run went on to its end"
    return Seen(output=output, host=tuple(host))


def run_controls(attacks: Sequence[Attack], *, processes: bool = False) -> dict[str, Seen]:
    """The same cells in one plain process of the same user, with bait of their own."""
    if not attacks:
        return {}
    codes = {attack.name: attack.code for attack in attacks}
    try:
        with (
            lay_bait(prelude(), processes=processes) as bait,
            plain_cells(
                codes, bait.facts, prelude=prelude(), environment=bait.environment, descriptors=(bait.descriptor,)
            ) as confined,
        ):
            stopped = confined.wait(CONTROL_S)
            answers, saw = read_answers(confined), bait.look()
    except (GraderError, TimeoutError) as error:
        return {attack.name: Seen(fault=str(error)) for attack in attacks}
    if stopped.signal is not None:
        saw["parent"] = "its parent was killed"
    fault = "" if answers else stopped.log[-200:] or "it wrote no answers"
    return {
        attack.name: Seen(
            output=answers.get(attack.name, ""), fault=fault,
            host=what_the_host_saw(attack, bait, saw, answers.get(attack.name, "")),
        )
        for attack in attacks
    }  # fmt: skip


def what_the_host_saw(attack: Attack, bait: Bait, saw: Mapping[str, str], output: str) -> tuple[str, ...]:
    """Of all that was seen, what this attack is about; a secret of the host in its output always counts."""
    leaked = bait.leaked(output)
    return (*([leaked] if leaked else []), *(saw[name] for name in attack.seen if name in saw))


def too_much(graded: Graded) -> list[str]:
    """That the grader itself grew more than it may, if it did."""
    return [f"the grader grew by {graded.grown >> 20} MiB"] if graded.grown > MOST_GROWTH else []


def opening(bait: Bait) -> str:
    """A notebook's first cell: what the attacks are told, and the prelude."""
    facts = "\n".join(f"{name} = {value!r}" for name, value in bait.facts.items())
    return f"{facts}\n{prelude()}"
