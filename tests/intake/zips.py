"""Builds the zips and folders that students and learning platforms hand over."""

import io
import warnings
import zipfile
from pathlib import Path

from grader.core.errors import SubmissionError, UsageError
from grader.intake import Entry, OpenedClass, open_class, read_entry


def zip_of(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these names (or entries) and bytes, in their order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, data in members:
            archive.writestr(name, data)
    return packed.getvalue()


NOTEBOOK = b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "a = 1"}]}'


def another_notebook(source: str) -> bytes:
    """A notebook of one cell."""
    return NOTEBOOK.replace(b"a = 1", source.encode())


def write_zip(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    """A zip on disk."""
    path.write_bytes(zip_of(*members))
    return path


def write_tree(folder: Path, *members: tuple[str, bytes]) -> Path:
    """The same files unpacked."""
    for name, data in members:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def opened(
    source: Path, *, assignment: str = "exercise1", roster: str | None = None, as_: str | None = None
) -> OpenedClass:
    """The class in `source`, with a workspace beside it and a roster of this text."""
    workspace = source.parent / f"{source.name} workspace"
    workspace.mkdir()
    listed = None
    if roster is not None:
        listed = source.parent / f"{source.name} roster.csv"
        listed.write_text(roster, encoding="utf-8")
    return open_class(source, assignment=assignment, workspace=workspace, roster=listed, as_=as_)


def both_ways(
    tmp_path: Path, *members: tuple[str, bytes], roster: str | None = None, as_: str | None = None
) -> OpenedClass:
    """The class of a download, which as a zip and unpacked must be the same but for dates and places."""
    zipped = opened(write_zip(tmp_path / "download.zip", *members), roster=roster, as_=as_)
    unpacked = opened(write_tree(tmp_path / "download", *members), roster=roster, as_=as_)
    assert list(map(told, zipped.entries)) == list(map(told, unpacked.entries))
    assert zipped.form == unpacked.form
    return zipped


def told(entry: Entry) -> tuple[object, ...]:
    """A row as people see it: who, file, problem, the code that is graded, its files and notes."""
    row = (entry.who, entry.file, entry.late, entry.extension, entry.handed_in, entry.members)
    try:
        found = read_entry(entry, assignment="exercise1")
    except (SubmissionError, UsageError) as error:
        return (*row, error.message, error.remedy)
    return (*row, found.script, dict(found.files), found.sha256, found.notes)


def row_of(found: OpenedClass, student: str) -> Entry:
    """The row of a student."""
    return next(entry for entry in found.entries if entry.student == student)


def graded(entry: Entry) -> str:
    """The name of the file that is graded."""
    return read_entry(entry, assignment="exercise1").script.name


def problem(entry: Entry) -> str:
    """Why a row can't be read, whether that was seen in listing or in reading it."""
    try:
        read_entry(entry, assignment="exercise1")
    except (SubmissionError, UsageError) as error:
        assert error.remedy or not entry.handed_in
        return error.message
    raise AssertionError(f"{entry.student} can be read")
