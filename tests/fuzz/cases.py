"""Cases with a structure: valid values of every format that strangers write, then damaged in one place or several."""

import contextlib
import json
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from grader.core.errors import Failure, GraderError

T = TypeVar("T")
LONGEST_MESSAGE = 4000

cases = settings(max_examples=max(200, settings.default.max_examples if settings.default else 0))

TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "../x",
        "a" * 300,
        "\x1b[31m",
        "NaN",
        "1e999",
        "{",
        "{0}",
        "%s",
        "İ",
        "🏳️‍🌈",
        "\u2028",
        "\r\n",
        "-1",
    ]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 10**400, 0.1, 5e-324, 1.8e308, True])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@contextlib.contextmanager
def only(*kinds: type[GraderError] | type[Failure]) -> Iterator[None]:
    """Lets errors of ours pass, of these kinds alone, and only with words that can be printed, stored and read."""
    try:
        yield
    except kinds as error:
        words = str(error)
        assert words.strip()
        assert len(words) < LONGEST_MESSAGE, f"{len(words):,} characters: {words[:200]}"
        words.encode("utf-8")


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every part of a JSON value."""
    found = [path]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found += places(part, (*path, key))
    return found


def replaced(value: Any, path: tuple[str | int, ...], change: Callable[[Any, str | int], None]) -> Any:
    """A copy of a JSON value in which `change(container, key)` was called for the part at `path`."""
    copy = json.loads(json.dumps(value))
    container = copy
    for key in path[:-1]:
        container = container[key]
    change(container, path[-1])
    return copy


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    """A valid JSON value in which up to three parts were taken out, renamed, doubled, wrapped or replaced."""
    value = draw(valid)
    for _ in range(draw(st.integers(0, 3))):
        inner = [path for path in places(value) if path] if isinstance(value, (dict, list)) else []
        if not inner:
            break
        path = draw(st.sampled_from(inner))
        how = draw(st.sampled_from(["replace", "replace", "remove", "rename", "double", "wrap", "text"]))
        new = draw(JSON) if how in ("replace", "rename") else None
        value = replaced(value, path, partial(_damage, how=how, new=new))
    return draw(JSON) if draw(st.integers(0, 40)) == 0 else value


def _damage(container: Any, key: str | int, *, how: str, new: object) -> None:
    if how == "remove":
        del container[key]
    elif how == "rename" and isinstance(container, dict):
        container[str(new)[:30]] = container.pop(key)
    elif how == "double":
        container[key] = [container[key], container[key]]
    elif how == "wrap":
        container[key] = {"inner": container[key]}
    elif how == "text":
        container[key] = str(container[key])[:200]
    else:
        container[key] = new


@st.composite
def spoilt(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes in which up to three spans were overwritten, cut out, doubled or put somewhere else."""
    data = draw(valid)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 1, 2, 4, 8, 40, 1 << 20])))
        how = draw(st.sampled_from(["overwrite", "insert", "cut", "double", "flip"]))
        if how == "overwrite":
            new = draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 8, b"[" * 50, b"PK\x01\x02"]))
            data = data[:start] + new + data[start + len(new) :]
        elif how == "insert":
            data = data[:start] + draw(st.binary(max_size=20)) + data[start:]
        elif how == "cut":
            data = data[:start] + data[end:]
        elif how == "double":
            data = data[:end] + data[start:end][:2000] + data[end:]
        elif end > start:
            data = data[:start] + bytes([data[start] ^ (1 << draw(st.integers(0, 7)))]) + data[start + 1 :]
    return draw(st.binary(max_size=200)) if draw(st.integers(0, 40)) == 0 else data


RECORDS = [
    (b"PK\x01\x02", 46),
    (b"PK\x03\x04", 30),
    (b"PK\x05\x06", 22),
]  # of a zip: an entry, a member's head, the end
FIELDS = st.sampled_from([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]) | st.integers(0, (1 << 32) - 1)


@st.composite
def relabelled(draw: st.DrawFn, archives: st.SearchStrategy[bytes]) -> bytes:
    """A zip in which fields of the directory, of a member's header or of the end record hold other numbers."""
    data = draw(archives)
    for _ in range(draw(st.integers(1, 3))):
        magic, size = draw(st.sampled_from(RECORDS))
        found = [at for at in range(len(data)) if data.startswith(magic, at)]
        if not found:
            continue
        at = draw(st.sampled_from(found)) + draw(st.integers(0, size - 2))
        form, most = draw(st.sampled_from([("<I", 0xFFFFFFFF), ("<H", 0xFFFF)]))
        new = struct.pack(form, draw(FIELDS) & most)
        data = data[:at] + new + data[at + len(new) :]
    return data


def dumped(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """JSON values as files hold them: mostly UTF-8, sometimes another encoding, ASCII alone, or with NaN."""
    encodings = st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    return st.builds(
        lambda value, ascii_only, encoding: json.dumps(value, ensure_ascii=ascii_only).encode(encoding, "replace"),
        values, st.booleans(), encodings,
    )  # fmt: skip
