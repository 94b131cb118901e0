"""Work in a process of its own: it answers, or is told to have taken too much; its caller lives on."""

import os
import tempfile
from pathlib import Path

import pytest

from grader.sandbox.limited_process import WorkLost, in_limited_process

HERE = "tests.sandbox.test_limited_process"


def turn(data: bytes) -> bytes:
    return data[::-1]


def spin(data: bytes) -> bytes:
    while True:
        pass


def swell(data: bytes) -> bytes:
    return b"x" * (4 << 30)


def fail(data: bytes) -> bytes:
    raise ValueError(data)


def keep_settings(data: bytes) -> bytes:
    places = [os.environ["MPLCONFIGDIR"], str(Path.home()), tempfile.gettempdir(), str(Path.cwd())]
    for place in places:
        (Path(place) / "settings.json").write_bytes(data)
    return "\n".join(places).encode()


def work(name: str, data: bytes = b"abc") -> bytes:
    return in_limited_process(f"{HERE}:{name}", data, seconds=1 if name == "spin" else 30, memory=1 << 30)


def test_libraries_have_a_folder_for_their_settings_which_is_thrown_away() -> None:
    (place,) = set(work("keep_settings").decode().splitlines())
    assert not Path(place).exists()


def test_bytes_go_in_and_come_out() -> None:
    assert work("turn") == b"cba"
    assert len(work("turn", bytes(20 << 20))) == 20 << 20


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("spin", "took more than 1 s"),
        ("swell", "needed more than 1024 MiB of memory"),
        ("fail", "ended by a fault"),
        ("nothing", "ended by a fault"),
    ],
)
def test_what_takes_too_much_or_breaks_is_lost_and_said(name: str, words: str) -> None:
    with pytest.raises(WorkLost, match=words):
        work(name)
