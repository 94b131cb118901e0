"""Checks that were skipped for one reason, told together: seven lines of it would hide the one that matters. Pure."""

from collections import Counter
from collections.abc import Sequence

from grader.core.results import CheckResult, Outcome
from grader.pages.language import many, translated

FEWEST = 2  # checks that are told together


def fold_skipped(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """The checks in their order; those that were skipped for one reason as one, where the first of them stands.

    It has the points of all of them; its title is their number and the reason.
    """
    often = Counter(check.reason for check in checks if _is_skipped(check))
    told: set[str] = set()
    folded = []
    for check in checks:
        if not _is_skipped(check) or often[check.reason] < FEWEST:
            folded.append(check)
        elif check.reason not in told:
            told.add(check.reason)
            folded.append(_together([item for item in checks if _is_skipped(item) and item.reason == check.reason]))
    return folded


def _is_skipped(check: CheckResult) -> bool:
    return check.outcome is Outcome.SKIPPED and bool(check.reason)


def _together(checks: Sequence[CheckResult]) -> CheckResult:
    reason = translated(checks[0].reason)
    title = many(len(checks), "{n} check skipped: {reason}", "{n} checks skipped: {reason}", reason=reason)
    points, out_of = (sum(getattr(check, name) for check in checks) for name in ("points", "out_of"))
    return checks[0].model_copy(update={"title": title, "points": points, "out_of": out_of, "reason": "", "hint": ""})
