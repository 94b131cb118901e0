"""The archive of a saved network is looked at with zipfile alone before any Keras code sees it."""

import stat
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.judge import keras_archive as checked
from grader.judge.keras_archive import bracket_depth, precheck
from tests.judge import hostile
from tests.judge.hostile import CONFIG, HDF5, MEMBERS, METADATA, WEIGHTS, archive, patched, with_end, with_size

TOO_MANY = "the saved network holds too many files, or one of them twice"
TOO_BIG = "the saved network is too big when unpacked"


def test_what_keras_saves_is_let_through() -> None:
    assert precheck(archive()) is None
    assert precheck(archive({**MEMBERS, "assets/": b"", "assets/layer/vocabulary.txt": b"a\nb"})) is None


def test_a_network_that_a_student_packed_again_is_let_through() -> None:
    weights = HDF5 + b"".join(struct.pack("<d", number**0.5) for number in range(200_000))
    assert precheck(archive({**MEMBERS, WEIGHTS: weights}, zipfile.ZIP_DEFLATED)) is None


@pytest.mark.parametrize(
    "data", [b"", b"PK", HDF5 + b"\0" * 100, b"PK\x05\x06" + b"\0" * 18, b"pickle", b"\x80\x04", b"\x1f\x8b\x08"]
)
def test_what_is_no_archive_is_refused_a_renamed_h5_too(data: bytes) -> None:
    assert precheck(data) == "the saved network is not a .keras file"


def test_an_archive_that_is_cut_off_is_damaged_wherever_it_ends() -> None:
    whole = archive()
    for size in range(4, len(whole)):
        assert "damaged" in (precheck(whole[:size]) or "")


@pytest.mark.parametrize(
    "name",
    ["evil.py", "../config.json", "/etc/passwd", "assets/../../x", "assets\\..\\x", "config.json.py", "model.weights.h5/x",
     "Config.json", "assets", "weights.h5", "..", "assets/..", "assets//etc/passwd", "assets/./x", "assets/C:x",
     "assets/\x1b[31m", "/assets/x", "assets/a\n", "model.weights.npz"],
)  # fmt: skip
def test_a_file_that_does_not_belong_there_is_named(name: str) -> None:
    found = precheck(archive({**MEMBERS, name: b"x"}))
    assert found is not None
    assert "does not belong there" in found
    assert repr(name) in found


def test_a_name_that_goes_on_behind_a_zero_byte_is_not_taken_for_its_beginning() -> None:
    hidden = archive({"config.jsonX": b"{}", METADATA: b"{}", WEIGHTS: HDF5}).replace(b"config.jsonX", b"config.json\0")
    assert "does not belong there ('config.json\\x00')" in (precheck(hidden) or "")


def test_a_long_name_is_cut() -> None:
    assert len(precheck(archive({**MEMBERS, "x" * 5000: b""})) or "") < 200


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_a_member_that_is_missing_is_named(name: str) -> None:
    found = precheck(archive({key: data for key, data in MEMBERS.items() if key != name}))
    assert found == f"the saved network lacks its {name}: save it with `model.save(...)`"


def test_a_member_that_is_there_twice_is_refused() -> None:
    assert precheck(hostile.twice()) == TOO_MANY


def test_too_many_members_are_refused() -> None:
    assert precheck(archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(62)}})) == TOO_MANY
    assert precheck(archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(61)}})) is None


def test_a_directory_of_a_million_entries_is_refused_before_an_object_is_made_for_each() -> None:
    bomb = hostile.many_entries(1_000_000)
    assert len(bomb) > 50 << 20
    tracemalloc.start()
    try:
        assert precheck(bomb) == TOO_MANY
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        archive() + archive(), archive() + b"\0", b"PK\x03\x04" + archive(), hostile.with_second_directory(),
        with_end(archive(), 16, struct.pack("<I", 0)), with_end(archive(), 12, struct.pack("<I", 0)),
        with_end(archive(), 4, struct.pack("<H", 1)), with_end(archive(), 8, struct.pack("<H", 1)),
        with_end(archive(), 20, struct.pack("<H", 5)) + b"words",
    ],
    ids=["two archives", "a byte behind", "a byte before", "zip64", "no place", "no size", "a second disk", "one of three",
         "a comment"],
)  # fmt: skip
def test_there_is_one_directory_and_it_describes_the_whole_file(data: bytes) -> None:
    assert (precheck(data) or "").startswith("the saved network is damaged (")


def test_members_that_share_bytes_are_refused() -> None:
    assert precheck(hostile.overlapping()) == "the saved network is damaged (its files overlap)"


def test_what_lies_before_the_first_member_is_refused() -> None:
    first = patched(archive(), METADATA, 42, struct.pack("<I", 1))
    assert precheck(first) == "the saved network is damaged (its directory does not describe it)"


def test_an_encrypted_member_is_refused() -> None:
    assert precheck(hostile.encrypted()) == "the saved network is encrypted ('model.weights.h5')"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_member_that_is_a_link_or_a_device_is_refused(kind: int) -> None:
    assert "a link or a device" in (precheck(hostile.linked(kind)) or "")
    assert precheck(hostile.linked(stat.S_IFREG)) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_whose_output_zipfile_does_not_bound_is_refused(method: int) -> None:
    assert "is packed in a way that Keras never uses" in (precheck(archive(method=method)) or "")


def test_an_archive_that_says_it_is_too_big_is_refused_unopened() -> None:
    assert precheck(with_size(archive(), WEIGHTS, checked.MOST_UNPACKED + 1)) == TOO_BIG


@pytest.mark.parametrize("size", [1 << 31, 1 << 40, (1 << 64) - 1])
def test_a_size_of_64_bits_is_read_as_it_stands(size: int) -> None:
    assert precheck(hostile.zip64_size(size)) == TOO_BIG


def test_many_members_that_are_too_big_together_are_refused() -> None:
    data = archive({**MEMBERS, **{f"assets/{n}": b"" for n in range(9)}})
    for number in range(9):
        data = with_size(data, f"assets/{number}", 1 << 27)
    assert precheck(data) == TOO_BIG


def test_two_sizes_for_one_member_are_a_lie() -> None:
    for size in (0, 5, 1 << 19):
        found = precheck(with_size(archive(), WEIGHTS, size))
        assert found == "the saved network is damaged (two sizes are given for 'model.weights.h5')"


def test_a_deflated_text_that_is_longer_than_it_says_is_read_no_further_than_it_says() -> None:
    data = archive({**MEMBERS, CONFIG: b" " * (3 << 20)}, zipfile.ZIP_DEFLATED)
    assert precheck(with_size(data, CONFIG, 10)) == "the saved network is damaged (BadZipFile)"


def test_a_bomb_of_zeros_is_refused_by_its_ratio_without_unpacking_it() -> None:
    bomb = hostile.bomb(64 << 20)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    try:
        found = precheck(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found.startswith(f"{TOO_BIG} (")
    assert "become 64 MiB" in found
    assert peak < 1 << 20


def test_a_config_that_no_network_needs_is_refused() -> None:
    assert precheck(archive({**MEMBERS, CONFIG: b" " * (checked.MOST_CONFIG + 1)})) == TOO_BIG
    assert precheck(archive({**MEMBERS, METADATA: b" " * (checked.MOST_CONFIG + 1)})) == TOO_BIG
    assert precheck(archive({**MEMBERS, CONFIG: b" " * checked.MOST_CONFIG})) is None


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_a_config_that_is_nested_too_deep_is_refused_and_one_less_is_not(opening: str) -> None:
    assert "nested more than 200 levels" in (precheck(hostile.deep(checked.MOST_DEPTH + 1, opening)) or "")
    assert precheck(hostile.deep(checked.MOST_DEPTH, opening)) is None
    assert "nested" in (precheck(hostile.deep(500_000, opening)) or "")


@pytest.mark.parametrize("text", [b"\xff{}", '{"a": 1}'.encode("utf-16"), b'{"a": "\0"}', b"\x80"])
def test_a_config_that_is_no_utf8_text_is_damaged(text: bytes) -> None:
    assert precheck(archive({**MEMBERS, CONFIG: text})) == "the saved network is damaged (its config.json is not text)"


def test_weights_that_are_no_hdf5_file_are_named() -> None:
    for weights in (b"", b"PK\x03\x04", b"\x93NUMPY", b"\x89HDF"):
        found = precheck(archive({**MEMBERS, WEIGHTS: weights}))
        assert found == "the saved network holds no weights: its model.weights.h5 is not an HDF5 file"


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0), (b"1", 0), (b"[]", 1), (b'{"a": [1, {"b": []}]}', 4), (b'"[[[["', 0), (b'["\\"[[[", []]', 2),
        (b'["\\\\", [[]]]', 3), (b'["[[[', 1), (b'"\\', 0), (b"[" * 5, 5), (b"]]][[", 0),
    ],
)  # fmt: skip
def test_brackets_are_counted_outside_of_strings(text: bytes, depth: int) -> None:
    assert bracket_depth(text) == depth


def test_four_mebibytes_of_escaped_quotes_are_counted_in_linear_time() -> None:
    assert bracket_depth(b'\\"' * (2 << 20)) == 0
    assert bracket_depth(b'"' + b'\\"' * (2 << 20)) == 0


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_depth_is_that_of_the_value(value: object) -> None:
    import json

    def depth(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert bracket_depth(json.dumps(value).encode()) == depth(value)
