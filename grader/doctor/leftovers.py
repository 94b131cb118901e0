"""Attacks by what a program leaves behind: links, pipes, files of no size, read as results are read."""

import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.doctor.bait import Bait, lay_bait
from grader.doctor.classroom import Classroom
from grader.doctor.control import CONTROL_S, WORK, cells_in, read_answers
from grader.doctor.corpus import Attack, prelude
from grader.doctor.verdicts import Seen, Trial
from grader.errors import Failure
from grader.sandbox.artefacts import read_artefact

MOST_BYTES = 1 << 20
READ_S = 5.0


def try_leftovers(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """One program leaves all of it behind; the control is a plain open()."""
    codes = {attack.name: attack.code for attack in attacks}
    with (
        lay_bait(prelude()) as bait,
        cells_in(room.sandbox, codes, bait.facts, prelude=prelude()) as confined,
    ):
        stopped = confined.wait(CONTROL_S)
        answers, folder = read_answers(confined), confined.folders[WORK]
        for attack in attacks:
            said = answers.get(attack.name, "")
            if "DONE" not in said:
                yield Trial(attack=attack, seen=Seen(fault=f"it left nothing behind: {said or stopped.log[-200:]}"))
                continue
            control = [plainly(folder, name, bait) for name in attack.leaves] if attack.controlled else []
            yield Trial(
                attack=attack,
                seen=combined([as_results(folder, name, bait) for name in attack.leaves]),
                control=combined(control) if control else None,
            )


def combined(seen: Sequence[Seen]) -> Seen:
    """Several files of one attack as one observation."""
    return Seen(output="\n".join(each.output for each in seen), host=tuple(word for each in seen for word in each.host))


def as_results(folder: int, name: str, bait: Bait) -> Seen:
    """What comes of reading `name` below the descriptor as a result is read."""
    told: list[Seen] = []

    def read() -> None:
        try:
            data = read_artefact(folder, name, at_most=MOST_BYTES)
        except (Failure, OSError) as error:
            told.append(Seen(output=f"HELD {error}"))
        except Exception as error:
            told.append(Seen(host=(f"the reader failed: {type(error).__name__}: {error}",)))
        else:
            leaked = bait.leaked(data.decode(errors="replace"))
            told.append(Seen(output=f"HELD it holds {len(data)} bytes", host=(leaked,) if leaked else ()))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(READ_S)
    return told[0] if told else Seen(host=(f"the reader hung at {name}",))


def plainly(folder: int, name: str, bait: Bait) -> Seen:
    """What a plain open() of `name` would have given."""
    path = Path(f"/proc/self/fd/{folder}/{name}")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a link is to be followed
            return Seen(output="HELD it is no regular file")
        data = path.read_bytes()
    except OSError as error:
        return Seen(output=f"HELD {error}")
    leaked = bait.leaked(data.decode(errors="replace"))
    if leaked or len(data) > MOST_BYTES:
        return Seen(host=(leaked or f"{len(data)} bytes were read",))
    return Seen(output="HELD it is an ordinary file")
