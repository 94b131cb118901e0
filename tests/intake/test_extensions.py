"""An extension is a length or a new deadline, and a moment in the end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.grades import Extension
from grader.intake.roster import read_extension


@pytest.mark.parametrize(("text", "hours"), [("2d", 48), ("36h", 36), (" 90m ", 1.5), ("1.5d", 36), ("7 d", 168)])
def test_a_length_is_so_many_seconds(text: str, hours: float) -> None:
    assert read_extension(text) == Extension(seconds=hours * 3600)


def test_a_deadline_with_an_offset_is_that_moment() -> None:
    found = read_extension("2026-05-01T18:00+02:00").due
    assert found == datetime(2026, 5, 1, 16, tzinfo=UTC)
    assert read_extension("2026-05-01T18:00Z").due == datetime(2026, 5, 1, 18, tzinfo=UTC)


def test_a_deadline_without_an_offset_is_in_the_zone_of_this_computer_and_a_day_lasts_until_its_end() -> None:
    assert read_extension("2026-05-01 18:00").due == datetime(2026, 5, 1, 18).astimezone()
    assert read_extension("2026-05-01").due == datetime(2026, 5, 1, 23, 59, 59).astimezone()


@pytest.mark.parametrize(
    "text", ["", "two days", "01/05/2026", "-2d", "0h", "400d", "2", "2y", "0001-01-01", "9999-12-31"]
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is not an extension: "):
        read_extension(text)


@given(st.text() | st.datetimes().map(str) | st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,9})?[smhd]", fullmatch=True))
def test_any_text_is_an_extension_or_refused_in_words(text: str) -> None:
    try:
        found = read_extension(text)
    except ValueError as error:
        assert 0 < len(str(error)) < 300
    else:
        assert (found.due is None) != (found.seconds is None)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)), st.integers(-14, 14))
def test_what_is_written_in_iso_is_read_again(time: datetime, hours: int) -> None:
    moment = (time - timedelta(hours=hours)).replace(tzinfo=UTC)
    assert read_extension(f"{time.isoformat()}{hours:+03}:00").due == moment
