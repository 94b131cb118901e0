"""`result.json` as Classroom 50's runner and collector read it, `classroom50/result/v1` (its wiki, "Advanced-Autograding").

Its scores are whole numbers, marks here are not. The rule: a mark becomes the nearest whole number (a half goes up), but
rounding neither takes it to the pass mark nor below it, and makes full marks of no other one. The most that can be had is
rounded up. The tests add up to the score: each has its points rounded down, and those that lost most get the points that are
left, a test that did not pass its full points only where no other one can take them.

Its runner stamps on the result who owns the repository, when it was submitted and how the assignment is done; what stands
there before counts for nothing. Without a `result.json` it says that the autograder failed, and enters no score.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from grader.core.errors import UsageError
from grader.core.results import Grade, Outcome, Result
from grader.exports.autograding import message_of, single_line, what_changed
from grader.exports.what_may_leave import for_students, is_advice, overview, the_grade

SCHEMA = "classroom50/result/v1"
NEEDED = ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")
TAG = "submit/"  # what its collector knows a submission by
LONGEST_NAME = 100  # bytes of a test's name
LONGEST_MESSAGE = 500
HALF = Decimal("0.5")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What the runner says of a submission; `owner` and `kind` may be empty, as it stamps them itself."""

    classroom: str
    assignment: str
    tag: str
    commit: str
    release: str
    review: str
    owner: str = ""
    kind: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Submission":
        """From the variables of the runner's environment. Raises UsageError for those that are missing."""
        said = {name: environment.get(name, "").strip() for name in (*NEEDED, "REVIEW_URL", "OWNER", "USERNAME")}
        missing = [name for name in NEEDED if not said[name]]
        if missing:
            raise UsageError(
                f"Classroom 50's result names the submission, and {', '.join(missing)} "
                f"{'are' if len(missing) > 1 else 'is'} not set.",
                "Write it from an autograder.py, which its runner calls with these variables.",
            )
        if not said["SUBMISSION_TAG"].startswith(TAG):
            raise UsageError(
                f"SUBMISSION_TAG is {said['SUBMISSION_TAG'][:60]!r}, and Classroom 50 takes no tag but {TAG}... .",
                "Leave the variable as its runner sets it.",
            )
        return cls(
            classroom=said["CLASSROOM"], assignment=said["ASSIGNMENT"], tag=said["SUBMISSION_TAG"],
            commit=said["COMMIT_URL"], release=said["RELEASE_URL"], review=said["REVIEW_URL"] or said["COMMIT_URL"],
            owner=said["OWNER"] or said["USERNAME"], kind=environment.get("ASSIGNMENT_TYPE", "").strip(),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A test of the result: whole points of the most that can be had; `message` is empty where nothing is missing."""

    name: str
    passed: bool
    score: int
    most: int
    message: str = ""


def write_result(results: Sequence[Result], submission: Submission, now: datetime) -> str:
    """The JSON text of one result, or of a repository's several, whose tests then begin with the assignment's name.

    Raises UsageError where there is none, for a smoke run, the excused, the absent, who awaits a person, and a group whose
    members have different grades; Infrastructure where the grader broke. Then there is no mark, and no file may be written.
    """
    if not results:
        raise UsageError("Nothing of this submission gives points yet, so there is no mark.", "Grade it in full.")
    scored = [
        test if len(results) == 1 else replace(test, name=f"{result.assignment}: {test.name}")
        for result in results
        for test in tests_of(result)
    ]
    who = {"owner": submission.owner, "assignment_type": submission.kind}
    document = {
        "schema": SCHEMA, "classroom": submission.classroom, "assignment": submission.assignment,
        **{key: value for key, value in who.items() if value},
        "submission": submission.tag, "commit": submission.commit, "release": submission.release,
        "review": submission.review, "datetime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": sum(test.score for test in scored), "max-score": sum(test.most for test in scored),
        "tests": [
            {
                "test-name": name, "passed": test.passed, "score": test.score, "max-score": test.most,
                **({"message": test.message} if test.message else {}),
            }
            for name, test in zip(_names(scored), scored, strict=True)
        ],
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def tests_of(result: Result) -> list[Scored]:
    """A test for each check that gives points. What lateness or a person changed in all is one test with the whole mark.

    A penalty can't be a test, as no score may be negative; the checks are then tests without points.
    """
    grade = the_grade(result)
    shown = for_students(result)
    score, most = whole_mark(grade.points or 0.0, grade.out_of, result.pass_mark)
    checks = [check for check in shown.checks if not is_advice(check)]
    pairs = [(check.points, check.out_of) for check in checks]
    whole = bool(checks) and not _changed(grade, pairs)
    shares = whole_shares(pairs, score) if whole else [(0, 0)] * len(checks)
    tests = [
        Scored(
            name=check.title, passed=check.outcome is Outcome.PASSED, score=share, most=highest,
            message=message_of(check, LONGEST_MESSAGE),
        )
        for check, (share, highest) in zip(checks, shares, strict=True)
    ]  # fmt: skip
    if not whole:
        name = f"The mark: {what_changed(grade)}" if checks else "The submission is graded"
        said = "" if grade.passed else single_line(overview(shown)[0], LONGEST_MESSAGE)
        tests.append(Scored(name=name, passed=grade.passed, score=score, most=most, message=said))
    return tests


def _changed(grade: Grade, pairs: Iterable[tuple[float, float]]) -> bool:
    """Whether the mark is another one than the checks add up to."""
    pairs = list(pairs)
    earned, most = sum(points for points, _ in pairs), sum(out_of for _, out_of in pairs)
    return abs((grade.points or 0.0) - earned) >= 0.005 or abs(grade.out_of - most) >= 0.005


def whole_mark(points: float, out_of: float, pass_mark: float) -> tuple[int, int]:
    """A mark and the most that can be had in whole points, by the rule at the top; more than the most is the most."""
    mark, most, line = _exact(points), _up(_exact(out_of)), _exact(pass_mark)
    if mark >= _exact(out_of):
        return most, most
    score = _down(mark + HALF)
    if mark < line <= score:
        score = _up(line) - 1
    elif score < line <= mark:
        score = _up(line)
    return max(0, min(score, most - 1)), most


def whole_shares(pairs: Sequence[tuple[float, float]], score: int) -> list[tuple[int, int]]:
    """Each check's points and most in whole points; those add up to `score`, these to the sum of all rounded up."""
    highest = _rounded_up_in_all([out_of for _, out_of in pairs])
    left = [max(0, most - 1) for most in highest]  # what a check that did not pass can have
    shares = []
    for place, (points, out_of) in enumerate(pairs):
        full = _exact(points) >= _exact(out_of)
        shares.append(highest[place] if full else min(_down(_exact(points)), left[place]))
    lost = [_exact(points) for points, _ in pairs]
    for _ in range(abs(score - sum(shares))):
        more = 1 if sum(shares) < score else -1
        free = [place for place in range(len(shares)) if (shares[place] < left[place] if more > 0 else shares[place])]
        free = free or [place for place in range(len(shares)) if shares[place] < highest[place]]
        place = max(free, key=lambda place: more * (lost[place] - shares[place]))
        shares[place] += more
    return list(zip(shares, highest, strict=True))


def _rounded_up_in_all(values: Iterable[float]) -> list[int]:
    """Whole numbers that add up, at every place, to the sum so far rounded up."""
    total, found = Decimal(0), []
    for value in values:
        before, total = _up(total), total + _exact(value)
        found.append(_up(total) - before)
    return found


def _exact(value: float) -> Decimal:
    """The number as people would write it: sums of floats are a hair off."""
    return Decimal(str(round(value, 6)))


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _down(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_FLOOR))


def _names(tests: Sequence[Scored]) -> list[str]:
    """A single line for each test, and no two alike: its gradebook tells tests apart by their names."""
    names, seen = [], Counter[str]()
    for test in tests:
        name = plain = _cut(single_line(test.name, LONGEST_NAME), LONGEST_NAME) or "A check"
        while name in names:
            seen[plain] += 1
            end = f" ({seen[plain] + 1})"
            name = _cut(plain, LONGEST_NAME - len(end)) + end
        names.append(name)
    return names


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, and no half character."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").strip()
