"""The gallery: reports of real runs, rendered from small records that lie in `docs/records/`. No data is needed.

    python docs/gallery.py render docs/gallery               # `make gallery`
    python docs/gallery.py collect class exercise1 out/demo  # keep the runs of a batch as a record; needs the data

A record holds what a page is made of: results, evidence and the thumbnails of mistakes. Figures that show photographs of a
dataset are left out of it, because data is never put into the repository.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.core.evidence import Claims, Evidence  # noqa: E402
from grader.core.results import Result  # noqa: E402
from grader.core.store import load_result  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.course.rubric import Rubric, open_rubric  # noqa: E402
from grader.intake import safe_name  # noqa: E402
from grader.marking.accuracy_to_beat import compare  # noqa: E402
from grader.marking.mark import mark_attempts  # noqa: E402
from grader.marking.repeated_runs import counted_run, load_attempts, load_outputs  # noqa: E402
from grader.pages.accuracy import JudgedImages, Mistake, find_mistakes  # noqa: E402
from grader.pages.cells import Picture  # noqa: E402
from grader.pages.html import class_page, student_page  # noqa: E402
from tests.pages.classes import a_class  # noqa: E402

RECORDS = ROOT / "docs" / "records"
HEAVY = 150_000  # characters of base64: plots weigh less, photographs more
LEFT_OUT = "A figure with photographs, which the gallery leaves out."


def main() -> None:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    render = commands.add_parser("render", help="write the pages")
    render.add_argument("into", type=Path)
    render.set_defaults(run=lambda words: render_gallery(words.into))
    collect = commands.add_parser("collect", help="keep the runs of a batch as a record")
    collect.add_argument("record", help="the record's name")
    collect.add_argument("assignment")
    collect.add_argument("folder", type=Path, help="the --out folder of the batch")
    collect.add_argument("--data", type=Path)
    collect.add_argument("--only", action="append", metavar="FOLDER=NAME", help="this student alone, under this name")
    collect.set_defaults(run=lambda words: collect_record(words))
    words = parser.parse_args()
    words.run(words)


def render_gallery(into: Path) -> None:
    """All records as pages below `into`, and a class of five hundred that was made up."""
    course = Course.at(ROOT)
    templates = course.report_templates() / "templates"
    for path in sorted(RECORDS.glob("*.json.gz")):
        record = json.loads(gzip.decompress(path.read_bytes()))
        write_record(into / path.name.removesuffix(".json.gz"), record, course, templates)
    students = a_class(500)
    title = "A class of 500 (made up, to show the page)"
    write(into / "five-hundred" / "index.html", class_page(students, title=title, links={}, templates=templates))


def write_record(folder: Path, record: dict[str, Any], course: Course, templates: Path) -> None:
    """The pages of one record: each student's, and the class' where there is more than one."""
    assignment = course.assignment(record["assignment"])
    classes = course.dataset(assignment.dataset).classes if assignment.dataset else ()
    results, links = [], {}
    for student in record["students"]:
        result = Result.model_validate(student["result"])
        evidence = Evidence.model_validate(student["evidence"]) if student["evidence"] else None
        page = student_page(
            result, evidence, templates=templates, classes=classes, limits=assignment.run,
            mistakes=tuple(map(a_mistake, student["mistakes"])),
        )  # fmt: skip
        name = f"{safe_name(result.student)}.html" if len(record["students"]) > 1 else "report.html"
        write(folder / name, page)
        results.append(result)
        links[result.student] = name
    if len(results) > 1:
        write(folder / "index.html", class_page(results, title=assignment.title, links=links, templates=templates))


def collect_record(words: argparse.Namespace) -> None:
    """Mark stored runs by today's rubric and keep what their pages are made of."""
    course = Course.at(ROOT)
    rubric = open_rubric(course, words.assignment, words.data)
    only = dict(word.split("=", 1) for word in words.only or [])
    students = []
    for folder in sorted(path for path in words.folder.iterdir() if path.is_dir()):
        if only and folder.name not in only:
            continue
        student = a_student(folder, rubric, course, only.get(folder.name))
        students += [student] if student else []
    path = RECORDS / f"{words.record}.json.gz"
    packed = json.dumps({"assignment": words.assignment, "students": students}, ensure_ascii=False, sort_keys=True)
    path.write_bytes(gzip.compress(packed.encode("utf-8"), 9, mtime=0))
    sys.stdout.write(f"{path}: {len(students)} students, {path.stat().st_size:,} bytes\n")


def a_student(folder: Path, rubric: Rubric, course: Course, name: str | None) -> dict[str, Any] | None:
    """What one student's page is made of; None where there is no result."""
    result = load_result(folder)
    if result is None:
        return None
    evidence, mistakes = None, ()
    if (folder / "evidence" / "evidence.json").is_file():
        runs = load_attempts(folder)
        compared = compare(rubric, student=result.student, earlier=None, course=course)
        result = mark_attempts(runs, rubric, compared)
        evidence = counted_run(runs, result).evidence
        mistakes = the_mistakes(folder, evidence, rubric)
        evidence = without_photographs(evidence)
    if name:
        result = result.model_copy(update={"student": name})
    return {
        "result": result.model_dump(mode="json", by_alias=True),
        "evidence": evidence.model_dump(mode="json", by_alias=True) if evidence else None,
        "mistakes": [
            {"base64": m.picture.base64, "width": m.picture.width, "height": m.picture.height, "kind": m.picture.kind,
             "true": m.true, "called": m.called, "sure": m.sure}
            for m in mistakes
        ],
    }  # fmt: skip


def the_mistakes(folder: Path, evidence: Evidence, rubric: Rubric) -> tuple[Mistake, ...]:
    """Thumbnails of digits; photographs stay where they are."""
    judgement = evidence.facts.judgement
    if rubric.images is None or rubric.labels is None or rubric.dataset_id == "pets" or judgement.predictions is None:
        return ()
    outputs = load_outputs(folder, judgement.predictions)
    if outputs is None:
        return ()
    judged = JudgedImages(outputs=outputs, labels=rubric.labels, images=rubric.images)
    return find_mistakes(judged, judgement.architecture, rubric.classes)


def a_mistake(kept: dict[str, Any]) -> Mistake:
    """A mistake as it was kept."""
    picture = Picture(kept["base64"], kept["width"], kept["height"], kept["kind"])
    return Mistake(picture, kept["true"], kept["called"], kept["sure"])


def without_photographs(evidence: Evidence) -> Evidence:
    """Evidence without figures as heavy as photographs are."""
    cells = tuple(
        cell.model_copy(
            update={
                "outputs": tuple(
                    output.model_copy(update={"png": None, "text": LEFT_OUT})
                    if len(output.png or "") > HEAVY
                    else output
                    for output in cell.outputs
                )
            }
        )
        for cell in evidence.claims.cells
    )
    claims: Claims = evidence.claims.model_copy(update={"cells": cells})
    return evidence.model_copy(update={"claims": claims})


def write(path: Path, page: str) -> None:
    """Write a page, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
