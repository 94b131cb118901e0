"""Messages between host and judge are bounded, and whatever else arrives is an error of the other side."""

import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.sandbox import channel
from grader.sandbox.channel import Channel, ProtocolError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


class Wire:
    """Two ends: a raw socket for what a judge may write, and the host's channel."""

    def __init__(self) -> None:
        self.raw, ours = socket.socketpair()
        ours.settimeout(5)
        self.host = Channel(ours)

    def answers(self, data: bytes, *, at_most: int = channel.PAYLOAD_BYTES) -> tuple[dict[str, object], bytes]:
        """What the host receives of `data` from a judge that then hangs up."""
        self.raw.sendall(data)
        self.raw.close()
        return self.host.receive(at_most=at_most)

    def close(self) -> None:
        self.raw.close()
        self.host.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


def received(data: bytes, *, at_most: int = channel.PAYLOAD_BYTES) -> tuple[dict[str, object], bytes]:
    wire = Wire()
    try:
        return wire.answers(data, at_most=at_most)
    finally:
        wire.close()


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5), st.binary(max_size=2000))
def test_a_message_arrives_as_it_was_sent(header: dict[str, object], payload: bytes) -> None:
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(ours), Channel(theirs)
    try:
        sender.send(header, payload)
        sender.send({"next": 1})
        found, data = receiver.receive()
        assert found == {**header, "bytes": len(payload)}
        assert data == payload
        assert receiver.receive() == ({"next": 1, "bytes": 0}, b"")
    finally:
        sender.close()
        receiver.close()


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.builds(lambda value, rest: json.dumps(value).encode() + b"\n" + rest, JSON, st.binary())
)
def test_any_bytes_are_a_message_or_a_protocol_error(data: bytes) -> None:
    try:
        header, payload = received(data)
    except ProtocolError:
        return
    assert isinstance(header, dict)
    assert len(payload) == header["bytes"]
    json.dumps(header, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no message"),
        (b'{"bytes": 0}', "a malformed message"),
        (b"\n", "unreadable"),
        (b"[]\n", "a malformed message"),
        (b"{}\n", "a malformed message"),
        (b'{"bytes": "1"}\nx', "a malformed message"),
        (b'{"bytes": 1.0}\nx', "a malformed message"),
        (b'{"bytes": -1}\n', "a malformed message"),
        (b'{"bytes": null}\n', "a malformed message"),
        (b'{"bytes": 5}\nabc', "the message ended early"),
        (b'{"bytes": 1e400}\n', "unreadable"),
        (b'{"a": 1e400, "bytes": 0}\n', "unreadable"),
        (b'{"a": "\\ud800", "bytes": 0}\n', "unreadable"),
        (b'{"a": ' + b"[" * 100_000 + b"\n", "unreadable"),
        (b'{"a": ' + b"9" * 5000 + b', "bytes": 0}\n', "unreadable"),
        (b"\xff\xfe\n", "unreadable"),
    ],
)
def test_what_is_no_message_is_said_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        received(data)


def test_a_payload_over_the_limit_is_refused_before_it_is_read(wire: Wire) -> None:
    wire.raw.sendall(b'{"bytes": 1000}\n' + b"x" * 1000)
    with pytest.raises(ProtocolError, match="malformed"):
        wire.host.receive(at_most=999)
    with pytest.raises(ProtocolError):
        received(json.dumps({"bytes": channel.PAYLOAD_BYTES + 1}).encode() + b"\n")


def test_a_header_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "HEADER_BYTES", 100)
    fits = json.dumps({"bytes": 0, "x": "a" * 70}).encode() + b"\n"
    assert len(fits) <= 100
    assert received(fits)[1] == b""
    with pytest.raises(ProtocolError):
        received(json.dumps({"bytes": 0, "x": "a" * 90}).encode() + b"\n")
    with pytest.raises(ProtocolError):
        received(b"a" * 200)


def test_what_json_does_not_have_becomes_nothing() -> None:
    header, _ = received(b'{"a": NaN, "b": [Infinity, -Infinity], "bytes": 0}\n')
    assert header == {"a": None, "b": [None, None], "bytes": 0}


def test_a_judge_that_says_nothing_is_waited_for_only_so_long(wire: Wire) -> None:
    wire.host._connection.settimeout(0.02)
    with pytest.raises(TimeoutError):
        wire.host.receive()


def test_a_judge_that_hangs_up_in_a_payload_is_noticed(wire: Wire) -> None:
    with pytest.raises(ProtocolError, match="ended early"):
        wire.answers(b'{"bytes": 1000000}\n' + b"x" * 999)
