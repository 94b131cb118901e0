"""Which of several files is the submission: renamed, doubled, uploaded again, or beside helpers. Pure.

A choice is made only where the files say which one counts; else all are named and the student is asked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.errors import SubmissionError
from grader.intake.names import listed, squeeze

CODE = {".ipynb", ".py"}
TELLING = {"solution", "submission", "main"}
PACKAGING = {"setup", "conftest", "noxfile", "__init__"}  # modules that are there for a tool
TESTS = re.compile(r"test_.*|.*_test")
ARCHIVES = {".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz"}
PRINTS = {".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rtf", ".pages", ".png", ".jpg", ".jpeg"}
# "work (2)": a browser's or Moodle's; "work-2": Canvas', beside the "work" that it was uploaded after.
AGAIN = re.compile(r"(?P<base>.*?)(?:-(?P<dash>[0-9]{1,3})| ?\((?P<round>[0-9]{1,3})\)|(?P<old>-checkpoint))")
OTHER_ENDINGS = {"", ".json", ".txt", ".download"}  # under which browsers and mail programs save a notebook
RENAMED = re.compile(r"(?P<meant>.+\.(?:ipynb|py))\.(?:txt|json|download)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The files, of which `main` is the submission (under the name that was meant), and what is to be told about it."""

    files: Mapping[str, bytes]
    main: str
    notes: tuple[str, ...]


def choose_main(where: str, files: Mapping[str, bytes], *, assignment: str = "") -> Choice:
    """The one notebook or module that counts among `files` of `where`. Raises SubmissionError where none or any could.

    In this order: notebooks go before modules; the same bytes count once; of several uploads of one name the last counts;
    a file called after the `assignment`; one called solution, submission or main.
    """
    if not files:
        raise SubmissionError(f"{where}: is empty.", "Hand in the notebook (.ipynb) or the module (.py).")
    candidates = _code(files)
    meant = {} if candidates else _renamed(files)
    candidates = candidates or list(meant)
    if not candidates:
        raise SubmissionError(
            f"{where}: holds no notebook (.ipynb) and no module (.py), but {listed(files)}.", remedy_for(files)
        )
    distinct = _distinct(files, candidates, assignment)
    newest = newest_uploads(distinct, assignment)
    main = _choose(where, newest, assignment)
    notes = []
    if len(newest) < len(distinct):
        notes.append(f"{main} is the newest of several uploads of that name")
    if len(candidates) > 1:
        notes.append(f"{main} was graded; beside it lay {listed(name for name in candidates if name != main)}")
    if main not in meant:
        return Choice(files=files, main=main, notes=tuple(notes))
    renamed = {meant[main] if name == main else name: data for name, data in files.items()}
    return Choice(files=renamed, main=meant[main], notes=(*notes, f"{main} was read as {meant[main]}"))


def meant_name(name: str, data: bytes) -> str | None:
    """What a file that is code under another name should be called ("work.ipynb.txt", "work.json"); None for others."""
    path = PurePosixPath(name)
    if found := RENAMED.fullmatch(path.name):
        return str(path.with_name(found["meant"]))
    looks = data[:1000].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and b'"nbformat"' in data and b'"cells"' in data
    return str(path.with_suffix(".ipynb")) if looks and path.suffix.lower() in ("", ".json", ".txt") else None


def newest_uploads(names: Sequence[str], assignment: str = "") -> list[str]:
    """`names` without those that a later upload of the same name takes the place of.

    A number at the end is an upload's only beside the name without it, or in brackets; and not where it makes the
    assignment's name: "exercise-1" beside "exercise" for exercise1.
    """
    groups: dict[tuple[str, str], list[tuple[int, str, bool]]] = defaultdict(list)
    for name in names:
        path = PurePosixPath(name)
        found = AGAIN.fullmatch(path.stem)
        base = found["base"] if found else path.stem
        number = -1 if found and found["old"] else int(found["dash"] or found["round"]) if found else 0
        dashed = bool(found and not found["round"])
        groups[str(path.with_name(f"{base}{path.suffix}")).casefold(), path.suffix].append((number, name, dashed))
    kept = set[str]()
    for group in groups.values():
        has_base = any(number == 0 for number, _, _ in group)
        meant = any(number and squeeze(PurePosixPath(name).stem) == squeeze(assignment) for number, name, _ in group)
        uploads = [] if meant else [(number, name) for number, name, dashed in group if has_base or not dashed]
        kept |= {name for _, name, _ in group} - {name for _, name in uploads}
        kept |= {max(uploads)[1]} if uploads else set()
    return [name for name in names if name in kept]


def remedy_for(names: Iterable[str]) -> str:
    """What to do about a hand-in of these files, none of which is code."""
    endings = {PurePosixPath(name).suffix.lower() for name in names}
    if endings & ARCHIVES:
        return "Hand in the notebook or the module itself, or pack them as one zip."
    if endings & PRINTS:
        return "Hand in the notebook (.ipynb) itself, not a print or a picture of it."
    return "Hand in one of them."


def _code(files: Iterable[str]) -> list[str]:
    """Notebooks wherever they lie; without any, modules."""
    books = [name for name in files if PurePosixPath(name).suffix.lower() == ".ipynb"]
    return books or highest_modules(name for name in files if PurePosixPath(name).suffix.lower() == ".py")


def highest_modules(names: Iterable[str]) -> list[str]:
    """Those of these modules that lie highest; a tool's and tests only where nothing else is there."""
    found = list(names)
    ranks = {name: _rank(PurePosixPath(name)) for name in found}
    return [name for name in found if ranks[name] == min(ranks.values())]


def _rank(path: PurePosixPath) -> tuple[bool, int, bool]:
    return path.stem.lower() in PACKAGING, len(path.parts), not is_work(path.stem)


def is_work(stem: str) -> bool:
    """Whether a module of this name is more than a tool's, or tests."""
    return stem.lower() not in PACKAGING and TESTS.fullmatch(stem.lower()) is None


def _renamed(files: Mapping[str, bytes]) -> dict[str, str]:
    """The name that was meant for each file that is code under another name; notebooks before modules."""
    found = {name: meant for name, data in files.items() if (meant := meant_name(name, data)) is not None}
    books = {name: meant for name, meant in found.items() if meant.lower().endswith(".ipynb")}
    return books or {name: found[name] for name in highest_modules(found)}


def _distinct(files: Mapping[str, bytes], names: Sequence[str], assignment: str) -> list[str]:
    """One name for each content: a telling one, else the shortest."""
    first: dict[bytes, str] = {}
    for name in sorted(names, key=lambda name: (not _tells(name, assignment), len(name), name)):
        first.setdefault(files[name], name)
    kept = set(first.values())
    return [name for name in names if name in kept]


def _tells(name: str, assignment: str) -> bool:
    stem = PurePosixPath(name).stem
    return stem.lower() in TELLING or (bool(assignment) and squeeze(stem) == squeeze(assignment))


def _choose(where: str, names: Sequence[str], assignment: str) -> str:
    if len(names) == 1:
        return names[0]
    called = [name for name in names if assignment and squeeze(PurePosixPath(name).stem) == squeeze(assignment)]
    telling = [name for name in names if PurePosixPath(name).stem.lower() in TELLING]
    for chosen in (called, telling):
        if len(chosen) == 1:
            return chosen[0]
    raise SubmissionError(
        f"{where}: holds {len(names)} files that could be the submission ({', '.join(sorted(names)[:5])}).",
        "Keep the one that counts, or call it solution.ipynb (solution.py).",
    )
