"""The archive of a saved network is looked at with zipfile alone before any Keras code sees it."""

import io
import struct
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.judge import client
from grader.judge.client import precheck

MEMBERS = {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b"\x89HDF"}


def archive(members: Mapping[str, bytes] = MEMBERS) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def test_what_keras_saves_is_let_through() -> None:
    assert precheck(archive()) is None
    assert precheck(archive({**MEMBERS, "assets/vocabulary.txt": b"a\nb"})) is None


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"\x89HDF\r\n\x1a\n" + b"\0" * 100, b"PK\x05\x06" + b"\0" * 18, b"pickle", b"\x80\x04"]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert precheck(data) == "the saved network is no .keras file"


def test_an_archive_that_is_cut_off_is_damaged_wherever_it_ends() -> None:
    whole = archive()
    for size in range(4, len(whole) - 1):
        assert "damaged" in (precheck(whole[:size]) or "")


@pytest.mark.parametrize(
    "name",
    ["evil.py", "../config.json", "/etc/passwd", "assets/../../x", "assets\\..\\x", "config.json.py", "model.weights.h5/x",
     "Config.json", "assets", "weights.h5", "..", "assets/.."],
)  # fmt: skip
def test_a_file_that_does_not_belong_there_is_named(name: str) -> None:
    found = precheck(archive({**MEMBERS, name: b"x"}))
    assert found is not None
    assert "does not belong there" in found
    assert repr(name) in found


def test_a_long_name_is_cut() -> None:
    assert len(precheck(archive({**MEMBERS, "x" * 5000: b""})) or "") < 200


def test_a_member_that_is_there_twice_is_refused() -> None:
    buffer = io.BytesIO(archive())
    with zipfile.ZipFile(buffer, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("config.json", b"{other}")
    assert "one of them twice" in (precheck(buffer.getvalue()) or "")


def test_too_many_members_are_refused() -> None:
    assert "too many files" in (precheck(archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(62)}})) or "")
    assert precheck(archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(61)}})) is None


def with_size(data: bytes, member: str, size: int) -> bytes:
    """`data` with another unpacked size in the directory's entry of `member`."""
    name = member.encode()
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    return data[: entry + 24] + struct.pack("<I", size) + data[entry + 28 :]


def test_an_archive_that_says_it_is_too_big_is_refused_unopened() -> None:
    bomb = with_size(archive(), "model.weights.h5", client.MOST_UNPACKED + 1)
    assert precheck(bomb) == "the saved network is too big when unpacked"


def test_many_members_that_are_too_big_together_are_refused() -> None:
    data = archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(9)}})
    for number in range(9):
        data = with_size(data, f"assets/{number}", 1 << 27)
    assert precheck(data) == "the saved network is too big when unpacked"


def test_a_real_bomb_of_zeros_is_refused_without_unpacking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_UNPACKED", 1 << 20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in MEMBERS:
            file.writestr(name, b"\0" * (1 << 20))
    assert len(buffer.getvalue()) < 10_000
    assert precheck(buffer.getvalue()) == "the saved network is too big when unpacked"


def test_a_config_that_no_network_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_CONFIG", 100)
    assert "too big" in (precheck(archive({**MEMBERS, "config.json": b" " * 101})) or "")


@settings(max_examples=300, deadline=None)
@given(st.binary(), st.integers(0, 400), st.binary(max_size=6))
def test_any_bytes_are_let_through_or_refused_in_words(data: bytes, at: int, patch: bytes) -> None:
    whole = archive()
    for model in (data, b"PK\x03\x04" + data, whole[:at] + patch + whole[at + len(patch) :]):
        found = precheck(model)
        assert found is None or found.startswith("the saved network ")
