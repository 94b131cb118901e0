"""What a path asks for, read off its words: a split, a class, a layout. Pure: no file is looked at.

A notebook names the photographs as they lay on its author's computer: `/content/drive/MyDrive/gatti/train`,
`C:\\data\\PetImages\\Cat\\12.jpg`, `../input/dogs-vs-cats/train/cat.7.jpg`. The nearest word to the end decides.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Split = Literal["train", "validation", "test"]
Layout = Literal["plain", "sets", "small", "filtered", "kaggle", "petimages"]
Kind = Literal["folder", "photograph", "archive", "other"]

SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(
        ("test", "tests", "testing", "testset", "prova", "prove", "prueba", "pruebas", "teste", "testes"), "test"),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "valset", "validazione", "validacion", "validacao", "validierung",
         "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(
        ("train", "training", "trainset", "addestramento", "allenamento", "entrenamiento", "entrainement", "treino",
         "treinamento", "treinar"), "train"),
}  # fmt: skip
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "cat": ("cat", "cats", "gatto", "gatti", "gatta", "gatte", "gato", "gatos", "chat", "chats", "katze", "katzen",
            "kat", "katten", "kot", "koty", "kitty", "kitten", "kittens"),
    "dog": ("dog", "dogs", "doggo", "cane", "cani", "perro", "perros", "chien", "chiens", "cao", "caes", "cachorro",
            "cachorros", "hund", "hunde", "hond", "honden", "hundar", "pies", "psy", "puppy", "puppies"),
}  # fmt: skip
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
ARCHIVES = {".zip"}
# What a program writes is not looked for among the photographs, whatever else its path says.
WRITTEN = {
    "log", "logs", "output", "outputs", "checkpoint", "checkpoints", "ckpt", "model", "models", "weights", "result",
    "results", "plot", "plots", "figure", "figures", "runs", "saved", "tensorboard", "augmented", "preview", "cache",
}  # fmt: skip
KAGGLEHUB = "kagglehub"
MOST_NUMBER = 12_500  # of one class in the largest collection: loops that count until a file is missing must end
LONGEST = 4096
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
SETS = re.compile(r"(?:training|test)_set", re.IGNORECASE)  # whose classes are called cats and dogs
DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, kw_only=True)
class Wanted:
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
def read_path(path: str, classes: tuple[str, ...]) -> Wanted:
    """What `path` asks for, of photographs of `classes` (in the order of their indices). Never raises."""
    parts = components(path)
    if KAGGLEHUB in parts:  # its cache is where it downloads to, and not where a program writes
        parts = parts[parts.index(KAGGLEHUB) + 1 :]
    if not parts:
        return Wanted(kind="other", layout="plain")
    name = parts[-1]
    kind = _kind(name)
    written = any(set(words_of(part)) & WRITTEN for part in parts)
    if kind == "other" or written or any(part.startswith(".") for part in parts if part != ".layouts"):
        return Wanted(kind="other", layout="plain", name=name)
    split, label, flat, layout = _scan(parts, classes)
    number = re.findall(r"\d+", name) if kind == "photograph" else []
    return Wanted(
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


def _names(kind: str) -> tuple[str, ...]:
    return SYNONYMS.get(kind, (kind.lower(), f"{kind.lower()}s"))


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
