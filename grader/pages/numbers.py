"""Numbers, sizes, durations and times as people write them in the page's language."""

from datetime import datetime

from babel.dates import format_datetime

from grader.core import limits, text
from grader.pages.language import ENGLISH, numbers, spoken


def number(value: float) -> str:
    """A number of points: 50, 7.5, 33.33; in Italian 7,5."""
    return numbers(text.number(value))


def count(value: int) -> str:
    """A whole number with its thousands apart: 10,000; in Italian 10.000."""
    return numbers(text.count(value))


def percent(fraction: float, digits: int = 4) -> str:
    """A fraction as a percentage without idle zeros: 97 %, 97.5 %; in Italian 97,5 %."""
    return numbers(text.percent(fraction, digits))


def write_duration(seconds: float) -> str:
    """`95` as "1 min 35 s"; under a minute with one decimal place at most."""
    return numbers(limits.write_duration(seconds))


def write_size(size: float) -> str:
    """`1500000` as "1.43 MiB"; in Italian "1,43 MiB"."""
    return numbers(limits.write_size(size))


def write_moment(moment: str) -> str:
    """An ISO time: as it is in English, which machines and people share; elsewhere as the language writes times."""
    if spoken() == ENGLISH:
        return moment
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    zone = when.strftime("%Z")
    return (
        f"{format_datetime(when, 'd MMMM y, HH:mm:ss', locale=spoken().replace('-', '_'))}{f' {zone}' if zone else ''}"
    )
