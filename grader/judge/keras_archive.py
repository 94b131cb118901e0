"""What a `.keras` file is from outside: a short zip archive, checked by the host before any Keras code sees it. Pure.

The host reads the archive's directory, never the weights: it unpacks config.json and metadata.json alone, each up to a
limit, and counts their brackets before it builds a value. The directory's place and size are looked at before `zipfile`
sees the bytes, which would make an object for every entry that 512 MiB can hold. A hostile archive may raise anything;
whatever it does is its own fault, and becomes words.
"""

import io
import json
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grader.core.limits import write_size

MOST_UNPACKED, MOST_MEMBERS, MOST_CONFIG = 1 << 30, 64, 4 << 20
MOST_DIRECTORY = 64 << 10  # bytes of the archive's directory
MOST_RATIO, RATIO_FROM = 100, 1 << 20  # weights hardly shrink: what unpacks to a hundred times its size is no network's
MOST_LAYERS = 2000
MOST_DEPTH = 200  # of brackets in the configuration; a model within a model within a model has some thirty
WEIGHTS = "model.weights.h5"
TEXTS = ("metadata.json", "config.json")
MEMBERS = (*TEXTS, WEIGHTS)
HDF5 = b"\x89HDF\r\n\x1a\n"
END = struct.Struct("<4s4H2IH")  # "end of central directory record" (PKWARE's APPNOTE, 4.3.16)
HEADER_BYTES = 30  # of a member, without its name
LOCATOR_BYTES = 20  # of zip64's pointer to a second directory, which would stand just before it
ENCRYPTED = 0x1 | 0x40 | 0x2000
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class Unfit(Exception):
    """Why an archive can't be judged as a saved network: the end of a sentence that begins with "the saved network"."""


def precheck(model: bytes) -> str | None:
    """What is wrong with the archive, in a student's words; None if nothing is."""
    try:
        _check(model)
    except Unfit as unfit:
        return f"the saved network {unfit}"
    except Exception as error:  # zipfile has no complete list of what a damaged archive makes it raise
        return f"the saved network is damaged ({type(error).__name__})"
    return None


def _check(model: bytes) -> None:
    if not model.startswith(b"PK\x03\x04"):
        raise Unfit("is not a .keras file")
    _check_end(model)
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        members = archive.infolist()
        _check_names(members)
        for member in members:
            _check_member(member)
        _check_sizes(members)
        _check_places(members, len(model))
        for name in TEXTS:
            _check_text(name, _unpack(archive, name, MOST_CONFIG + 1))
        if _unpack(archive, WEIGHTS, len(HDF5)) != HDF5:
            raise Unfit(f"holds no weights: its {WEIGHTS} is not an HDF5 file")


def _check_end(model: bytes) -> None:
    """One directory, at the very end, of a reasonable size: no second archive before, behind or around it."""
    start = len(model) - END.size
    if start < 0:
        raise Unfit("is damaged (it is cut off)")
    magic, disk, first_disk, here, entries, size, offset, comment = END.unpack_from(model, start)
    if magic != b"PK\x05\x06" or comment:
        raise Unfit("is damaged (its directory is not at its end)")
    if entries > MOST_MEMBERS or size > MOST_DIRECTORY:
        raise Unfit("holds too many files, or one of them twice")
    second = model[start - LOCATOR_BYTES : start].startswith(b"PK\x06\x07")
    if disk or first_disk or here != entries or offset + size != start or second:
        raise Unfit("is damaged (its directory does not describe it)")


def _check_names(members: Sequence[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len(names) > MOST_MEMBERS or len(set(names)) != len(names):
        raise Unfit("holds too many files, or one of them twice")
    for member in members:  # zipfile ends a name at a zero byte: what it was called before counts too
        if member.orig_filename != member.filename or not _belongs(member.filename):
            raise Unfit(f"holds a file that does not belong there ({member.orig_filename[:60]!r})")
    for name in MEMBERS:
        if name not in names:
            raise Unfit(f"lacks its {name}: save it with `model.save(...)`")


def _belongs(name: str) -> bool:
    if name in MEMBERS:
        return True
    folder, _, rest = name.partition("/")
    parts = rest.removesuffix("/").split("/") if rest else []
    plain = name.isprintable() and "\\" not in name and ":" not in name
    return folder == "assets" and plain and "/" in name and all(part not in ("", ".", "..") for part in parts)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename[:60]
    if member.flag_bits & ENCRYPTED:
        raise Unfit(f"is encrypted ({name!r})")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) and not (kind == stat.S_IFDIR and member.is_dir()):
        raise Unfit(f"holds a link or a device where a file belongs ({name!r})")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unfit(f"is packed in a way that Keras never uses ({name!r})")


def _check_sizes(members: Sequence[zipfile.ZipInfo]) -> None:
    sizes = {member.filename: member.file_size for member in members}
    if sum(sizes.values()) > MOST_UNPACKED or any(sizes[name] > MOST_CONFIG for name in TEXTS):
        raise Unfit("is too big when unpacked")
    for member in members:
        if member.file_size >= RATIO_FROM and member.file_size > MOST_RATIO * member.compress_size:
            packed, unpacked = write_size(member.compress_size), write_size(member.file_size)
            raise Unfit(f"is too big when unpacked ({packed} of {member.filename[:60]!r} become {unpacked})")
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            raise Unfit(f"is damaged (two sizes are given for {member.filename[:60]!r})")


def _check_places(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Members lie one behind the other, from the first byte on: one byte is never a part of two."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    if ordered[0].header_offset:
        raise Unfit("is damaged (its directory does not describe it)")
    ends = [member.header_offset + HEADER_BYTES + member.compress_size for member in ordered]
    starts = [*(member.header_offset for member in ordered[1:]), size - END.size]
    if any(end > start for end, start in zip(ends, starts, strict=True)):
        raise Unfit("is damaged (its files overlap)")


def _unpack(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The first `most` bytes of a member: reading stops there, whatever its header says of its size."""
    with archive.open(name) as file:
        return file.read(most)


def _check_text(name: str, data: bytes) -> None:
    if len(data) > MOST_CONFIG:
        raise Unfit("is too big when unpacked")
    try:
        plain = "\0" not in data.decode("utf-8")  # JSON in UTF-16 would be counted wrongly
    except UnicodeDecodeError:
        plain = False
    if not plain:
        raise Unfit(f"is damaged (its {name} is not text)")
    if bracket_depth(data) > MOST_DEPTH:
        raise Unfit(f"is nested more than {MOST_DEPTH} levels deep in its {name}")


def bracket_depth(data: bytes) -> int:
    """How deep JSON text nests arrays and objects, found without parsing it; brackets inside strings do not count."""
    bare = np.frombuffer(STRING.sub(b"", data), np.uint8)
    opened = (bare == ord("[")) | (bare == ord("{"))
    closed = (bare == ord("]")) | (bare == ord("}"))
    depth = np.cumsum(opened.astype(np.int32) - closed.astype(np.int32), dtype=np.int32)
    return int(depth.max(initial=0))


def saved_kinds(model: bytes) -> tuple[str, ...] | None:
    """The class names of the layers of a saved network, inner networks' among them; None where they can't be read."""
    if precheck(model) is not None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            config = json.loads(_unpack(archive, "config.json", MOST_CONFIG))
        return tuple(_kinds(config))[:MOST_LAYERS]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _kinds(config: dict[str, Any]) -> Iterator[str]:
    """Nested no deeper than `MOST_DEPTH` brackets: that was looked at before."""
    layers = config["config"]["layers"]
    for layer in layers:
        if isinstance(layer.get("config"), dict) and isinstance(layer["config"].get("layers"), list):
            yield from _kinds(layer)
        else:
            yield str(layer["class_name"])[:100]
