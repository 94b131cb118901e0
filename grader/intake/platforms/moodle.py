"""Moodle's "Download all submissions": in folders, flat, anonymous, of teams, with online texts. Pure but for the tree.

A student's files lie in `<name>_<number>_assignsubmission_file/` (before Moodle 4.1 with `_` at the end), or, without
folders, each is called `<name>_<number>_assignsubmission_file_<file>`. The number is the one in the `Identifier` of the
grading worksheet. An online text is beside it as `..._assignsubmission_onlinetext`. Names have spaces for `_`; where
students are anonymous all are called "Participant", in the language of the site; a team has its group's name and number,
the students without a group are one team without a number.

When something was handed in is not in the download. Moodle of today gives each file the time of the download; older ones
the time at which a file of these bytes first came to the site, which is never later than the hand-in. Such dates are
believed only where they spread over more than an hour, and only in the zip itself: unpacking and saving change them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from grader.core.notebook import without_surrogates
from grader.intake.class_folder_or_zip import (
    BESIDE_FILES,
    LONGEST_NAME,
    WITHOUT_FILE,
    ClassFile,
    Found,
    Node,
    Tree,
    by_student,
    find_plain,
    visible,
)

TITLE = "a download of Moodle's submissions"
PREFIX = r"(?P<name>.*?)(?:_(?P<number>[0-9]+))?_assignsubmission_(?P<plugin>[a-z]+)"
FOLDER = re.compile(PREFIX + r"_?", re.DOTALL)
FILE = re.compile(PREFIX + r"_(?P<file>.+)", re.DOTALL)
DOWNLOAD = timedelta(hours=1)  # dates that lie nearer together are those of the download
ANONYMOUS = "participant"
UNKNOWN = "not named as Moodle names what is handed in"


@dataclass(frozen=True, kw_only=True)
class MoodleName:
    """What Moodle put into the name of a file or folder; `file` is "" for a folder."""

    name: str
    number: str
    plugin: str
    file: str = ""


def read_name(text: str, *, folder: bool) -> MoodleName | None:
    """The parts of a name at the top of a download; None for one that Moodle didn't write."""
    found = (FOLDER if folder else FILE).fullmatch(text) if len(text) <= LONGEST_NAME else None
    if found is None:
        return None
    parts = found.groupdict()
    name = without_surrogates(parts["name"]).replace("_", " ").strip()
    return MoodleName(name=name, number=parts["number"] or "", plugin=parts["plugin"], file=parts.get("file") or "")


def count_names(tree: Tree, _: str) -> int:
    """How many of the names at the top Moodle wrote."""
    return sum(read_name(node.name, folder=node.folder) is not None for node in visible(tree.nodes()))


def is_possible(tree: Tree) -> bool:
    """Whether a person may call it a download of Moodle's."""
    return count_names(tree, "") > 0


def find(tree: Tree, _: str) -> list[Found]:
    """A hand-in for every student or team, and for whatever else lies there."""
    groups, others = by_student(
        tree, lambda node: read_name(node.name, folder=node.folder), lambda name: (name.name, name.number)
    )
    names = _display(list(groups))
    found = [_hand_in(names[key], key[1], group) for key, group in groups.items()]
    return [*_dated(tree, found), *find_plain(others, UNKNOWN)]


def _display(keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """What each is called: "Participant 12" where all have one name, as in the worksheet."""
    anonymous = len({name for name, _ in keys}) == 1 and (len(keys) > 1 or keys[0][0].lower() == ANONYMOUS)
    return {key: f"{key[0]} {key[1]}".strip() if anonymous or not key[0] else key[0] for key in keys}


def _hand_in(name: str, number: str, group: Sequence[tuple[Node, MoodleName]]) -> Found:
    files = [(node, parts) for node, parts in group if parts.plugin == "file"]
    label = files[0][0].name if len(files) == 1 else " ".join(filter(None, (name, number)))
    if not files:
        plugins = ", ".join(sorted({parts.plugin for _, parts in group}))
        return Found(
            name=name, key=number, kind="moodle", label=label, problem=f"Nothing but {plugins} was handed in, and no file.",
            remedy=WITHOUT_FILE,
        )  # fmt: skip
    return Found(
        name=name,
        key=number,
        kind="moodle",
        label=label,
        parts=tuple(ClassFile(source=(node.name,), target=parts.file) for node, parts in files),
        notes=(BESIDE_FILES,) if len(files) < len(group) else (),
    )


def _dated(tree: Tree, found: Sequence[Found]) -> list[Found]:
    """With the dates of the zip, where they can be those of the hand-ins."""
    dates = [max(filter(None, (tree.newest(*part.source) for part in item.parts)), default=None) for item in found]
    known = [date for date in dates if date is not None]
    if len(known) < 2 or max(known) - min(known) <= DOWNLOAD:
        return list(found)
    latest = datetime.now(UTC) + timedelta(days=1)
    return [
        replace(item, submitted=date if date and date < latest else None)
        for item, date in zip(found, dates, strict=True)
    ]
