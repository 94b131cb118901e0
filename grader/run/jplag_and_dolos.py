"""Other programs that find pairs: JPlag, as a jar that an instructor has, and Dolos' library from npm.

An `Engine` says how it is started over a folder of modules, and how its answer is read; `find_by_engine` runs it. It reads
what students wrote, so it does that in a sandbox. What it finds is marked and shown as what the grader finds itself.
"""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.core.errors import Failure, UsageError
from grader.core.limits import Limits
from grader.marking.similarity import MOST_CODE, SHARE, Found, Question
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.interface import Input, Program, Sandbox, Scratch
from grader.sandbox.limited_process import WorkLost

WORK, TEMPORARY = "run/work", "tmp"
CLASS, EARLIER, COURSE = "class", "earlier", "course"  # folders below WORK
MOST_ANSWER = 256 << 20
LIMITS = Limits(wall=1800.0, memory=4 << 30, disk=512 << 20, processes=512)
NUMBER = re.compile(r"([0-9]{6})(?:\.py)?$")
NO_PYTHON = re.compile(r"^(\s*)([%!?].*)$", re.MULTILINE)  # a notebook's own commands
DOLOS = "@dodona/dolos-lib"

Row = tuple[str, str, float, float]  # the names of two files, of each one's code the share that the other has


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A program that finds pairs. `words`: as it was named; `command(earlier, course)`: what starts it in WORK, with which
    folders; `answer`: the file that it leaves there, which `read` reads (ValueError where that is none of its answers)."""

    words: str
    inputs: tuple[Input, ...]
    command: Callable[[bool, bool], tuple[str, ...]]
    answer: str
    read: Callable[[str], Iterator[Row]]


def open_engine(words: str) -> Engine:
    """The engine of `--similarity NAME=PATH`. Raises UsageError."""
    name, _, place = words.partition("=")
    makers = {"dolos": dolos, "jplag": jplag}
    if name not in makers or not place:
        raise UsageError(
            f"--similarity {words}: is not understood.", "Write jplag=FILE.jar, or dolos=FOLDER with its node_modules."
        )
    return makers[name](Path(place))


def jplag(jar: Path) -> Engine:
    """JPlag 6 or newer, by its jar. Raises UsageError."""
    if not jar.is_file():
        raise UsageError(
            f"--similarity jplag={jar}: there is no such file.", "Name the jar of JPlag that you downloaded."
        )
    java, needs = _interpreter("java", "JPlag runs on Java.")

    def command(earlier: bool, course: bool) -> tuple[str, ...]:
        old = (f"--old={EARLIER}",) if earlier else ()
        base = (f"--base-code={COURSE}",) if course else ()
        options = ("--language=python3", "--mode=RUN", "--csv-export", "--overwrite", "--result-file=results")
        return (java, "-Xmx2g", "-jar", "/run/engine/jplag.jar", *options, f"--new={CLASS}", *old, *base)

    return Engine(
        words=f"jplag={jar.resolve()}", inputs=(*needs, Input(jar.resolve(), "run/engine/jplag.jar")), command=command,
        answer="results/results.csv", read=_read_jplag,
    )  # fmt: skip


def dolos(folder: Path) -> Engine:
    """Dolos' library as npm installed it into a folder. Raises UsageError."""
    modules = folder.resolve() / "node_modules"
    if not (modules / DOLOS / "package.json").is_file():
        raise UsageError(
            f"--similarity dolos={folder}: holds no node_modules/{DOLOS}.",
            f"Type `npm install {DOLOS}` in that folder.",
        )
    node, needs = _interpreter("node", "Dolos runs on Node.js.")
    script = Path(__file__).with_name("dolos.mjs")
    inputs = (*needs, Input(modules, "run/engine/node_modules"), Input(script, "run/engine/dolos.mjs"))

    def command(earlier: bool, course: bool) -> tuple[str, ...]:
        return (
            node,
            "/run/engine/dolos.mjs",
            CLASS,
            EARLIER if earlier else "",
            COURSE if course else "",
            "answer.json",
        )

    return Engine(
        words=f"dolos={folder.resolve()}", inputs=inputs, command=command, answer="answer.json", read=_read_dolos
    )  # fmt: skip


def _interpreter(name: str, why: str) -> tuple[str, tuple[Input, ...]]:
    """The program `name` of this machine, and what it needs beside /usr. Raises UsageError."""
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"`{name}` is not on this machine. {why}", "Install it, or leave --similarity out.")
    binary = Path(found).resolve()
    home = binary.parent.parent
    settings = [
        path.resolve() for path in (home / "conf", home / "lib" / "security") if path.is_dir()
    ]  # Debian: in /etc
    etc = {Path("/", *path.parts[1:3]) for path in settings if path.parts[1] == "etc"}
    outside = [*etc, *([] if binary.is_relative_to("/usr") else [home])]
    return str(binary), tuple(Input(path, str(path).removeprefix("/")) for path in sorted(outside))


def find_by_engine(engine: Engine, question: Question, sandbox: Sandbox, least: float = SHARE) -> tuple[Found, ...]:
    """The pairs of which one shares at least so much with the other. Raises WorkLost."""
    earlier, course = bool(question.earlier), bool(question.boilerplate)
    files = dict(_files(question))
    size = (64 << 20) + 2 * sum(map(len, files.values())) + MOST_ANSWER
    with sandbox.root() as root:
        program = Program(
            root=root, argv=engine.command(earlier, course), folder=WORK, limits=LIMITS, files=files, inputs=engine.inputs,
            environment={"HOME": str(root / TEMPORARY), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            scratch=(Scratch(WORK, size), Scratch(TEMPORARY, 256 << 20, shared=True)),
            results={f"{WORK}/{engine.answer}": MOST_ANSWER},
        )  # fmt: skip
        confined = sandbox.start(program)
        try:
            log = confined.wait(LIMITS.wall + 60).log
            answer = read_artefact(confined.folders[WORK], engine.answer, at_most=MOST_ANSWER).decode("utf-8")
            rows = list(engine.read(answer))
        except (OSError, Failure, ValueError, TimeoutError):
            said = next((line.strip()[:300] for line in reversed(log.splitlines()) if line.strip()), "it said nothing")
            raise WorkLost(f"by {engine.words.partition('=')[0]} gave no answer ({said})") from None
        finally:
            confined.close()
    return tuple(sorted(_close(rows, least)))


def _files(question: Question) -> Iterator[tuple[str, bytes]]:
    """A module for each submission, named by its place; a notebook's own commands become comments."""
    codes = [(CLASS, code) for code in question.sources.values()] + [(EARLIER, code) for _, code in question.earlier]
    for place, (folder, code) in enumerate(codes):
        yield f"{WORK}/{folder}/{place:06}.py", _plain(code)
    for number, code in enumerate(question.boilerplate):
        yield f"{WORK}/{COURSE}/starter{number}.py", _plain(code)


def _plain(code: str) -> bytes:
    return NO_PYTHON.sub(r"\1# \2", code[:MOST_CODE]).encode("utf-8", "replace") + b"\n"


def _close(rows: list[Row], least: float) -> Iterator[Found]:
    for one, other, of_one, of_other in rows:
        places = NUMBER.search(one), NUMBER.search(other)
        if places[0] and places[1] and max(of_one, of_other) >= least:
            first, second = int(places[0][1]), int(places[1][1])
            yield Found(first, second, of_one, of_other) if first < second else Found(second, first, of_other, of_one)


def _read_jplag(answer: str) -> Iterator[Row]:
    """JPlag's table of all comparisons, which tells the mean of the two shares."""
    for row in csv.DictReader(answer.splitlines()):
        try:
            share = float(row["averageSimilarity"])
            yield row["submissionName1"], row["submissionName2"], share, share
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from None


def _read_dolos(answer: str) -> Iterator[Row]:
    """What `dolos.mjs` writes: a list of the two files and their shares."""
    for one, other, of_one, of_other in json.loads(answer):
        yield str(one), str(other), float(of_one), float(of_other)
