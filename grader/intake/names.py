"""What students are called: a display name that is theirs alone, and the folder that it gives. Pure."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from grader.notebook import without_surrogates

MOST_NAMED = 10
RESERVED = {"index.html", "gradebook.csv", "gradebook.sqlite", "batch.json"}  # what a batch writes beside its students


def student_name(path: Path) -> str:
    """The student's name: the file's without its ending, or the folder's."""
    return without_surrogates(path.name if path.is_dir() else path.stem or path.name)


def safe_name(student: str) -> str:
    """A folder name for any student's name; a digest is added where replacing characters lost something.

    Also where a name looks as if it had a digest, or is a file's of the batch: no student can take another's place.
    """
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", student))
    cleaned = plain.encode("utf-8")[:200].decode("utf-8", "ignore")[:80].strip("._")  # file systems count bytes
    taken = cleaned.casefold() in RESERVED or re.search(r"-[0-9a-f]{8}$", cleaned)
    if cleaned and cleaned == student and not taken:
        return cleaned
    return f"{cleaned or 'student'}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def fold(text: str) -> str:
    """`text` as names and logins are compared: one Unicode form, no case, single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.casefold().split())


def squeeze(text: str) -> str:
    """The letters and digits of `text` without case: "Exercise 1", "exercise-1" and "exercise_1" are one."""
    return "".join(sign for sign in fold(text) if sign.isalnum())


def tell_apart(wanted: Sequence[str], longer: Sequence[str]) -> list[str]:
    """A name of its own for each student, in order: the wanted one where nobody else wants it.

    Where two would be the same but for case or Unicode form, each gets its `longer` one, numbered if need be.
    """
    often = Counter(map(fold, wanted))
    chosen = [name if often[fold(name)] == 1 else other for name, other in zip(wanted, longer, strict=True)]
    names, taken, spoken_for, last = [], set[str](), set(map(fold, chosen)), Counter[str]()
    for name in chosen:
        free = name
        while fold(free) in taken or (free != name and fold(free) in spoken_for):
            last[fold(name)] += 1
            free = f"{name} ({last[fold(name)] + 1})"
        taken.add(fold(free))
        names.append(free)
    return names


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, at most `MOST_NAMED` of them."""
    found = sorted(names)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"{', '.join(found[:MOST_NAMED])}{more}"
