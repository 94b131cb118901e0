"""Trained networks among the files of a hand-in: which files are some, how large they may be, which one counts. Pure.

They are opaque: a name or the first bytes say that something is a network, and nobody here looks further. They do not
count in what a submission may weigh.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath

from grader.core.errors import SubmissionError
from grader.core.limits import write_size
from grader.intake.names import AGAIN, name_some, newest_uploads

ENDINGS = (".keras", ".h5", ".hdf5")
HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
OF_KERAS = (b"model.weights.h5", b"config.json")  # members of a `.keras` file, whose names stand in its directory
LOOKED_AT = 64 << 10  # bytes at the end of a zip
MOST_NETWORK = 200 << 20  # bytes of one, where nobody says otherwise
ALL_TOGETHER = 2  # times as much for all of a hand-in
SMALLER = "Save it without the optimizer's state (`model.save(..., include_optimizer=False)`), or use fewer units."
# `model.save("work.keras")`, `save_weights(...)`, `ModelCheckpoint(filepath="...")`.
_NAME = r"""["'](?P<name>[^"'\n]{1,200}\.(?:keras|h5|hdf5))["']"""
SAVES = re.compile(
    r"""(?:\.save|save_model|save_weights|ModelCheckpoint)\s{0,4}\([^()"'\n]{0,100}""" + _NAME, re.IGNORECASE
)
NAMED = re.compile(_NAME, re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NetworkFile:
    """A trained network that was handed in; `saved`: when, in seconds since 1970 or in any order; 0 where nobody knows."""

    data: bytes
    saved: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ChosenNetwork:
    """The network that counts, and why this one, where there are several."""

    name: str
    data: bytes
    why: str = ""


def is_network_name(name: str) -> bool:
    """Whether a file of this name is a saved network."""
    return name.lower().endswith(ENDINGS)


def is_network(name: str, data: bytes) -> bool:
    """Whether a file is a saved network, by its name, or by its bytes where it was renamed."""
    if is_network_name(name) or data.startswith(HDF5):
        return True
    end = data[-LOOKED_AT:] if data.startswith(ZIP) else b""
    return all(member in end for member in OF_KERAS)


def stem_of_network(name: str) -> str:
    """What a network's file is called without its ending; `ada` for `ada.weights.h5` too."""
    return PurePosixPath(name).stem.removesuffix(".weights")


def counted_bytes(sizes: Mapping[str, int], most_network: int) -> int:
    """How much of files (name to bytes) counts in what a submission may weigh; zips may bring networks along."""
    zips = sum(size for name, size in sizes.items() if name.lower().endswith(".zip"))
    others = sum(size for name, size in sizes.items() if not name.lower().endswith((".zip", *ENDINGS)))
    return others + max(0, zips - ALL_TOGETHER * most_network)


def require_sizes(where: str, sizes: Mapping[str, int], most: int) -> None:
    """Raise SubmissionError for networks (name to bytes) that are larger than `most`, or too much together."""
    for name, size in sizes.items():
        if size > most:
            held, allowed = write_size(size), write_size(most)
            words = f"{where}: holds {name}, a trained network of {held}; at most {allowed} are taken."
            if name == where:
                words = f"{where}: is a trained network of {held}; at most {allowed} are taken."
            raise SubmissionError(words, SMALLER)
    if sum(sizes.values()) > ALL_TOGETHER * most:
        together, named = write_size(sum(sizes.values())), name_some(sizes)
        raise SubmissionError(
            f"{where}: holds {len(sizes)} trained networks of {together} together ({named}).",
            "Hand in the one that counts.",
        )


def choose_network_file(networks: Mapping[str, NetworkFile], cells: Sequence[str]) -> ChosenNetwork | None:
    """Which of several counts: the one that the code saves last, else the newest; None where there is none.

    Of several uploads of one name ("model.keras", "model (1).keras") the last one counts.
    """
    left = newest_uploads(sorted(networks))
    for pattern in (SAVES, NAMED) if len(left) > 1 else ():
        for number, path in _mentions(cells, pattern):
            meant = [name for name in left if path[-1] in _called(name)]
            if meant:
                name = max(meant, key=lambda name: _nearness(name, path))
                why = f"of {len(networks)} networks it is the one that cell {number} saves last"
                return ChosenNetwork(name=name, data=networks[name].data, why=why)
    if not left:
        return None
    name = max(left, key=lambda each: (networks[each].saved, -each.count("/"), each))
    why = f"it is the newest of {len(networks)} networks" if len(networks) > 1 else ""
    return ChosenNetwork(name=name, data=networks[name].data, why=why)


def _mentions(cells: Sequence[str], pattern: re.Pattern[str]) -> Iterable[tuple[int, list[str]]]:
    """The paths of network files in the code, in parts, with their cell, the last one first."""
    for number in range(len(cells), 0, -1):
        for found in reversed([*pattern.finditer(cells[number - 1])]):
            yield number, [part for part in found["name"].replace("\\", "/").casefold().split("/") if part]


def _called(name: str) -> tuple[str, ...]:
    """What code may call a handed-in file: its name, and that without the number of an upload."""
    path = PurePosixPath(name.casefold())
    again = AGAIN.fullmatch(path.stem)
    return (path.name, f"{again['base']}{path.suffix}") if again else (path.name,)


def _nearness(name: str, path: Sequence[str]) -> tuple[int, int]:
    """How well a file's place is the one that the code names: folders that are the same, then as few as can be."""
    folders = name.casefold().split("/")[:-1]
    same = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(folders), reversed(path[:-1]), strict=False))
    return len([*same]), -len(folders)
