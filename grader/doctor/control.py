"""Cells in a plain process of the user that a sandbox has: the control of an attack, and processes that serve as bait."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.errors import Failure, Infrastructure
from grader.limits import Limits
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.bubblewrap import UNPRIVILEGED
from grader.sandbox.interface import Confined, Input, Program, Sandbox, Scratch
from grader.sandbox.none import NoSandbox

PLAIN = Path(__file__).resolve().parent / "plain.py"
WORK, RUNNER, ORDERS, ANSWERS = "doctor", "run/plain.py", "orders.json", "answers.json"
DISK, ANSWER_BYTES, WALL_S, CONTROL_S = 64 << 20, 8 << 20, 60.0, 90.0


def sandbox_user() -> int | None:
    """The user that a sandbox' programs run as, where it is another one than ours."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


@contextmanager
def cells_in(
    sandbox: Sandbox,
    cells: Mapping[str, str],
    facts: Mapping[str, Any],
    *,
    prelude: str,
    uid: int | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
    wall: float = WALL_S,
) -> Iterator[Confined]:
    """Cells on their way, one after the other in one process; `uid` is who it becomes. Raises Infrastructure."""
    orders = {"uid": uid, "facts": dict(facts), "prelude": prelude, "cells": dict(cells)}
    with sandbox.root() as root:
        confined = sandbox.start(
            Program(
                root=root,
                argv=(sys.executable, "-I", "-B", str(root / RUNNER), str(root / WORK / ORDERS), ANSWERS),
                environment={"HOME": str(root / "tmp"), **(environment or {})},
                folder=WORK,
                limits=Limits(wall=wall, memory=1 << 30, disk=DISK),
                inputs=(Input(PLAIN, RUNNER),),
                scratch=(Scratch(WORK, DISK), Scratch("tmp", DISK, shared=True)),
                files={f"{WORK}/{ORDERS}": json.dumps(orders).encode()},
                descriptors=descriptors,
            )
        )
        try:
            yield confined
        finally:
            confined.close()


@contextmanager
def plain_cells(
    cells: Mapping[str, str],
    facts: Mapping[str, Any],
    *,
    prelude: str,
    environment: Mapping[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
    wall: float = WALL_S,
) -> Iterator[Confined]:
    """Cells without a sandbox, as the user that a sandbox would have. Raises Infrastructure."""
    with cells_in(
        NoSandbox(), cells, facts, prelude=prelude, uid=sandbox_user(), environment=environment,
        descriptors=descriptors, wall=wall,
    ) as confined:  # fmt: skip
        yield confined


def read_answers(confined: Confined) -> dict[str, str]:
    """What each cell printed; empty where the process did not come to its end."""
    try:
        answers = json.loads(read_artefact(confined.folders[WORK], ANSWERS, at_most=ANSWER_BYTES))
    except (Failure, OSError, ValueError):
        return {}
    return {str(name): str(said) for name, said in answers.items()} if isinstance(answers, dict) else {}


def wait_for_file(confined: Confined, name: str, *, seconds: float) -> str:
    """The text of a file that the cells write. Raises Infrastructure where it does not appear."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and confined.poll() is None:
        try:
            return read_artefact(confined.folders[WORK], name, at_most=4096).decode()
        except (Failure, FileNotFoundError):
            time.sleep(0.02)
    confined.kill()
    raise Infrastructure(f"A process that serves as bait did not start: {confined.wait(20).log[-500:]}")
