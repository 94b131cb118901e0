"""What lateness costs: the deadline with a student's extension, points a day, and days that slip days pay for. Pure.

Whether a hand-in is accepted, and what the penalty leaves of its points, says `decide_grade`.
"""

from datetime import datetime, timedelta

from grader.core.grades import Extension, Rules
from grader.core.text import number

DAY = timedelta(days=1)


def effective_due(due: datetime | None, extension: Extension | None) -> datetime | None:
    """The deadline for one student. An extension never shortens; without a deadline nothing is late."""
    if due is None or extension is None:
        return due
    later = due if extension.due is None else max(due, extension.due)
    try:
        return later + timedelta(seconds=extension.seconds or 0)
    except OverflowError:  # the year 9999
        return later


def lateness_cost(lateness: timedelta, rules: Rules, *, out_of: float) -> tuple[int, float]:
    """Days begun after the deadline and the points they cost, where the submission is accepted.

    A day is 24 hours, so that a change of the clocks costs nobody a day.
    """
    if lateness <= timedelta(seconds=rules.late.grace):
        return 0, 0.0
    days = -(-lateness // DAY)
    return days, out_of * min(_by_days(rules, days), rules.late.most)


def _by_days(rules: Rules, days: int) -> float:
    """The share that so many days cost if nothing caps it: three times 0.15 is the 0.45 of `most`, and no hair less."""
    return round(rules.late.per_day * days, 9)


def slip_days_worth(lateness: timedelta, rules: Rules, available: int) -> int:
    """How many of the slip days that are there are spent: the fewest that save most. Each moves the deadline by 24 hours.

    It follows from times and rules alone, so another mark of the work spends no day, and gives none back.
    """
    days, cost = lateness_cost(lateness, rules, out_of=1.0)
    most = available if rules.late.most_slip_days is None else min(available, rules.late.most_slip_days)
    if not cost or most <= 0:
        return 0
    costs = [lateness_cost(lateness - spent * DAY, rules, out_of=1.0)[1] for spent in range(min(most, days) + 1)]
    return costs.index(min(costs))


def describe_lateness(days: int, slipped: int, cost: float, rules: Rules, *, accepted: bool) -> str:
    """Lateness in words: the day, the slip days that are spent, the cost and its rule."""
    late = f"handed in after the deadline, on day {days}"
    if not accepted:
        return f"{late}, when nothing was accepted any more"
    if slipped:
        late += f", for which {'1 slip day is' if slipped == 1 else f'{slipped} slip days are'} spent"
    if cost == 0:
        return f"{late}; this costs nothing"
    capped = _by_days(rules, days - slipped) > rules.late.most
    rule = f"{100 * rules.late.per_day:.4g} % of all points for each day begun{' beyond that' if slipped else ''}"
    return f"{late}: {number(cost)} points off ({rule}{f', at most {100 * rules.late.most:.4g} %' if capped else ''})"
