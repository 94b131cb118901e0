"""More time for one student, as a roster writes it: a new deadline or a length. Pure."""

from datetime import date, datetime, time

from grader.grades import Extension
from grader.limits import parse_span

LONGEST = 366 * 24 * 3600.0  # seconds
YEARS = range(2000, 2200)
EXAMPLES = "write a length (36h, 2d) or a new deadline (2026-05-01, 2026-05-01T18:00, 2026-05-01T18:00+02:00)"


def read_extension(text: str) -> Extension:
    """The extension that `text` writes. ValueError, in words, for what is neither a length nor a time.

    A day without a time lasts until its end; a time without an offset is in the time zone of this computer.
    """
    try:
        return Extension(due=_read_due(text.strip()))
    except (ValueError, OverflowError, OSError):
        return Extension(seconds=_read_length(text.strip()))


def _read_due(text: str) -> datetime:
    try:
        due = datetime.combine(date.fromisoformat(text), time(23, 59, 59))
    except ValueError:
        due = datetime.fromisoformat(text)
    if due.year not in YEARS:
        raise ValueError(text)
    return due if due.tzinfo else due.astimezone()


def _read_length(text: str) -> float:
    try:
        seconds = parse_span(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no extension: {EXAMPLES}") from None
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{text[:60]!r} is no extension: it is nothing, or longer than a year")
    return float(seconds)
