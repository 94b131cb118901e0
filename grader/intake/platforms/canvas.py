"""Canvas' "Download Submissions": files side by side, called after their students. Pure but for the tree.

A name is `<name>[_LATE]_<user id>_<attachment id>_<file>`: the sortable name in small letters without spaces and signs, or
`[LATE_]anon_<id>_<attachment id>_<file>` where students are anonymous. A text entry is `..._text.html` after the user's
id, a link `..._link.html`. A file uploaded again gets `-1`, `-2` before its ending; of several of one name the last upload
counts. Group work is there once, under the group's or one member's name. When something was handed in is not told, only
that it was late.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import median_low

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
from grader.intake.names import AGAIN, is_called, name_some
from grader.intake.networks import is_network_name
from grader.intake.submissions import CODE

TITLE = "a download of Canvas' submissions"
NAME = re.compile(
    r"(?:(?P<name>\w+?)_)??(?:(?P<late>LATE)_)?(?:anon_(?P<anonymous>[^\W_]+)|(?P<user>[0-9]+))"
    r"(?:_(?P<attachment>[0-9]+)_(?P<file>.+)|_(?P<entry>text|link)\.html)",
    re.DOTALL,
)
# Canvas writes a name always: where it is one of digits, the first of three numbers in a row is none of the user's.
DIGITS = re.compile(r"(?P<name>[0-9]+)_(?P<rest>[0-9]+_(?:[0-9]+_.+|text\.html|link\.html))", re.DOTALL)
SURE = 3  # digits of an attachment's number: shorter ones are more often somebody's own way of numbering
UNKNOWN = "not named as Canvas names what is handed in"


@dataclass(frozen=True, kw_only=True)
class CanvasName:
    """What Canvas put into the name of a file; `attachment` is -1 for a text entry or a link, whose kind is `entry`."""

    name: str
    user: str
    late: bool
    anonymous: bool
    attachment: int
    file: str
    entry: str


def read_name(text: str) -> CanvasName | None:
    """The parts of a name in a download; None for one that Canvas didn't write."""
    if len(text) > LONGEST_NAME:
        return None
    digits = DIGITS.fullmatch(text)
    found = NAME.fullmatch(digits["rest"] if digits else text)
    if found is None or len(found["attachment"] or "") > 30:
        return None
    return CanvasName(
        name=digits["name"] if digits else found["name"] or "", user=found["user"] or found["anonymous"],
        late=found["late"] is not None,
        anonymous=found["anonymous"] is not None, attachment=int(found["attachment"] or -1), file=found["file"] or "",
        entry=found["entry"] or "",
    )  # fmt: skip


def count_names(tree: Tree, _: str) -> int:
    """How many of the names at the top Canvas wrote: those that no other one contradicts, and that look like its own."""
    found = [name for node in visible(tree.nodes()) if (name := _read_file(node)) is not None]
    attachments = Counter(name.attachment for name in found if name.file)
    shared = _shared(found)
    return sum(
        name.name == name.name.lower()
        and name.user not in shared
        and (not name.file or (attachments[name.attachment] == 1 and name.attachment >= 10 ** (SURE - 1)))
        for name in found
    )


def _shared(names: Iterable[CanvasName]) -> set[str]:
    """The users whose numbers stand beside several names."""
    return {
        user
        for user, often in Counter(user for _, user in {(name.name, name.user) for name in names}).items()
        if often > 1
    }


def is_possible(tree: Tree) -> bool:
    """Whether a person may call it a download of Canvas'."""
    return any(_read_file(node) for node in visible(tree.nodes()))


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every student or group, and for whatever else lies there."""
    groups, others = by_student(tree, _read_file, lambda name: (name.name, name.user))
    doubts = _doubts([name for group in groups.values() for _, name in group])
    found = [_hand_in(group, assignment, doubts.get(key, "")) for key, group in groups.items()]
    return [*found, *find_plain(others, UNKNOWN)]


def _read_file(node: Node) -> CanvasName | None:
    return None if node.folder else read_name(node.name)


def _doubts(names: Sequence[CanvasName]) -> Mapping[tuple[str, str], str]:
    """Why the number beside a name may not be its own; nobody is looked up by such a one."""
    shared = _shared(names)
    length = median_low([len(str(name.attachment)) for name in names if name.file] or [0])
    doubts = {}
    for name in names:
        if name.user in shared:
            doubts[name.name, name.user] = f"the user's number {name.user} stands beside several names"
        elif _shifted(name, length):
            doubts[name.name, name.user] = (
                f"which of its numbers is the user's is open ({name.user} or {name.attachment})"
            )
    return doubts


def _shifted(name: CanvasName, length: int) -> bool:
    """Whether a number in the student's name pushes the others on: what should be the file's begins like an attachment."""
    further = re.match(r"[0-9]+(?=_)", name.file)
    return further is not None and len(further[0]) == length != len(str(name.attachment))


def _hand_in(group: Sequence[tuple[Node, CanvasName]], assignment: str, why: str) -> Found:
    first = group[0][1]
    key, doubt = ("", f"{group[0][0].name}: {why}") if why else (first.user, "")
    name = first.name or f"anonymous {first.user}"
    late = any(parts.late for _, parts in group)
    files = [(node, parts) for node, parts in group if parts.file]
    if not files:
        return Found(
            name=name, key=key, kind="canvas", doubt=doubt, label=group[0][0].name, late=late,
            problem=f"Nothing but a {first.entry} was handed in, and no file.",
            remedy=WITHOUT_FILE,
        )  # fmt: skip
    kept = _newest(files, assignment)
    left = [parts.file for _, parts in files if parts.file not in {name.file for _, name in kept}]
    entry = "" if len(files) == len(group) else BESIDE_FILES
    older = f"an earlier upload was left out: {name_some(left)}" if left else ""
    return Found(
        name=name,
        key=key,
        doubt=doubt,
        kind="canvas",
        label=kept[0][1].file if len(kept) == 1 else name,
        parts=tuple(ClassFile(source=(node.name,), target=parts.file) for node, parts in kept),
        late=late,
        notes=tuple(filter(None, (entry, older))),
    )


def _newest(files: Iterable[tuple[Node, CanvasName]], assignment: str) -> list[tuple[Node, CanvasName]]:
    """Without earlier uploads of a code file, network or zip; all where one bears the assignment's name."""
    groups: dict[str, list[tuple[Node, CanvasName]]] = defaultdict(list)
    kept: list[tuple[Node, CanvasName]] = []
    for node, parts in files:
        path = PurePosixPath(parts.file)
        if path.suffix.lower() not in {*CODE, ".zip"} and not is_network_name(parts.file):
            kept.append((node, parts))
            continue
        again = AGAIN.fullmatch(path.stem)
        groups[f"{again['base'] if again else path.stem}{path.suffix}".casefold()].append((node, parts))
    for group in groups.values():
        meant = any(is_called(parts.file, assignment) for _, parts in group)
        kept += group if meant else [max(group, key=lambda item: item[1].attachment)]
    return kept
