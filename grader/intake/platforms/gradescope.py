"""Gradescope's "Download Submissions": `submission_<number>/`, and a file that says whose each is. Pure but for the tree.

`submission_metadata.yml` holds names, numbers (SID) and addresses of all who submitted, and when. Ruby writes it: a
submission's key stands at the margin, its own keys two spaces in, and whatever a student or the autograder wrote lies
deeper. So it is read line by line, by these margins alone: no text in it can pass for a key.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from grader.core.notebook import without_surrogates
from grader.intake.class_folder_or_zip import ClassFile, Found, Node, Tree, find_plain, visible
from grader.intake.roster import LONGEST_FIELD, YEARS, Enrolled

TITLE = "a download of Gradescope's submissions"
METADATA = "submission_metadata.yml"
MOST_METADATA = 64 << 20  # bytes: results and histories of every submission are in it
SUBMISSION = re.compile(r"(?P<name>[\w.-]+|'[\w.-]+'|\"[\w.-]+\"):\s*")
FOLDER = re.compile(r"submission_[0-9]+(?:\..+)?")  # as it calls what was handed in
OWN = re.compile(r"  (?P<inner>- |  )?:(?P<key>\w+):(?: (?P<value>.*))?")
TIME_WITHIN = re.compile(r"    utc: (?P<value>.*)")  # of a time with its zone, which Ruby writes as an object
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|[+-]\d\d:\d\d)")
ESCAPED = re.compile(r"\\(?:x(..)|u(....)|U(........)|(.))")


@dataclass
class Record:
    """What the metadata say of one submission."""

    people: list[dict[str, str]] = field(default_factory=list)
    submitted: datetime | None = None


def count_names(tree: Tree, _: str) -> int:
    """How many of the files and folders at the top the metadata know, and their own file: a student may hand in one."""
    nodes = visible(tree.nodes())
    records = _records(tree, nodes)
    return sum(FOLDER.fullmatch(node.name) is not None and node.name in records for node in nodes) + bool(records)


def is_possible(tree: Tree) -> bool:
    """Whether a person may call it a download of Gradescope's."""
    return count_names(tree, "") > 0


def find(tree: Tree, _: str) -> list[Found]:
    """A hand-in for every submission of the metadata, and for whatever else lies there."""
    nodes = visible(tree.nodes())
    records = _records(tree, nodes)
    there = {node.name: node for node in nodes}
    found = [
        _hand_in(name, record, there.get(name), first=-100 * number)
        for number, (name, record) in enumerate(records.items(), 1)
    ]
    others = [node for node in nodes if node.name not in records and node.name != METADATA]
    return [*found, *find_plain(others, f"not in {METADATA}")]


def _hand_in(name: str, record: Record, node: Node | None, *, first: int) -> Found:
    people = tuple(_enrolled(person, first - place) for place, person in enumerate(record.people))
    called = ", ".join(person.name or person.told_by for person in people)
    missing = "" if node is not None else "The download holds no files of this submission."
    return Found(
        name=called or without_surrogates(name),
        label=name,
        parts=() if node is None else (ClassFile(source=(name,), target="" if node.folder else name),),
        submitted=record.submitted,
        problem=missing,
        remedy="Download the submissions again." if missing else "",
        people=people,
    )


def _enrolled(person: Mapping[str, str], line: int) -> Enrolled:
    """Somebody as Gradescope knows them; the negative line is none of a roster's."""
    known = {key: without_surrogates(" ".join(value.split()))[:LONGEST_FIELD] for key, value in person.items()}
    return Enrolled(line=line, name=known.get("name", ""), identity=known.get("sid", ""), email=known.get("email", ""))


def _records(tree: Tree, nodes: list[Node]) -> dict[str, Record]:
    if not any(node.name == METADATA and not node.folder for node in nodes):
        return {}
    return read_metadata(tree.small_text(METADATA, most=MOST_METADATA) or "")


def read_metadata(text: str) -> dict[str, Record]:
    """What the file says of each submission by its name; of a damaged one, what can be read."""
    found: dict[str, Record] = {}
    record, key = Record(), ""
    for line in text.replace("\r\n", "\n").split("\n"):  # other line ends may stand in what a student wrote
        if (head := SUBMISSION.fullmatch(line)) is not None:
            record, key = found.setdefault(head["name"].strip("'\""), Record()), ""
        elif key == "created_at" and (within := TIME_WITHIN.match(line)) is not None:
            record.submitted = record.submitted or read_time(within["value"])
        elif (own := OWN.match(line)) is not None:
            key = _take(record, key, own)
    return found


def _take(record: Record, key: str, own: re.Match[str]) -> str:
    """Take one line into the record; the key of the submission that the next lines belong to."""
    value = _scalar(own["value"] or "")
    if own["inner"] is None:
        if own["key"] == "created_at":
            record.submitted = read_time(value)
        return own["key"]
    if key == "submitters":
        if own["inner"] == "- ":
            record.people.append({})
        if record.people:
            record.people[-1][own["key"]] = value
    return key


def _scalar(text: str) -> str:
    """A value as Ruby writes it on one line: plain, in single or in double quotation marks."""
    text = re.sub(r"^&\d+ ", "", text.strip())
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return ESCAPED.sub(_unescaped, text[1:-1])
    return "" if text in ("~", "null") or text.startswith(("!", "|", ">", "*")) else text


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    try:
        return chr(int(digits, 16)) if digits else {"n": " ", "t": " ", "r": " "}.get(found[4], found[4])
    except (ValueError, OverflowError):
        return "?"


def read_time(text: str) -> datetime | None:
    """A moment as Ruby writes it ("2026-11-10 18:03:12.000000000 Z"); None for anything else."""
    found = TIME.fullmatch(text.strip().strip("'\""))
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3]}").astimezone(UTC) if found else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and moment.year in YEARS else None
