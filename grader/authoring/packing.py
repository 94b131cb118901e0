"""What the zips that `grader` packs have in common: the same content makes the same bytes."""

import zipfile
from collections.abc import Set
from pathlib import Path

from grader.core.course_rules import FILE, SCHEMA
from grader.course.course import Course
from grader.marking.rubric_file import write_toml

STAMP = (2026, 1, 1, 0, 0, 0)
LEFT_OUT = frozenset({"__pycache__", "content"})


def add_file(archive: zipfile.ZipFile, name: str, content: bytes, *, executable: bool = False) -> None:
    """Add a file that everybody may read, with a time of its own that never changes."""
    entry = zipfile.ZipInfo(name, STAMP)
    entry.external_attr = (0o755 if executable else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def packages_file(course: Course) -> dict[str, bytes]:
    """A `course.toml` with what the course adds to Python, and nothing of its grades; none where it adds nothing."""
    rules = course.rules()
    if rules is None or not rules.environment.packages:
        return {}
    environment = rules.environment.model_dump(mode="json")
    told = {"schema": SCHEMA, "title": rules.title, "language": rules.language, "environment": environment}
    return {FILE: write_toml(told).encode()}


def files_below(name: str, folder: Path, left_out: Set[str] = LEFT_OUT) -> list[tuple[str, Path]]:
    """The files of `folder` with their names in the zip, below `name`; no part of a path is one of `left_out`."""
    inside = [(path, path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(f"{name}/{inner.as_posix()}", path) for path, inner in inside if not left_out & set(inner.parts)]
