"""Durations and sizes as a rubric writes them and as a report reads them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.core.limits import Limits, parse_duration, parse_size, write_duration, write_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), (" 2 h ", 7200), ("0.5s", 0.5)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512MiB", 512 << 20), ("4GiB", 4 << 30), ("1.5 GiB", 3 << 29), ("100B", 100), ("2KiB", 2048)]
)
def test_a_size_is_a_number_and_a_binary_unit(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize(
    "text", ["", "30", "m", "30 minutes", "-3m", "1e3s", "30M", "3,5h", "m30", "inf s", "9" * 400 + "s"]
)
def test_other_words_for_a_duration_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="as in '30m'"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "4", "4GB", "4 gib", "-1GiB", "1e9B", "nan B", "9" * 400 + "GiB"])
def test_other_words_for_a_size_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="as in '4GiB'"):
        parse_size(text)


def test_plain_numbers_are_seconds_and_bytes() -> None:
    assert parse_duration(12.5) == 12.5
    assert parse_size(1 << 20) == 1 << 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("wall", 0), ("wall", -1), ("wall", "0s"), ("wall", float("nan")), ("wall", float("inf")), ("wall", "49h"),
        ("memory", 0), ("memory", "1KiB"), ("memory", "2000000GiB"), ("memory", 1.5e6 + 0.5), ("memory", float("inf")),
        ("processes", 0), ("threads", 0), ("messages", 1), ("disk", None), ("cell", [3]), ("wall", True),
    ],
)  # fmt: skip
def test_limits_that_no_machine_could_keep_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        Limits.model_validate({key: value})


def test_a_limit_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="memori"):
        Limits.model_validate({"memori": "4GiB"})


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_limit_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            assert parse(text) >= 0
        except ValueError as error:
            assert repr(text) in str(error)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1_500_000, "1.43 MiB"),
        (4 << 30, "4 GiB"),
        (1010 << 20, "1010 MiB"),
        (1 << 45, "32768 GiB"),
    ],
)
def test_a_size_is_written_in_its_largest_unit(size: int, text: str) -> None:
    assert write_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.25, "1.25 s"),
        (59.4, "59.4 s"),
        (60, "1 min"),
        (95, "1 min 35 s"),
        (3600, "1 h 0 min"),
        (5400, "1 h 30 min"),
    ],
)
def test_a_duration_is_written_for_people(seconds: float, text: str) -> None:
    assert write_duration(seconds) == text


@settings(deadline=None)
@given(st.integers(1 << 20, 1 << 40))
def test_what_is_written_as_a_size_reads_back_to_within_a_percent(size: int) -> None:
    assert parse_size(write_size(size)) == pytest.approx(size, rel=0.01)
