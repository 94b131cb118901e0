"""Attacks on the grader's own marks, pages and files: no sandbox holds them, and they end alike on every machine.

Those of `claims` lie about a network; a notebook may say what it likes, and the mark must not move. Those of `reports` write
something that acts where it is shown, and are handed in under names that act, too.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.attacks.corpus import Attack, AttackTrial, Seen, read_group
from grader.attacks.decoys import Decoys, place_decoys
from grader.attacks.try_attacks import SHAPE_POINTS, Classroom, Graded, opening, text_of, too_much
from grader.core.results import Status
from grader.marking.publish import GRADEBOOK, INDEX, REPORT, student_folder
from grader.pages.progress import PlainProgress
from grader.pages.terminal import row, summary

CELLS = Path(__file__).parent / "cells"
CLAIMS, REPORTS = (read_group(CELLS / group) for group in ("claims", "reports"))
NETWORK = (CELLS / "network.cell").read_text(encoding="utf-8")  # the network that the lies are about
SHARE = 0.5  # of the judged pictures, that a network gets right which always says the same
NAMES = {  # of the students who hand in `reports`
    "formula": '=HYPERLINK("https://NAME.example","full marks")',
    "markup": "<script>document.title='NAME'</script>",
    "path-name": "../../NAME",
    "terminal-codes": "NAME\x1b[2J\x1b]0;NAME\x07\u202egpj.exe",
    "workflow-command": "::error title=NAME::graded ##[error]NAME",
}
LIAR, LIE = "the one who lies", "0.999"
WITH_KERAS = {"wall": "10m", "cell": "5m", "memory": "3GiB", "processes": 64}
MARKUP = ("<script>document", "<img src=x")  # of the corpus: it acts where it stands in a page as it is
CONTROL = ("\x1b", "\x07", "\x9b", "\u202e")  # what acts in a terminal, and hides words in a page
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection


def try_claims(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """All lies in one notebook, about a network that is right by half: the mark says so, whatever is claimed."""
    with place_decoys() as decoys:
        cells = [opening(decoys), NETWORK, *(attack.code for attack in attacks)]
        graded = room.grade(LIAR, cells, WITH_KERAS)
    told = [text_of(cell) for cell in graded.cells[2:]]
    for attack, said in zip(attacks, told or [""] * len(attacks), strict=True):
        claimed = Seen(output="OPEN the lie was told") if LIE in said else Seen(output=said)
        yield AttackTrial(attack=attack, seen=as_marked(graded, said), control=claimed)


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


def try_reports(attacks: Sequence[Attack], room: Classroom) -> Iterator[AttackTrial]:
    """Each attack as a student of its own, all in one class; then its pages, its lines and its files are looked at."""
    with place_decoys() as decoys:
        students = {attack.name: student_name(attack, decoys) for attack in attacks}
        graded = room.grade_all({students[attack.name]: [opening(decoys), attack.code] for attack in attacks})
    for attack in attacks:
        mine = graded[students[attack.name]]
        if mine.result.status is Status.BROKEN or len(mine.cells) < 2:
            yield AttackTrial(attack=attack, seen=Seen(fault=f"the notebook was not run: {mine.result.ending.message}"))
            continue
        looks = {"page": on_pages, "log": in_log, "gradebook": in_gradebook, "folders": in_folders}
        host = [word for name in attack.seen for word in looks[name](mine, decoys)] + too_much(mine)
        claimed = Seen(output="OPEN" if decoys.name in text_of(mine.cells[1]) else "")
        nothing = f"HELD nothing acts in the {' and the '.join(attack.seen)}"
        yield AttackTrial(attack=attack, seen=Seen(output=nothing, host=tuple(host)), control=claimed)


def student_name(attack: Attack, decoys: Decoys) -> str:
    """The name that an attack is handed in under."""
    return NAMES[attack.name].replace("NAME", decoys.name)


def on_pages(graded: Graded, decoys: Decoys) -> list[str]:
    """What acts in the student's page or in the class page."""
    pages = (student_folder(graded.out, graded.result.student) / REPORT, graded.out / INDEX)
    return [
        f"{acting!r} stands in {page.name}"
        for page in pages
        for acting in found_in(page.read_text(encoding="utf-8"), *MARKUP, *CONTROL)
    ]


def in_log(graded: Graded, decoys: Decoys) -> list[str]:
    """What a CI system or a terminal would obey in what `grader grade` and `grader batch` print."""
    progress = io.StringIO()
    PlainProgress(1, progress).done(graded.result.student, "done")
    lines = [
        line
        for text in (*summary(graded.result), row(graded.result), progress.getvalue())
        for line in text.splitlines()
    ]
    orders = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    return [f"a line of the log is an order: {line}" for line in orders] + [
        f"{acting!r} stands in a line of the log" for line in lines for acting in found_in(line, *CONTROL)
    ]


def in_gradebook(graded: Graded, decoys: Decoys) -> list[str]:
    """Cells of the gradebook that a spreadsheet would compute."""
    with (graded.out / GRADEBOOK).open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    if not any(decoys.name in cell for cell in cells):
        return ["the student is not in the gradebook"]
    return [f"the gradebook holds a formula: {cell}" for cell in cells if cell.startswith(FORMULA)]


def in_folders(graded: Graded, decoys: Decoys) -> list[str]:
    """Files of the student beside the folder of results."""
    return [
        f"{path} was written outside the folder of results" for path in outside(graded.out) if decoys.name in path.name
    ] + ([] if student_folder(graded.out, graded.result.student).is_dir() else ["the student has no folder of results"])


def outside(out: Path) -> Iterator[Path]:
    """All that lies up to two folders above `out`, but not in it."""
    return (path for path in out.parents[1].rglob("*") if not path.is_relative_to(out))


def found_in(text: str, *acting: str) -> list[str]:
    """What stands in `text`, of all that acts."""
    return [each for each in acting if each in text]
