"""What a path asks for, and the folders, archives and files that stand in for it, made of what is served.

A notebook names the photographs as they lay on its author's computer: `/content/drive/MyDrive/gatti/train`,
`C:\\data\\PetImages\\Cat\\12.jpg`, `../input/dogs-vs-cats/train/cat.7.jpg`. `read_path` reads that off the words, the
nearest to the end first, and looks at no file. `Layouts` makes trees of symbolic links and archives below a folder of the
sandbox's own, so that a notebook may remove or move a link without harm to what is served; `Digits` makes IDX, CSV and NPY
files of MNIST.
"""

import gzip
import os
import re
import struct
import threading
import tomllib
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Split = Literal["train", "validation", "test"]
Layout = Literal["plain", "sets", "small", "filtered", "kaggle", "petimages"]
Kind = Literal["folder", "photograph", "archive", "other"]

WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
SPLITS: Mapping[str, Split] = {word: split for split, words in WORDS["splits"].items() for word in words}
SYNONYMS: Mapping[str, list[str]] = WORDS["classes"]
WRITTEN = set(WORDS["written"]["words"])
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
ARCHIVES = {".zip"}
KAGGLEHUB = "kagglehub"
MOST_NUMBER = 12_500  # of one class in the largest collection: loops that count until a file is missing must end
LONGEST = 4096
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
SETS = re.compile(r"(?:training|test)_set", re.IGNORECASE)  # whose classes are called cats and dogs
DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, kw_only=True)
class WantedData:
    """What a path asks for: `label` is a class index, `flat` says that the class stands in the file's name alone.

    `known`: the path says something about photographs at all; nothing but a listing is redirected otherwise.
    """

    kind: Kind
    layout: Layout
    split: Split | None = None
    label: int | None = None
    number: int | None = None
    flat: bool = False
    known: bool = False
    name: str = ""


def components(path: str) -> tuple[str, ...]:
    """The parts of a path of any system, without drive, `.` and what `..` takes back."""
    parts: list[str] = []
    for part in DRIVE.sub("", path[:LONGEST], count=1).replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def is_foreign(path: str) -> bool:
    """Whether a path is that of a Windows drive."""
    return DRIVE.match(path) is not None


def words_of(text: str) -> list[str]:
    """The words of a name, without accents and capitals: "ValidationSet2" is validation, set."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return [word.lower() for word in WORD.findall(plain)]


@lru_cache(maxsize=4096)
def read_path(path: str, classes: tuple[str, ...]) -> WantedData:
    """What `path` asks for, of photographs of `classes` (in the order of their indices). Never raises."""
    parts = components(path)
    if KAGGLEHUB in parts:  # its cache is where it downloads to, and not where a program writes
        parts = parts[parts.index(KAGGLEHUB) + 1 :]
    if not parts:
        return WantedData(kind="other", layout="plain")
    name = parts[-1]
    kind = _kind(name)
    written = any(set(words_of(part)) & WRITTEN for part in parts)
    if kind == "other" or written or any(part.startswith(".") for part in parts if part != ".layouts"):
        return WantedData(kind="other", layout="plain", name=name)
    split, label, flat, layout = _scan(parts, classes)
    number = re.findall(r"\d+", name) if kind == "photograph" else []
    return WantedData(
        kind=kind,
        layout=layout or "plain",
        split=split,
        label=label,
        number=int(number[-1][-9:]) if number else None,
        flat=kind == "photograph" and flat,
        known=split is not None or label is not None or layout is not None,
        name=name,
    )


def _kind(name: str) -> Kind:
    stem, dot, suffix = name.rpartition(".")
    suffix = f".{suffix.lower()}" if dot and stem else ""
    if suffix in PICTURES:
        return "photograph"
    if suffix in ARCHIVES:
        return "archive"
    return "folder" if not suffix or not suffix[1:].isalpha() or _both(name) else "other"


def _scan(parts: Sequence[str], classes: tuple[str, ...]) -> tuple[Split | None, int | None, bool, Layout | None]:
    """From the end: the first split and class, whether the last part alone names a class, and the collection.

    What stands above a collection's name says nothing about what is in it.
    """
    split: Split | None = None
    labels: list[tuple[int, int]] = []  # where, and which
    layout: Layout | None = None
    for index in range(len(parts) - 1, -1, -1):
        words = _apart(words_of(parts[index]), classes)
        split = split or next((SPLITS[word] for word in words if word in SPLITS), None)
        layout = _layout(parts[index], words)
        if layout is not None:
            break
        found = {number for number, kind in enumerate(classes) if set(words) & set(_names(kind))}
        if len(found) == 1:
            labels.append((index, found.pop()))
    flat = [index for index, _ in labels] == [len(parts) - 1]
    if layout in (None, "plain") and any(SETS.fullmatch(part) for part in parts):
        layout = "sets"
    return split, labels[0][1] if labels else None, flat, layout


def _apart(words: list[str], classes: tuple[str, ...]) -> list[str]:
    """`words`, with those like "traincats" taken apart."""
    names = {name for kind in classes for name in _names(kind)}
    out = []
    for word in words:
        cut = next((len(first) for first in SPLITS if word.startswith(first) and word[len(first) :] in names), 0)
        out += [word[:cut], word[cut:]] if cut else [word]
    return out


def _names(kind: str) -> list[str]:
    return SYNONYMS.get(kind, [kind.lower(), f"{kind.lower()}s"])


def _both(text: str) -> bool:
    """Whether a name is that of a collection of cats and dogs, in whatever language."""
    lower = text.lower()
    return all(any(word in lower for word in SYNONYMS[kind] if len(word) > 2) for kind in SYNONYMS)


def _layout(name: str, words: list[str]) -> Layout | None:
    """The layout of the collection that a component names; None where it names none."""
    part = name.lower()
    if "petimages" in part or "kagglecats" in part:
        return "petimages"
    if "pets" in words:
        return "plain"
    if not _both(part) or _kind(name) == "photograph":
        return None
    if "filtered" in part:
        return "filtered"
    if "small" in part:
        return "small"
    return "kaggle" if "vs" in part or "redux" in part or "kaggle" in part else "plain"


IDX = re.compile(r"(train|t10k|test)[-_. ]?(images|labels)[-_. ]?idx\d[-_. ]?ubyte(\.gz)?")
ARRAY = re.compile(r"(?:mnist_)?(?:([xy])_?(train|test)|(train|test)_?(x|y|images|labels))\.npy")
TABLES = {  # name -> split, with labels, the header of a pixel's column
    "mnist_train.csv": ("train", True, "rows"),
    "mnist_test.csv": ("test", True, "rows"),
    "train.csv": ("train", True, "pixels"),
    "test.csv": ("test", False, "pixels"),
}
OTHER = ("fashion", "kmnist", "emnist")
ROWS = 5_000  # of a table made at a time


def is_other(*names: str) -> bool:
    """Whether a path or an address is of another collection in the same containers."""
    return any(word in name.lower() for name in names for word in OTHER)


class Digits:
    """Finds the digits that a path asks for; what must be made is made once, below `folder`."""

    def __init__(self, npz: str, folder: Path) -> None:
        self._npz, self._folder = npz, folder

    def find(self, path: str) -> str | None:
        """The file that stands in for `path`; None where it asks for no digits. Fashion and the like are other data."""
        parts = components(path.partition("?")[0])
        name = parts[-1].lower() if parts else ""
        if not name or is_other(path):
            return None
        if name == "mnist.npz":
            return self._npz
        if found := IDX.fullmatch(name):
            split, what, packed = "train" if found[1] == "train" else "test", found[2], bool(found[3])
            return self._made(name, lambda: self._idx(split, what, packed=packed))
        if found := ARRAY.fullmatch(name):
            axis = found[1] or {"images": "x", "labels": "y"}.get(found[4], found[4])
            key = f"{axis}_{found[2] or found[3]}"
            return self._made(name, lambda: self._npy(key))
        if name in TABLES:
            return self._made(name, lambda: self._table(*TABLES[name]))
        return None

    def arrays(self) -> dict[str, Any]:
        """x_train (60000, 28, 28), y_train, x_test (10000, 28, 28), y_test, all uint8."""
        import numpy as np

        with np.load(self._npz) as file:
            return {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}

    def _made(self, name: str, make: Callable[[], bytes]) -> str:
        path = self._folder / name
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make())
        return str(path)

    def _idx(self, split: str, what: str, *, packed: bool) -> bytes:
        array = self.arrays()[f"{'x' if what == 'images' else 'y'}_{split}"]
        data: bytes = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
        return gzip.compress(data, 1) if packed else data

    def _npy(self, key: str) -> bytes:
        import io

        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, self.arrays()[key])
        return buffer.getvalue()

    def _table(self, split: str, labelled: bool, header: str) -> bytes:
        """A header, then a row an image: its label, if asked for, and its 784 pixels."""
        import numpy as np

        arrays = self.arrays()
        if header == "rows":
            names = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
        else:
            names = [f"pixel{number}" for number in range(784)]
        lines = [",".join([*(["label"] if labelled else []), *names]).encode() + b"\n"]
        values = arrays[f"x_{split}"].reshape(-1, 784)
        if labelled:
            values = np.concatenate([arrays[f"y_{split}"][:, None], values], axis=1)
        written = np.array([f"{value},".encode() for value in range(256)], "S4").view(np.uint8).reshape(256, 4)
        for first in range(0, len(values), ROWS):
            text = written[values[first : first + ROWS]]
            text[:, -1][text[:, -1] == ord(",")] = ord("\n")
            lines.append(text[text != 0].tobytes())
        return b"".join(lines)


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

    def mixed(self, split: Split | None) -> list[tuple[str, int]]:
        """The photographs of a split, each with its class, the classes in turn."""
        labelled = [[(path, label) for path in files] for label, files in enumerate(self.pool(split))]
        return [pair for group in zip(*labelled, strict=False) for pair in group]

    def photograph(self, wanted: WantedData) -> str | None:
        """The file that stands in for one photograph; None for a number that no collection has."""
        number = wanted.number or 0
        if number > MOST_NUMBER * len(self.classes):
            return None
        pool = self.pool(wanted.split)
        if wanted.label is None:
            mixed = self.mixed(wanted.split)
            return mixed[number % len(mixed)][0] if mixed else None
        files = pool[wanted.label]
        if wanted.flat and wanted.split in (None, "train") and len(files) <= number < 2 * len(files):
            files = self._test[wanted.label] or files  # what is split off `train/cat.N.jpg` by hand, to test with
        return files[number % len(files)] if files else None

    def directory(self, wanted: WantedData, *, flat: bool) -> str:
        """The folder that stands in for the one that was wanted; `flat`: its photographs lie side by side."""
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
        name = {"small": "cats_and_dogs_small", "filtered": "cats_and_dogs_filtered"}.get(layout, layout)
        return self._built(name, (
            (f"{split}/{self._name(layout, label)}", self._numbered(label, files, first))
            for split, first in NUMBERED[layout].items() for label, files in enumerate(self.pool(split))
        ))  # fmt: skip

    def petimages(self) -> Path:
        """A folder a class with `N.jpg`, the training photographs alone."""
        return self._built("PetImages", (
            (self._name("petimages", label), {f"{number}{Path(path).suffix}": path for number, path in enumerate(files)})
            for label, files in enumerate(self._train)
        ))  # fmt: skip

    def kaggle(self) -> Path:
        """`train/cat.N.jpg` and, without classes, `test1/N.jpg`."""

        def links() -> Iterator[tuple[str, Mapping[str, str]]]:
            for label, files in enumerate(self._train):
                yield "train", self._numbered(label, files, 0)
            yield (
                "test1",
                {f"{number}{Path(path).suffix}": path for number, (path, _) in enumerate(self.mixed("test"), 1)},
            )

        return self._built("dogs-vs-cats", links())

    def side_by_side(self, wanted: WantedData) -> Path:
        """`validation/cat.N.jpg`, for code that reads classes off names: without them every photograph is a dog's."""
        split = wanted.split or "train"
        numbered = (
            self._numbered(label, files, NUMBERED["plain"][split]) for label, files in enumerate(self.pool(split))
        )
        return self._built(f"flat/{split}", (("", named) for named in numbered))

    def _built(self, name: str, links: Iterable[tuple[str, Mapping[str, str]]]) -> Path:
        """A folder of links, by the folders they are in; it appears at once, because Keras lists in threads."""
        root = self.folder / name
        with self._lock:
            if not root.is_dir():
                partial = root.with_name(f"{root.name}.partial")
                partial.mkdir(parents=True)
                for below, named in links:
                    folder = partial / below
                    folder.mkdir(parents=True, exist_ok=True)
                    for inside, path in named.items():
                        os.symlink(path, folder / inside)  # noqa: PTH211 - three thousand: Path costs twice as much
                partial.rename(root)
        return root

    def archive(self, wanted: WantedData) -> str:
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

    def _archived(self, wanted: WantedData) -> Iterator[tuple[str, str]]:
        """What lies in an archive: name inside, and file."""
        if wanted.layout == "kaggle" and wanted.split is None:
            for name, split in (("train.zip", "train"), ("test1.zip", "test")):
                sheet = WantedData(kind="archive", layout="kaggle", split=split, name=name)  # type: ignore[arg-type]
                yield name, self.archive(sheet)
            return
        if wanted.split is not None and wanted.label is None and wanted.layout in ("kaggle", "plain", "sets"):
            name = "train" if wanted.split == "train" else wanted.name.rpartition(".")[0]
            yield from _walk(Path(self.directory(replace(wanted, layout="kaggle"), flat=True)), name)
            return
        top = {"petimages": "PetImages"}.get(wanted.layout, wanted.name.rpartition(".")[0])
        yield from _walk(Path(self.directory(wanted, flat=False)), top)

    def _class_tree(self, wanted: WantedData) -> tuple[Path, str]:
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
        return {f"{name}.{number}{Path(path).suffix}": path for number, path in enumerate(files, first)}


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
