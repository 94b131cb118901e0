"""The proxy: frames are followed whatever blocks they come in, and the first header that announces too much is the last."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.kernel.socket_proxy import (
    COMMAND,
    COMMAND_BYTES,
    ENVELOPE,
    LONG,
    MESSAGE_BYTES,
    MORE,
    MOST_CONTAINERS,
    MOST_FRAMES,
    MOST_VALUES,
    SMALL_JSON,
    Budget,
    FrameReader,
    ProtocolViolation,
    read_json,
    shown_part,
)

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL".ljust(54, b"\0") + b"\0"
LIMITS = Limits(output=1 << 20, messages=100)


def frame(size: int, flags: int = 0) -> bytes:
    """A header as libzmq writes it."""
    return struct.pack(">BQ", flags | LONG, size) if size > 255 else struct.pack(">BB", flags, size)


def message(*sizes: int) -> bytes:
    *first, last = sizes
    return b"".join(frame(size, MORE) + bytes(size) for size in first) + frame(last) + bytes(last)


def reader(limits: Limits = LIMITS) -> FrameReader:
    found = FrameReader(Budget(limits))
    found.feed(GREETING)
    return found


def refused(*blocks: bytes, limits: Limits = LIMITS) -> ProtocolViolation:
    frames = reader(limits)
    with pytest.raises(ProtocolViolation) as caught:
        for block in blocks:
            frames.feed(block)
    return caught.value


def test_a_greeting_has_64_bytes() -> None:
    assert len(GREETING) == 64


@given(st.lists(st.lists(st.integers(0, 700), min_size=1, max_size=MOST_FRAMES), max_size=8), st.data())
def test_honest_messages_pass_whatever_blocks_they_come_in(messages: list[list[int]], data: st.DataObject) -> None:
    stream = GREETING + frame(30, COMMAND) + bytes(30) + b"".join(message(*sizes) for sizes in messages)
    frames = FrameReader(Budget(LIMITS))
    place = 0
    while place < len(stream):
        step = data.draw(st.integers(1, 300))
        frames.feed(stream[place : place + step])
        place += step


@given(st.binary(min_size=1, max_size=400), st.lists(st.integers(1, 50), min_size=1))
def test_anything_else_passes_or_is_a_violation_and_blocks_make_no_difference(data: bytes, steps: list[int]) -> None:
    def verdict(blocks: list[bytes]) -> str:
        frames = reader()
        try:
            for block in blocks:
                frames.feed(block)
        except ProtocolViolation as violation:
            return violation.what
        return "passed"

    parts, place = [], 0
    for step in steps * (len(data) // sum(steps) + 1):
        parts.append(data[place : place + step])
        place += step
    assert verdict([data]) == verdict(parts)


def test_a_frame_is_refused_by_its_header_before_any_of_its_bytes() -> None:
    violation = refused(frame(1 << 40))
    assert (violation.cause, violation.what) == (Cause.OUTPUT_LIMIT, "8 MiB at once")


def test_many_frames_of_one_message_are_counted_together() -> None:
    part = frame(MESSAGE_BYTES // 2, MORE) + bytes(MESSAGE_BYTES // 2)
    assert refused(part, part, frame(1)).what == "8 MiB at once"
    assert "parts" in refused(frame(0, MORE) * (MOST_FRAMES + 1)).what


def test_output_is_counted_without_the_envelope_of_each_message() -> None:
    frames = reader()
    for _ in range(99):
        frames.feed(message(ENVELOPE))
    assert refused(*[message(200_000)] * 6).what == "1 MiB"


def test_messages_are_counted_of_whatever_kind() -> None:
    assert refused(message(10) * 101).what == "100 times"
    assert refused((frame(5, COMMAND) + bytes(5)) * 101).what == "100 times"


@pytest.mark.parametrize("flags", [8, 128, COMMAND | MORE])
def test_flags_that_zmtp_does_not_know_are_a_violation(flags: int) -> None:
    assert refused(frame(3, flags)).cause is Cause.PROTOCOL_VIOLATION


def test_a_long_command_is_a_violation() -> None:
    assert refused(frame(COMMAND_BYTES + 1, COMMAND)).cause is Cause.PROTOCOL_VIOLATION


@pytest.mark.parametrize("greeting", [b"\x01" + GREETING[1:], GREETING[:10] + b"\x02" + GREETING[11:], bytes(64)])
def test_another_protocol_is_a_violation(greeting: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="greeting"):
        FrameReader(Budget(LIMITS)).feed(greeting)


@pytest.mark.parametrize(
    "data",
    [b"[" + b"[]," * MOST_CONTAINERS + b"0]", b"[" + b"1," * MOST_VALUES + b"1,0]", b"{" * (SMALL_JSON + 1)],
)
def test_json_that_would_swell_is_not_read(data: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="JSON"):
        read_json(data)


def test_long_texts_full_of_brackets_and_commas_are_read() -> None:
    text = '[{",' * 300_000
    quoted = text.replace('"', '\\"')
    assert read_json(f'{{"text": "{quoted}"}}'.encode()) == {"text": text}


def test_an_endless_string_of_escaped_quotes_takes_no_time() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        read_json(b'"' + b'\\"' * (3 << 20))


def test_an_error_has_its_public_name_whatever_python_calls_it() -> None:
    content = {"ename": "_IncompleteInputError", "evalue": "incomplete input", "traceback": []}
    shown = shown_part({"msg_type": "error", "content": content})["content"]
    assert (shown["ename"], shown["evalue"]) == ("SyntaxError", "incomplete input")
    other = {**content, "ename": "ValueError"}
    assert shown_part({"msg_type": "error", "content": other})["content"]["ename"] == "ValueError"
