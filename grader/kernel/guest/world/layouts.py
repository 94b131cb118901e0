"""The served photographs under the layouts that notebooks expect: trees of symbolic links, archives, made when needed.

Below one folder of the sandbox' own: nothing is copied but into archives, and a notebook may remove or move a link
without harm to what is served.
"""

import os
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from grader.kernel.guest.world.roles import MOST_NUMBER, PICTURES, Layout, Split, Wanted

# The first number of a class in each split, as the collections of these names have it.
NUMBERED: Mapping[Layout, Mapping[Split, int]] = {
    "plain": {"train": 0, "validation": 1000, "test": 1000},
    "sets": {"train": 1, "validation": 4001, "test": 4001},
    "small": {"train": 0, "validation": 1000, "test": 1500},
    "filtered": {"train": 0, "validation": 2000},
}
PLURAL: tuple[Layout, ...] = ("sets", "small", "filtered")  # in which the folder of a cat is `cats`
Pool = list[list[str]]  # files of each class


class Layouts:
    """Knows the photographs in `served` (train and test, a folder a class) and builds layouts of them below `folder`."""

    def __init__(self, served: Path, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self.classes = tuple(sorted(entry.name for entry in os.scandir(served / "train") if entry.is_dir()))
        self._train = [_files(served / "train" / name) for name in self.classes]
        self._test = [_files(served / "test" / name) for name in self.classes]

    def pool(self, split: Split | None) -> Pool:
        """The photographs of a split: validation and test are the same ones."""
        return self._test if split in ("validation", "test") else self._train

    def photograph(self, wanted: Wanted) -> str | None:
        """The file that stands for one photograph; None for a number that no collection has."""
        number = wanted.number or 0
        if number > MOST_NUMBER * len(self.classes):
            return None
        pool = self.pool(wanted.split)
        if wanted.label is None:
            mixed = [path for group in zip(*pool, strict=False) for path in group]
            return mixed[number % len(mixed)] if mixed else None
        files = pool[wanted.label]
        if wanted.flat and wanted.split in (None, "train") and len(files) <= number < 2 * len(files):
            files = self._test[wanted.label] or files  # what is split off `train/cat.N.jpg` by hand, to test with
        return files[number % len(files)] if files else None

    def directory(self, wanted: Wanted, *, flat: bool) -> str:
        """The folder that stands for the one that was wanted; `flat`: its photographs lie side by side."""
        if wanted.label is not None:
            root, split = self._class_tree(wanted)
            return str(root / split / self._name(wanted.layout, wanted.label))
        if wanted.layout == "petimages" and wanted.split is None:
            return str(self.petimages())
        if flat and wanted.split in (None, "train"):
            return str(self.kaggle() / "train")
        if flat:
            return str(self.kaggle() / "test1" if wanted.layout == "kaggle" else self.side_by_side(wanted))
        if wanted.layout == "kaggle" and wanted.split is None:
            return str(self.kaggle())
        if wanted.split is None:
            return str(self.tree(wanted.layout if wanted.layout in NUMBERED else "plain"))
        root, split = self._class_tree(wanted)
        return str(root / split)

    def tree(self, layout: Layout) -> Path:
        """`train`, `validation` and `test`, a folder a class in each."""
        root = self.folder / _title(layout)
        with self._building(root) as partial:
            for split, first in NUMBERED[layout].items():
                for label, files in enumerate(self.pool(split) if partial else ()):
                    _link(partial, f"{split}/{self._name(layout, label)}", self._numbered(label, files, first))
        return root

    def petimages(self) -> Path:
        """A folder a class with `N.jpg`, the training photographs alone."""
        root = self.folder / "PetImages"
        with self._building(root) as partial:
            for label, files in enumerate(self._train) if partial else ():
                named = {f"{number}{_suffix(path)}": path for number, path in enumerate(files)}
                _link(partial, self._name("petimages", label), named)
        return root

    def kaggle(self) -> Path:
        """`train/cat.N.jpg` and, without classes, `test1/N.jpg`."""
        root = self.folder / "dogs-vs-cats"
        with self._building(root) as partial:
            if partial:
                for label, files in enumerate(self._train):
                    _link(partial, "train", self._numbered(label, files, 0))
                mixed = [path for group in zip(*self._test, strict=False) for path in group]
                _link(partial, "test1", {f"{number}{_suffix(path)}": path for number, path in enumerate(mixed, 1)})
        return root

    def side_by_side(self, wanted: Wanted) -> Path:
        """`validation/cat.N.jpg`, for code that reads classes off names: without them every photograph is a dog's."""
        split = wanted.split or "train"
        root = self.folder / "flat" / split
        with self._building(root) as partial:
            for label, files in enumerate(self.pool(split) if partial else ()):
                _link(partial, "", self._numbered(label, files, NUMBERED["plain"][split]))
        return root

    @contextmanager
    def _building(self, root: Path) -> Iterator[Path | None]:
        """A folder to build `root` in, which then appears at once; None where it is there: Keras lists in threads."""
        with self._lock:
            if root.is_dir():
                yield None
                return
            partial = root.with_name(f"{root.name}.partial")
            partial.mkdir(parents=True)
            yield partial
            partial.rename(root)

    def archive(self, wanted: Wanted) -> str:
        """The path of an archive with the layout that its name promises."""
        path = self.folder / "archives" / re.sub(r"[^\w.-]", "_", wanted.name)
        with self._lock:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f"{path.name}.partial")
                with zipfile.ZipFile(partial, "w") as archive:  # stored: photographs are packed already
                    for inside, source in self._archived(wanted):
                        archive.write(source, inside)
                partial.rename(path)
        return str(path)

    def _archived(self, wanted: Wanted) -> Iterator[tuple[str, str]]:
        """What lies in an archive: name inside, and file."""
        if wanted.layout == "kaggle" and wanted.split is None:
            for name, split in (("train.zip", "train"), ("test1.zip", "test")):
                sheet = Wanted(kind="archive", layout="kaggle", split=split, name=name)  # type: ignore[arg-type]
                yield name, self.archive(sheet)
            return
        if wanted.split is not None and wanted.label is None and wanted.layout in ("kaggle", "plain", "sets"):
            name = "train" if wanted.split == "train" else wanted.name.rpartition(".")[0]
            yield from _walk(Path(self.directory(replace(wanted, layout="kaggle"), flat=True)), name)
            return
        top = {"petimages": "PetImages"}.get(wanted.layout, wanted.name.rpartition(".")[0])
        yield from _walk(Path(self.directory(wanted, flat=False)), top)

    def _class_tree(self, wanted: Wanted) -> tuple[Path, str]:
        """The root and the split of the tree that holds the wanted class."""
        if wanted.layout == "petimages" and wanted.split in (None, "train"):
            return self.petimages(), ""
        layout: Layout = wanted.layout if wanted.layout in NUMBERED else "plain"
        split: Split = wanted.split or "train"
        if split not in NUMBERED[layout]:
            split = "validation"
        return self.tree(layout), split

    def _name(self, layout: Layout, label: int) -> str:
        name = self.classes[label]
        return name.capitalize() if layout == "petimages" else f"{name}s" if layout in PLURAL else name

    def _numbered(self, label: int, files: list[str], first: int) -> dict[str, str]:
        name = self.classes[label]
        return {f"{name}.{number}{_suffix(path)}": path for number, path in enumerate(files, first)}


def _link(root: Path | None, below: str, named: Mapping[str, str]) -> None:
    if root is None:
        return
    folder = root / below
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in named.items():
        os.symlink(path, folder / name)  # noqa: PTH211 - three thousand at a time: Path costs twice as much


def _files(folder: Path) -> list[str]:
    """The photographs in a folder, by number and name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = [entry.path for entry in os.scandir(folder) if Path(entry.name).suffix.lower() in PICTURES]
    return sorted(found, key=lambda path: ([int(part) for part in re.findall(r"\d+", Path(path).name)], path))


def _walk(folder: Path, top: str) -> Iterator[tuple[str, str]]:
    for place, _, names in sorted(os.walk(folder)):
        inside = Path(top, Path(place).relative_to(folder))
        yield from ((str(inside / name), str(Path(place, name))) for name in sorted(names))


def _suffix(path: str) -> str:
    return Path(path).suffix


def _title(layout: Layout) -> str:
    return {"small": "cats_and_dogs_small", "filtered": "cats_and_dogs_filtered"}.get(layout, layout)
