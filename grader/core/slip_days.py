"""Slip days: a student's budget of days for all assignments of a course, shared out among those handed in late. Pure.

Nothing that was spent is ever stored: who spends what follows from all hand-ins each time a grade is asked for. So no day
can be spent twice, and whatever changes (an extension, another hand-in, a moved deadline, an excuse) changes it at once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from grader.core.grades import GradeBasis, Rules

LAST = datetime.max.replace(tzinfo=UTC)  # of a hand-in without a time, which is never late


def share_out(budget: int, works: Mapping[str, tuple[Rules, GradeBasis]]) -> dict[str, int]:
    """How many of a student's slip days are left when it is an assignment's turn, by its id.

    Days go to the submissions that count, in the order in which they were handed in. Which one counts may depend on the days
    that are left (`submissions = "best"`), so of all assignments whose turn has not come the earliest is looked for anew.
    """
    left, waiting, found = budget, dict(works), dict[str, int]()
    while waiting:
        turns = {name: basis.slipped(rules, left) for name, (rules, basis) in waiting.items()}
        name = min(turns, key=lambda name: (turns[name].moment or LAST, name))
        found[name] = left
        left -= turns[name].days
        if not left:  # nothing that comes later can spend anything
            return found | {other: 0 for other in waiting if other != name}
        del waiting[name]
    return found
