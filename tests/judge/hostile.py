"""Builds files that want to harm whoever opens them as a saved network: archives by zipfile, weights by h5py, no Keras.

What only Keras can write comes from `tests.judge.models`; here such a file is taken apart and put together wrongly.
"""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import h5py

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
HDF5 = b"\x89HDF\r\n\x1a\n"
MEMBERS = {METADATA: b"{}", CONFIG: b"{}", WEIGHTS: HDF5 + bytes(88)}
END_BYTES = 22  # of the record that ends an archive


def archive(members: Mapping[str, bytes] = MEMBERS, method: int = zipfile.ZIP_STORED) -> bytes:
    """An ordinary zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    """What an archive holds."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def with_members(model: bytes, **changed: bytes) -> bytes:
    """`model` with other members: `config`, `metadata`, `weights`."""
    names = {"config": CONFIG, "metadata": METADATA, "weights": WEIGHTS}
    return archive({**members_of(model), **{names[key]: data for key, data in changed.items()}})


def reconfigured(model: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """`model` with a configuration that `change` has edited."""
    config: dict[str, Any] = json.loads(members_of(model)[CONFIG])
    change(config)
    return with_members(model, config=json.dumps(config).encode())


def as_activation(module: str, name: str, kind: str = "function") -> Callable[[dict[str, Any]], None]:
    """An edit that makes any function of any module the activation of the last layer: it is called with the tensor."""

    def change(config: dict[str, Any]) -> None:
        named = {"module": module, "class_name": kind, "config": name, "registered_name": name}
        config["config"]["layers"][-1]["config"]["activation"] = named

    return change


def as_layer(module: str, name: str, **arguments: object) -> Callable[[dict[str, Any]], None]:
    """An edit that puts an object of any module's class, made with `arguments`, where the second layer was."""

    def change(config: dict[str, Any]) -> None:
        layer = {
            "module": module,
            "class_name": name,
            "config": {"name": "layer", **arguments},
            "registered_name": name,
        }
        config["config"]["layers"][1] = layer

    return change


def with_units(units: int) -> Callable[[dict[str, Any]], None]:
    """An edit that puts a dense layer of so many units before the last one."""

    def change(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        inner = json.loads(json.dumps(layers[-1]))
        inner["config"].update(units=units, name="wide", activation="relu")
        layers.insert(-1, inner)
        layers[-1].pop("build_config", None)

    return change


def weights(fill: Callable[[h5py.Group], None]) -> bytes:
    """An HDF5 file laid out as Keras' for one dense layer, whose two variables `fill` makes as it likes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("vars")
        fill(file.create_group("layers/dense/vars"))
    return buffer.getvalue()


def outside_link(group: h5py.Group) -> None:
    """Variables that are links into another file."""
    for name in "01":
        group[name] = h5py.ExternalLink("/etc/passwd", "/")


def outside_data(group: h5py.Group) -> None:
    """Variables whose numbers are the bytes of another file."""
    group.create_dataset("0", (64, 2), "f4", external=[("/etc/passwd", 0, 512)])
    group.create_dataset("1", (2,), "f4", external=[("/etc/passwd", 0, 8)])


def shape_bomb(group: h5py.Group) -> None:
    """A variable of 16 TiB of zeros in a few hundred bytes."""
    group.create_dataset("0", (1 << 21, 1 << 21), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")
    group.create_dataset("1", (2,), "f4")


def patched(data: bytes, member: str, offset: int, value: bytes, *, directory: bool = True) -> bytes:
    """`data` with bytes written over the directory's entry of `member`, or over the header in front of it."""
    name = member.encode()
    magic = b"PK\x01\x02" if directory else b"PK\x03\x04"
    entry = data.rindex(magic, 0, data.rindex(name) if directory else data.index(name))
    return data[: entry + offset] + value + data[entry + offset + len(value) :]


def with_size(data: bytes, member: str, size: int) -> bytes:
    """`data` with another unpacked size in the directory's entry of `member`."""
    return patched(data, member, 24, struct.pack("<I", size))


def with_end(data: bytes, offset: int, value: bytes) -> bytes:
    """`data` with bytes written over the record that ends it."""
    at = len(data) - END_BYTES + offset
    return data[:at] + value + data[at + len(value) :]


def encrypted() -> bytes:
    """An archive that says its weights are encrypted."""
    return patched(archive(), WEIGHTS, 8, struct.pack("<H", 1))


def linked(kind: int = stat.S_IFLNK) -> bytes:
    """An archive with a symbolic link (or another kind of file) among its assets."""
    buffer = io.BytesIO(archive())
    with zipfile.ZipFile(buffer, "a") as file:
        member = zipfile.ZipInfo("assets/labels.txt")
        member.create_system, member.external_attr = 3, (kind | 0o777) << 16
        file.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def twice() -> bytes:
    """An archive with two configurations: which one counts depends on who reads."""
    buffer = io.BytesIO(archive())
    with zipfile.ZipFile(buffer, "a") as file:
        file.NameToInfo.pop(CONFIG)  # else zipfile warns; the first one stays
        file.writestr(CONFIG, b'{"another": 1}')
    return buffer.getvalue()


def overlapping() -> bytes:
    """An archive in which one member's bytes are another's as well: quoted bombs multiply like this."""
    data = archive({**MEMBERS, "assets/a": b"x" * 50, "assets/b": b"y" * 50})
    first = data.index(b"PK\x03\x04", data.index(b"assets/a") - 40)
    return patched(data, "assets/b", 42, struct.pack("<I", first))


def many_entries(count: int) -> bytes:
    """An archive that is almost nothing but directory: `count` entries for one empty file."""
    header = archive({CONFIG: b""})
    start = header.index(b"PK\x01\x02")
    entry = header[start:-END_BYTES]
    directory = entry * count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), start, 0)
    return header[:start] + directory + end


def with_second_directory() -> bytes:
    """An archive with zip64's end record as well, which zipfile believes more than the ordinary one."""
    data = archive()
    start = len(data) - END_BYTES
    second = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start, 1)
    return data[:start] + second + locator + data[start:]


def zip64_size(size: int) -> bytes:
    """An archive whose weights have a size of 64 bits in the directory."""
    extra = struct.pack("<HHQ", 1, 8, size)
    data = patched(with_size(archive(), WEIGHTS, 0xFFFFFFFF), WEIGHTS, 30, struct.pack("<H", len(extra)))
    after = data.rindex(WEIGHTS.encode()) + len(WEIGHTS)
    grown = data[:after] + extra + data[after:]
    (size_of_directory,) = struct.unpack_from("<I", data, len(data) - END_BYTES + 12)
    return with_end(grown, 12, struct.pack("<I", size_of_directory + len(extra)))


def bomb(size: int) -> bytes:
    """An archive whose weights are `size` zeros, deflated to a thousandth."""
    return archive({**MEMBERS, WEIGHTS: HDF5 + bytes(size)}, zipfile.ZIP_DEFLATED)


def deep(levels: int, opening: str = '{"a":') -> bytes:
    """An archive whose configuration nests so deep."""
    closing = "}" if opening.startswith("{") else "]"
    return archive({**MEMBERS, CONFIG: (opening * levels + "1" + closing * levels).encode()})
