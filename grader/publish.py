"""Writes results for people and machines: a student's folder, the class page, the gradebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from grader.attempts import EVIDENCE_FOLDER as EVIDENCE_FOLDER
from grader.attempts import load_outputs
from grader.course import Course
from grader.evidence import Evidence
from grader.exports.plain_csv import write_gradebook
from grader.grades import Grade
from grader.intake import safe_name
from grader.report.html import class_page, has_key, page_key, student_page
from grader.report.mistakes import Judged, Mistake, find_mistakes
from grader.results import Flag, Result
from grader.rubric import Rubric
from grader.store import save_result
from grader.workspace import write_json, write_whole

REPORT, INDEX, GRADEBOOK, BATCH = "report.html", "index.html", "gradebook.csv", "batch.json"
LONG_PARTS = {"checks", "versions", "compared", "functions"}


@dataclass(frozen=True, kw_only=True)
class Order:
    """Where results go, and how: `earlier` holds results of another exercise to be better than."""

    out: Path
    course: Course
    earlier: Path | None = None
    rerun: bool = False


def student_folder(out: Path, student: str) -> Path:
    """The folder of one student below `out`."""
    return out / safe_name(student)


def publish_student(out: Path, result: Result, evidence: Evidence | None, rubric: Rubric, course: Course) -> Path:
    """Write `result.json` and `report.html`; the report's path. Raises Infrastructure."""
    folder = student_folder(out, result.student)
    templates, limits = course.report_templates() / "templates", rubric.assignment.run
    language = rubric.assignment.report.language
    key = page_key(
        result, evidence, templates=templates, classes=rubric.classes, limits=limits, mistakes=rubric.images is not None,
        language=language,
    )  # fmt: skip
    if not has_key(folder / REPORT, key):
        page = student_page(
            result, evidence, templates=templates, classes=rubric.classes, limits=limits, language=language,
            mistakes=_mistakes(folder, evidence, rubric), key=key,
        )  # fmt: skip
        write_whole(folder / REPORT, page)
    save_result(folder, result)
    return folder / REPORT


def _mistakes(folder: Path, evidence: Evidence | None, rubric: Rubric) -> tuple[Mistake, ...]:
    """What the page may show of the judged images, by the predictions that are stored."""
    judgement = evidence.facts.judgement if evidence else None
    if judgement is None or judgement.predictions is None or rubric.images is None or rubric.labels is None:
        return ()
    outputs = load_outputs(folder, judgement.predictions)
    if outputs is None:
        return ()
    judged = Judged(outputs=outputs, labels=rubric.labels, images=rubric.images)
    return find_mistakes(judged, judgement.architecture, rubric.classes)


def publish_class(
    out: Path, results: Sequence[Result], rubric: Rubric, course: Course, *, grades: Mapping[str, Grade] | None = None
) -> Path:
    """Write `index.html`, `gradebook.csv` and `batch.json`; the index' path. Raises Infrastructure.

    `grades`: what the gradebook gives each student, by name. Page and CSV show it; `batch.json` is what the rubric says.
    """
    names = [result.student for result in results]
    ordered = [results[place] for place in sorted(range(len(names)), key=lambda place: names[place].casefold())]
    shown = [with_grade(result, (grades or {}).get(result.student)) for result in ordered]
    links = {name: f"{quote(safe_name(name))}/{REPORT}" for name in names}
    templates = course.report_templates() / "templates"
    write_whole(out / GRADEBOOK, write_gradebook(shown))
    write_json(out / BATCH, [result.model_dump(mode="json", by_alias=True, exclude=LONG_PARTS) for result in ordered])
    page = class_page(
        shown, title=rubric.assignment.title, links=links, templates=templates,
        language=rubric.assignment.report.language,
    )  # fmt: skip
    write_whole(out / INDEX, page)
    return out / INDEX


def with_grade(result: Result, grade: Grade | None) -> Result:
    """A result with the points that the student gets: after lateness, and as a person decided; why is among its flags."""
    if grade is None:
        return result
    flags = list(result.flags)
    if grade.penalty is not None and grade.penalty.points:
        flags.append(Flag(kind="late", reason=grade.penalty.words))
    if grade.override is not None:
        kind = "excused" if grade.excused else "override"
        flags.append(Flag(kind=kind, reason=f"{grade.override.reason} ({grade.override.author})"))
    points = result.points if grade.points is None else grade.points
    return result.model_copy(update={"points": points, "passed": grade.passed, "flags": tuple(flags)})
