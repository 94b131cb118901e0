"""Attacks that nothing can stop, because a notebook may say what it likes: the mark, the pages and the log don't move."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.doctor.bait import Bait, lay_bait
from grader.doctor.classroom import SHAPE_POINTS, SHARE, Classroom, Graded, text_of
from grader.doctor.corpus import Attack, network, prelude
from grader.doctor.notebooks import opening, too_much
from grader.doctor.verdicts import Seen, Trial
from grader.publish import GRADEBOOK, INDEX, REPORT, student_folder
from grader.report.text import row, summary
from grader.results import Status
from grader.terminal import Lines

LIAR, LIE = "the one who lies", "0.999"
WITH_KERAS = {"wall": "10m", "cell": "5m", "memory": "3GiB", "processes": 64}
MARKUP = ("<script>document", "<img src=x")  # of the corpus: it acts where it stands in a page as it is
CONTROL = ("\x1b", "\x07", "\x9b", "\u202e")  # what acts in a terminal, and hides words in a page
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection


def try_claims(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """All lies in one notebook, about a network that is right by half: the mark says so, whatever is claimed."""
    with lay_bait(prelude()) as bait:
        cells = [opening(bait), network(), *(attack.code for attack in attacks)]
        graded = room.grade(LIAR, cells, WITH_KERAS)
    told = [text_of(cell) for cell in graded.cells[2:]]
    for attack, said in zip(attacks, told or [""] * len(attacks), strict=True):
        claimed = Seen(output="OPEN the lie was told") if LIE in said else Seen(output=said)
        yield Trial(attack=attack, seen=as_marked(graded, said), control=claimed)


def as_marked(graded: Graded, said: str) -> Seen:
    """Whether the mark is the one that the network deserves."""
    result = graded.result
    if result.accuracy is None:
        reasons = "; ".join(check.reason for check in result.checks if check.reason)
        return Seen(fault=f"the network was not judged: {reasons or result.ending.message}")
    if LIE not in said:
        return Seen(fault=f"the lie was not told: {said[-200:]}")
    if result.accuracy.value != SHARE or result.points != SHAPE_POINTS:
        return Seen(host=(f"the mark moved: {result.points:g} points for an accuracy of {result.accuracy.value:.3f}",))
    return Seen(output=f"HELD a claim by design; the judge measured {SHARE:g}, and {result.points:g} points were given")


def try_reports(attacks: Sequence[Attack], room: Classroom) -> Iterator[Trial]:
    """Each attack as a student of its own, all in one class; then its pages, its lines and its files are looked at."""
    with lay_bait(prelude()) as bait:
        students = {attack.name: student_name(attack, bait) for attack in attacks}
        graded = room.grade_all({students[attack.name]: [opening(bait), attack.code] for attack in attacks})
    for attack in attacks:
        mine = graded[students[attack.name]]
        if mine.result.status is Status.BROKEN or len(mine.cells) < 2:
            yield Trial(attack=attack, seen=Seen(fault=f"the notebook was not run: {mine.result.ending.message}"))
            continue
        looks = {"page": on_pages, "log": in_log, "gradebook": in_gradebook, "folders": in_folders}
        host = [word for name in attack.seen for word in looks[name](mine, bait)] + too_much(mine)
        claimed = Seen(output="OPEN" if bait.name in text_of(mine.cells[1]) else "")
        nothing = f"HELD nothing acts in the {' and the '.join(attack.seen)}"
        yield Trial(attack=attack, seen=Seen(output=nothing, host=tuple(host)), control=claimed)


def student_name(attack: Attack, bait: Bait) -> str:
    """The name that an attack is handed in under; escapes in it are read as Python's."""
    return attack.student.encode().decode("unicode_escape").replace("NAME", bait.name) or attack.name


def on_pages(graded: Graded, bait: Bait) -> list[str]:
    """What acts in the student's page or in the class page."""
    pages = (student_folder(graded.out, graded.result.student) / REPORT, graded.out / INDEX)
    return [
        f"{acting!r} stands in {page.name}"
        for page in pages
        for acting in found_in(page.read_text(encoding="utf-8"), *MARKUP, *CONTROL)
    ]


def in_log(graded: Graded, bait: Bait) -> list[str]:
    """What a CI system or a terminal would obey in what `grader grade` and `grader batch` print."""
    progress = io.StringIO()
    Lines(1, progress).done(graded.result.student, "done")
    lines = [
        line
        for text in (*summary(graded.result), row(graded.result), progress.getvalue())
        for line in text.splitlines()
    ]
    orders = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    return [f"a line of the log is an order: {line}" for line in orders] + [
        f"{acting!r} stands in a line of the log" for line in lines for acting in found_in(line, *CONTROL)
    ]


def in_gradebook(graded: Graded, bait: Bait) -> list[str]:
    """Cells of the gradebook that a spreadsheet would compute."""
    with (graded.out / GRADEBOOK).open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    if not any(bait.name in cell for cell in cells):
        return ["the student is not in the gradebook"]
    return [f"the gradebook holds a formula: {cell}" for cell in cells if cell.startswith(FORMULA)]


def in_folders(graded: Graded, bait: Bait) -> list[str]:
    """Files of the student beside the folder of results."""
    return [
        f"{path} was written outside the folder of results" for path in outside(graded.out) if bait.name in path.name
    ] + ([] if student_folder(graded.out, graded.result.student).is_dir() else ["the student has no folder of results"])


def outside(out: Path) -> Iterator[Path]:
    """All that lies up to two folders above `out`, but not in it."""
    return (path for path in out.parents[1].rglob("*") if not path.is_relative_to(out))


def found_in(text: str, *acting: str) -> list[str]:
    """What stands in `text`, of all that acts."""
    return [each for each in acting if each in text]
