"""`grader data import`: takes an instructor's own folder of photographs in and writes its digests."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from grader.data.load import JPEG, OWN_DIGESTS, UNREADABLE, list_photographs, read_photograph
from grader.dataset import Dataset, digest_images, digest_labels
from grader.errors import DataError, UsageError


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How the folder's own names map to the manifest's: split name to folder, class name to folder."""

    splits: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)


def import_photographs(dataset: Dataset, source: Path, target: Path, naming: Naming) -> dict[str, int]:
    """Copy SOURCE/<split>/<class>/* to `target` under the manifest's names, with digests; counts by split.

    Raises UsageError for folders that aren't there, DataError for a file that is no photograph (nothing is kept then).
    """
    if dataset.kind != "photographs":
        raise UsageError(f"`{dataset.id}` is not a collection of photographs.", "Only such datasets can be imported.")
    _check_names(dataset, naming)
    if target.exists():
        raise UsageError(f"{target} is there already.", "Remove it first, or import to another place with --into.")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _copy(dataset, source, partial, naming)
        counts = _write_digests(dataset, partial, origin=source.resolve().name)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return counts


def _check_names(dataset: Dataset, naming: Naming) -> None:
    for given, known, what in ((naming.splits, dataset.split, "split"), (naming.classes, dataset.classes, "class")):
        for name in given:
            if name not in known:
                raise UsageError(f"`{dataset.id}` has no {what} `{name}`.", f"There is: {', '.join(known)}.")


def _copy(dataset: Dataset, source: Path, target: Path, naming: Naming) -> None:
    for split, manifest in dataset.split.items():
        for name in dataset.classes:
            origin = source / naming.splits.get(split, manifest.folder) / naming.classes.get(name, name)
            if not origin.is_dir():
                raise UsageError(
                    f"{origin}: there is no such folder.",
                    f"Say which folder it is with --class {name}=FOLDER and --split {split}=FOLDER.",
                )
            files = [path for path in sorted(origin.iterdir()) if path.suffix.lower() in JPEG and path.is_file()]
            if not files:
                raise UsageError(f"{origin}: there is no photograph in it.", f"Taken are: {', '.join(sorted(JPEG))}.")
            folder = target / manifest.folder / name
            folder.mkdir(parents=True)
            for path in files:
                try:
                    shutil.copyfile(path, folder / path.name)
                except OSError as error:
                    raise DataError(f"{path}: could not be copied ({error.strerror}).", "Import again.") from None


def _write_digests(dataset: Dataset, folder: Path, *, origin: str) -> dict[str, int]:
    lines = [
        "# Written by `grader data import`: what this folder held when it was taken in.",
        f"origin = {_toml(origin)}",
    ]
    counts = {}
    for split, manifest in dataset.split.items():
        listed = list_photographs(dataset, folder / manifest.folder)
        images = []
        for path, _ in listed:
            try:
                images.append(read_photograph(path))
            except UNREADABLE:
                raise DataError(
                    f"{path.name} (split `{split}`) is no photograph.", "Remove it and import again."
                ) from None
        counts[split] = len(listed)
        lines += [
            "",
            f"[split.{split}]",
            f"count = {len(listed)}",
            f"folder = {_toml(manifest.folder)}",
            f"images = {_toml(digest_images(images))}",
            f"labels = {_toml(digest_labels(np.array([label for _, label in listed], np.int64)))}",
        ]
    (folder / OWN_DIGESTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return counts


def _toml(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode("utf-8")  # a folder's name need not be UTF-8
    escaped = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in plain)
    return f'"{escaped}"'
