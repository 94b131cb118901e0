"""Saved networks as bytes: let through as something that Keras' own sandbox may open, or refused in words."""

import io
import zipfile

from hypothesis import example, given
from hypothesis import strategies as st

from grader.judge.keras_archive import MOST_CONFIG, MOST_UNPACKED, precheck
from tests.fuzz.cases import TEXT, cases, dumped, mutated, relabelled, spoilt
from tests.judge import hostile
from tests.judge.hostile import CONFIG, HDF5, MEMBERS, METADATA, WEIGHTS, archive

MODEL = {
    "module": "keras", "class_name": "Sequential", "registered_name": None,
    "config": {"name": "m", "layers": [{"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}}]},
}  # fmt: skip
NAMES = st.sampled_from([METADATA, WEIGHTS, "assets/", "assets/a", "assets/../a", "a.py", "/a", "config.jsonX"]) | TEXT
CONFIGS = dumped(mutated(st.just(MODEL)))
HELD = st.binary(max_size=60).map(HDF5.__add__)
DATA = CONFIGS | HELD | st.sampled_from([b"", b"[" * 300, b"{}", b'{"a":' * 199 + b"1" + b"}" * 199])


def storable(name: str) -> str:
    """A name that zipfile writes as it is."""
    return name.encode("utf-8", "replace").decode().replace("\0", "") or "x"


RIGHT = st.fixed_dictionaries({METADATA: CONFIGS, CONFIG: CONFIGS, WEIGHTS: HELD})
OTHER = st.fixed_dictionaries({METADATA: DATA, CONFIG: DATA, WEIGHTS: DATA})
MORE: st.SearchStrategy[dict[str, bytes]] = st.just({}) | st.dictionaries(NAMES.map(storable), DATA, max_size=2)
METHODS = st.sampled_from(
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]
)
ARCHIVES = st.builds(
    lambda members, more, method: archive({**members, **more}, method), RIGHT | RIGHT | RIGHT | OTHER, MORE, METHODS
)
BUILT = [
    hostile.encrypted(), hostile.linked(), hostile.twice(), hostile.overlapping(), hostile.many_entries(70),
    hostile.with_second_directory(), hostile.zip64_size(1 << 40), hostile.bomb(1 << 21), hostile.deep(300),
]  # fmt: skip


@cases
@given(ARCHIVES | relabelled(ARCHIVES) | relabelled(ARCHIVES) | spoilt(ARCHIVES) | spoilt(st.sampled_from(BUILT)))
@example(archive())
@example(BUILT[0])
def test_any_archive_is_let_through_or_refused_in_words(data: bytes) -> None:
    found = precheck(data)
    if found is not None:
        assert found.startswith("the saved network ")
        assert len(found) < 500
        found.encode("utf-8")
        return
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sizes = {member.filename: member.file_size for member in file.infolist()}
        assert {METADATA, CONFIG, WEIGHTS} <= set(sizes)
        assert sum(sizes.values()) <= MOST_UNPACKED
        assert all(name in MEMBERS or name.startswith("assets/") for name in sizes)
        for name in (METADATA, CONFIG):
            assert len(file.read(name)) <= MOST_CONFIG
