"""What changed from one self-check to the next: points, and which checks pass now or no longer do. Pure."""

from collections.abc import Iterator

from grader.core.results import CheckResult, Outcome, labelled
from grader.core.text import cleaned, defused, one_line
from grader.pages.language import many, number, say
from grader.pages.wording import MARKS
from grader.selfcheck.estimate import Checked

WORSE = (Outcome.FAILED, Outcome.PARTIAL, Outcome.BROKEN)


def changes(before: Checked, now: Checked) -> list[str]:
    """In lines: points up or down, then each check that passes now, or no longer does."""
    told = list(_checks(before, now))
    points = _points(before, now)
    if not told and not points:
        return [say("Since the last check: nothing changed.")]
    return [points or say("Since the last check: as many points as before."), *(defused(line) for line in told)]


def _points(before: Checked, now: Checked) -> str:
    """How the points moved that are kept as it is; "" where they did not."""
    old, new = (round(checked.standing.certain + checked.standing.likely, 2) for checked in (before, now))
    more = round(new - old, 2)
    if not more:
        return ""
    amounts = {"amount": number(abs(more)), "new": number(new), "old": number(old)}
    form = 1 if abs(more) == 1 else 2
    if more > 0:
        return many(
            form, "Since the last check: {amount} point more ({new}, before {old}).",
            "Since the last check: {amount} points more ({new}, before {old}).", **amounts,
        )  # fmt: skip
    return many(
        form, "Since the last check: {amount} point fewer ({new}, before {old}).",
        "Since the last check: {amount} points fewer ({new}, before {old}).", **amounts,
    )  # fmt: skip


def _checks(before: Checked, now: Checked) -> Iterator[str]:
    known = labelled(cleaned(before.result).checks)
    for label, check in labelled(cleaned(now.result).checks).items():
        old = known.get(label)
        words = "" if old is None else _moved(old, check)
        if words:
            yield f"  {MARKS[check.outcome]} {words}"


def _moved(old: CheckResult, new: CheckResult) -> str:
    """What became of one check; "" where nothing did."""
    title = say(one_line(new.title))
    if old.outcome is new.outcome:
        if old.points == new.points:
            return ""
        return say("{title}: {new} of {out_of}, before {old}", title=title, new=number(new.points),
                   out_of=number(new.out_of), old=number(old.points))  # fmt: skip
    if new.outcome is Outcome.PASSED:
        return say("passes now: {title}", title=title)
    if new.outcome in WORSE and old.outcome is Outcome.PASSED:
        return say("no longer passes: {title}", title=title)
    if new.outcome in WORSE:
        return say("does not pass: {title}", title=title)
    if old.outcome is Outcome.PASSED or old.outcome in WORSE:
        return say("no longer looked at: {title}", title=title)
    return ""
