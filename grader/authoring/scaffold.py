"""`grader new`: an assignment of one's own, complete enough to be run at once, and full of lines to change.

Its notebooks are written as text: cells are set apart by `# %%`, those of prose by `# %% [markdown]`.
"""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from grader.core.errors import Infrastructure, UsageError
from grader.course.course import Course
from grader.course.dataset import (
    JPEG,
    OWN_DIGESTS,
    Dataset,
    Naming,
    SplitManifest,
    import_photographs,
    with_own_digests,
)

TEMPLATES = Path(__file__).resolve().parent / "templates"
TRAIN, JUDGED = ("train", "training"), ("test", "validation", "valid", "val")
SIZE = 64  # pixels, of the images in the notebooks that are written
_MARK = re.compile(r"^# %%(?P<prose> \[markdown\])?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class NewAssignment:
    """A new assignment: its id and title, and the dataset or the folder of images that it is about."""

    id: str
    title: str = ""
    dataset: str = "mnist"
    images: Path | None = None


def new_assignment(wanted: NewAssignment, root: Path, *, data_root: Path) -> list[Path]:
    """Write the assignment below the course `root`; the files written. Raises UsageError, DataError, Infrastructure.

    A folder of images, <split>/<class>/<image>, is copied to `data_root` and becomes a dataset called after the assignment.
    """
    _require_free(wanted, root)
    try:
        (root / "assignments").mkdir(parents=True, exist_ok=True)
        course = Course.at(root)
        written: list[Path] = []
        if wanted.images is not None:
            dataset, manifest = _take_in(wanted, root, data_root)
            written.append(manifest)
        else:
            dataset = course.dataset(wanted.dataset)
        written += _write_files(wanted, dataset, root)
    except OSError as error:
        raise Infrastructure(f"{error.filename or root}: could not be written ({error.strerror}).") from None
    return written


def _require_free(wanted: NewAssignment, root: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", wanted.id):
        raise UsageError(
            f"`{wanted.id}` can't be the id of an assignment.", "Use small letters, digits and hyphens, a letter first."
        )
    for there in (root / "assignments" / wanted.id, root / "reference" / wanted.id):
        if there.exists():
            raise UsageError(f"{there} is there already.", "Choose another id, or remove it.")


def _take_in(wanted: NewAssignment, root: Path, data_root: Path) -> tuple[Dataset, Path]:
    """The folder of images as a dataset of the course: its data below `data_root`, its manifest below `root`."""
    assert wanted.images is not None
    manifest = root / "datasets" / wanted.id / "dataset.toml"
    if manifest.exists():
        raise UsageError(f"{manifest} is there already.", "Choose another id, or remove it.")
    splits = {"train": _subfolder(wanted.images, TRAIN), "test": _subfolder(wanted.images, JUDGED)}
    classes = _class_names(wanted.images, splits)
    blank = {name: SplitManifest(count=1, images="", labels="", folder=name) for name in splits}
    told = {
        "id": wanted.id, "schema": 1, "title": wanted.title or wanted.id, "classes": classes, "kind": "photographs",
        "source": f"the folder {wanted.images.resolve().name}", "judged": "test", "judged_title": "the test images",
        "split": blank,
    }  # fmt: skip
    dataset = Dataset.model_validate(told)
    data_root.mkdir(parents=True, exist_ok=True)
    target = data_root / wanted.id
    counts = import_photographs(dataset, wanted.images, target, Naming(splits=splits))
    split = with_own_digests(dataset, target).split
    (target / OWN_DIGESTS).unlink()  # the manifest holds them from now on
    title = f"the {counts['test']:,} test images of {wanted.id}"
    dataset = dataset.model_copy(update={"split": split, "judged_title": title})
    manifest.parent.mkdir(parents=True)
    manifest.write_text(_manifest_text(dataset), encoding="utf-8")
    return dataset, manifest


def _subfolder(images: Path, names: tuple[str, ...]) -> str:
    found = next((name for name in names if (images / name).is_dir()), None)
    if found is None:
        raise UsageError(
            f"{images}: holds none of the folders {', '.join(names)}.",
            "Sort the images into train/<class>/ and test/<class>/.",
        )
    return found


def _class_names(images: Path, splits: Mapping[str, str]) -> tuple[str, ...]:
    """The classes, by the training folder's names; every split must have the same."""
    named = {
        split: tuple(sorted(path.name for path in (images / folder).iterdir() if _holds_images(path)))
        for split, folder in splits.items()
    }
    if named["train"] != named["test"] or len(named["train"]) < 2:
        raise UsageError(
            f"{images}: the classes are {', '.join(named['train']) or 'none'} for training and "
            f"{', '.join(named['test']) or 'none'} for testing.",
            "Both need the same folders, at least two, with images in each.",
        )
    return named["train"]


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(item.suffix.lower() in JPEG for item in path.iterdir())


def _manifest_text(dataset: Dataset) -> str:
    lines = [
        f"# Images of {len(dataset.classes)} classes. The data itself lies in a data folder (--data), never here.",
        "schema = 1",
        f"title = {_quoted(dataset.title)}",
        f"source = {_quoted(dataset.source)}",
        'kind = "photographs"',
        f"classes = [{', '.join(_quoted(name) for name in dataset.classes)}]",
        f'judged = "{dataset.judged}"',
        f"judged_title = {_quoted(dataset.judged_title)}",
    ]
    for name, split in dataset.split.items():
        lines += [
            "", f"[split.{name}]", f"count = {split.count}", f'folder = "{split.folder}"', f'images = "{split.images}"',
            f'labels = "{split.labels}"',
        ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    return text


def _quoted(text: str) -> str:
    escaped = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return f'"{escaped}"'


def _write_files(wanted: NewAssignment, dataset: Dataset, root: Path) -> list[Path]:
    words = _words(wanted, dataset)
    form = "folder" if dataset.kind == "photographs" else "mnist"
    home, reference = root / "assignments" / wanted.id, root / "reference" / wanted.id
    texts = {
        home / "assignment.toml": _filled("assignment.toml", words),
        home / "checks.py": _filled("checks.py", words),
        home / "README.md": _filled("README.md", words),
        home / "starter.ipynb": notebook_of(_filled(f"starter-{form}.py", words)),
        home / f"test_{wanted.id.replace('-', '_')}.py": _filled("test_assignment.py", words),
        reference / "solution.ipynb": notebook_of(_filled(f"solution-{form}.py", words)),
    }
    for folder in (home, reference):
        folder.mkdir(parents=True)
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError:
        for folder in (home, reference):  # nothing half there, which would be in the way of the next try
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return list(texts)


def _filled(name: str, words: Mapping[str, str]) -> str:
    return Template((TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")).substitute(words)


def _words(wanted: NewAssignment, dataset: Dataset) -> dict[str, str]:
    folder = dataset.kind == "photographs"
    count = len(dataset.classes)
    low, high = (0.70, 0.80) if folder else (0.97, 0.985)
    title = re.sub(r'["\\\r\n]', " ", wanted.title or wanted.id.replace("-", " ").capitalize()).strip()
    data = (
        "Folders of images, a class each: `dataset/train/<class>/` and `dataset/test/<class>/`. While your work is graded "
        "the folder `dataset/test` holds stand-ins; the images that decide never come near your code."
        if folder
        else "MNIST, by `keras.datasets.mnist.load_data()`, which works offline while your notebook is graded."
    )
    return {
        "id": wanted.id,
        "title": title,
        "dataset": dataset.id,
        "size": str(SIZE),
        "low": f"{low:g}",
        "high": f"{high:g}",
        "low_percent": f"{100 * low:g} %",
        "high_percent": f"{100 * high:g} %",
        "shapes": "[[-1, -1, 3], [-1, -1, 1]]" if folder else "[[28, 28, 1]]",
        "shape_title": "The input is one image, RGB or grey, of any size" if folder else "The input is one image",
        "shape_words": "RGB or grey, of any size" if folder else "28 x 28 pixels, one channel",
        "units": "[1, 2]" if count == 2 else f"[{count}]",
        "units_words": "1 unit with sigmoid, or 2 with softmax" if count == 2 else f"{count} units with softmax",
        "classes_words": _listed(dataset.classes),
        "data_words": data,
    }


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= 12 else f"{len(names)} classes"


def course_folder(given: Path | None) -> Path:
    """The course that a new assignment goes to: the one named, else the folder one is in. Raises UsageError."""
    if given is not None:
        return given
    here = Path(os.curdir).resolve()
    if (here / "assignments").is_dir():
        return here
    raise UsageError(
        f"{here} is not a course: it has no folder `assignments`.",
        "Name the course's folder with --course DIR; a new one is made if it is not there.",
    )


def notebook_of(text: str) -> str:
    """The notebook (nbformat 4.5, as JSON) that `text` describes; what stands before the first mark is left out."""
    marks = list(_MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    cells = [
        _cell(number, text[mark.end() : end].strip("\n"), prose=mark["prose"] is not None)
        for number, (mark, end) in enumerate(zip(marks, ends, strict=True), 1)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    plain = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, source: str, *, prose: bool) -> dict[str, object]:
    shared = {"id": f"cell-{number}", "metadata": {}}
    if prose:
        plain = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.splitlines())
        return {**shared, "cell_type": "markdown", "source": plain.splitlines(keepends=True)}
    code = source.splitlines(keepends=True)
    return {**shared, "cell_type": "code", "execution_count": None, "outputs": [], "source": code}
