"""Canvas' "Download Submissions": files side by side, called after their students. Pure but for the tree.

A name is `<name>[_LATE]_<user id>_<attachment id>_<file>`: the sortable name in small letters without spaces and signs, or
`[LATE_]anon_<id>_<attachment id>_<file>` where students are anonymous. A text entry is `..._text.html` after the user's
id, a link `..._link.html`. A file uploaded again gets `-1`, `-2` before its ending; of several of one name the last upload
counts. Group work is there once, under the group's or one member's name. When something was handed in is not told, only
that it was late.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.intake.candidates import AGAIN, CODE
from grader.intake.listing import find_plain, visible
from grader.intake.names import listed, squeeze
from grader.intake.trees import LONGEST_NAME, Found, Node, Part, Tree

NAME = re.compile(
    r"(?:(?P<name>\w+?)_)??(?:(?P<late>LATE)_)?(?:anon_(?P<anonymous>[^\W_]+)|(?P<user>[0-9]+))"
    r"(?:_(?P<attachment>[0-9]+)_(?P<file>.+)|_(?P<entry>text|link)\.html)",
    re.DOTALL,
)
SURE = 3  # digits of an attachment's number: shorter ones are more often somebody's own way of numbering
UNKNOWN = "not named as Canvas names what is handed in"


@dataclass(frozen=True, kw_only=True)
class Name:
    """What Canvas put into the name of a file; `attachment` is -1 for a text entry or a link, whose kind is `entry`."""

    name: str
    user: str
    late: bool
    anonymous: bool
    attachment: int
    file: str
    entry: str


def read_name(text: str) -> Name | None:
    """The parts of a name in a download; None for one that Canvas didn't write."""
    found = NAME.fullmatch(text) if len(text) <= LONGEST_NAME else None
    if found is None or len(found["attachment"] or "") > 30:
        return None
    return Name(
        name=found["name"] or "", user=found["user"] or found["anonymous"], late=found["late"] is not None,
        anonymous=found["anonymous"] is not None, attachment=int(found["attachment"] or -1), file=found["file"] or "",
        entry=found["entry"] or "",
    )  # fmt: skip


def counts(tree: Tree) -> int:
    """How many of the names at the top Canvas wrote; 0 where they contradict each other."""
    found = [name for node in visible(tree.nodes()) if not node.folder and (name := read_name(node.name)) is not None]
    attachments = [name.attachment for name in found if name.file]
    people = {(name.name, name.user) for name in found}
    unlike = (
        len(set(attachments)) < len(attachments)
        or len({user for _, user in people}) < len(people)
        or any(number < 10 ** (SURE - 1) for number in attachments)
        or any(name.name != name.name.lower() for name in found)
    )
    return 0 if unlike else len(found)


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every student or group, and for whatever else lies there."""
    groups: dict[tuple[str, str], list[tuple[Node, Name]]] = defaultdict(list)
    others = []
    for node in visible(tree.nodes()):
        name = None if node.folder else read_name(node.name)
        if name is None:
            others.append(node)
        else:
            groups[name.name, name.user].append((node, name))
    return [*(_hand_in(group, assignment) for group in groups.values()), *find_plain(others, UNKNOWN)]


def _hand_in(group: Sequence[tuple[Node, Name]], assignment: str) -> Found:
    first = group[0][1]
    name = first.name or f"anonymous {first.user}"
    late = any(parts.late for _, parts in group)
    files = [(node, parts) for node, parts in group if parts.file]
    if not files:
        return Found(
            name=name, key=first.user, label=group[0][0].name, late=late,
            problem=f"Nothing but a {first.entry} was handed in, and no file.",
            remedy="Hand in the notebook (.ipynb) or the module (.py) as a file.",
        )  # fmt: skip
    kept = _newest(files, assignment)
    left = [parts.file for _, parts in files if parts.file not in {name.file for _, name in kept}]
    entry = "" if len(files) == len(group) else "what was handed in beside the files is not graded"
    older = f"an earlier upload was left out: {listed(left)}" if left else ""
    return Found(
        name=name,
        key=first.user,
        label=kept[0][1].file if len(kept) == 1 else name,
        parts=tuple(Part(source=(node.name,), target=parts.file) for node, parts in kept),
        late=late,
        notes=tuple(filter(None, (entry, older))),
    )


def _newest(files: Iterable[tuple[Node, Name]], assignment: str) -> list[tuple[Node, Name]]:
    """Without the earlier ones of several uploads of one code file, or zip; all where one bears the assignment's name."""
    groups: dict[str, list[tuple[Node, Name]]] = defaultdict(list)
    kept: list[tuple[Node, Name]] = []
    for node, parts in files:
        path = PurePosixPath(parts.file)
        if path.suffix.lower() not in {*CODE, ".zip"}:
            kept.append((node, parts))
            continue
        again = AGAIN.fullmatch(path.stem)
        groups[f"{again['base'] if again else path.stem}{path.suffix}".casefold()].append((node, parts))
    for group in groups.values():
        meant = any(squeeze(PurePosixPath(parts.file).stem) == squeeze(assignment) for _, parts in group)
        kept += group if meant else [max(group, key=lambda item: item[1].attachment)]
    return kept
