"""A class of results for tests of reports, with every kind of ending in it."""

import random
from collections.abc import Sequence

from grader.core.evidence import Cause, Ending
from grader.core.results import CheckResult, Flag, Outcome, Result, Status
from tests.pages.builders import a_check, a_result, an_accuracy


def a_class(size: int) -> list[Result]:
    """A class of every kind of ending, the same one each time."""
    dice = random.Random(7)
    first = ("Ada", "Blaise", "Chiara", "Dmitri", "Emmy", "Fatima", "Grace", "Hiroshi", "Ingrid", "João", "Łukasz")
    last = ("Ahmed", "Becker", "Castro", "Dubois", "Eriksen", "Fischer", "Gupta", "Haddad", "Ivanova", "Kimura")
    names = [f"{dice.choice(first)} {dice.choice(last)} {number:03}" for number in range(size)]
    return [_student(name, dice) for name in names]


def _student(name: str, dice: random.Random) -> Result:
    fate = dice.random()
    if fate < 0.05:
        ending = Ending(cause=Cause.MEMORY_LIMIT, message="Cell 4 asked for more than 4 GiB.", cell=4, wall_s=12.0)
        failed = (
            a_check(Outcome.FAILED, name="runs", title="The notebook runs to its end", out_of=20.0),
            a_check(Outcome.SKIPPED, out_of=80.0),
        )
        return a_result(
            failed, student=name, status=Status.EXPLAINED, passed=False, accuracy=None, ending=ending, compared=()
        )
    if fate < 0.07:
        return a_result(student=name, status=Status.BROKEN, passed=False, accuracy=None, checks=())
    accuracy = an_accuracy(min(9_920, int(dice.gauss(9_790, 70))))
    good = accuracy.value >= 0.97
    checks = _class_checks(dice, good)
    flags = (Flag(kind="late_submission", reason="two days after the deadline"),) if fate > 0.93 else ()
    status = Status.NEEDS_REVIEW if fate > 0.97 else Status.GRADED
    passed = sum(check.points for check in checks) >= 60
    return a_result(student=name, status=status, passed=passed, accuracy=accuracy, checks=checks, flags=flags)


def _class_checks(dice: random.Random, good: bool) -> tuple[CheckResult, ...]:
    def drawn(chances: Sequence[float]) -> Outcome:
        return dice.choices((Outcome.PASSED, Outcome.PARTIAL, Outcome.FAILED), chances)[0]

    return (
        a_check(name="runs", title="The notebook runs to its end", points=20.0, out_of=20.0),
        a_check(
            Outcome.PASSED if good else Outcome.FAILED,
            name="accuracy",
            title="At least 97 % of the test images are recognised",
            points=50.0 if good else 0.0,
            out_of=50.0,
        ),
        a_check(drawn((6, 2, 2)), name="figure", title="A figure shows the learning curves"),
        a_check(drawn((7, 0, 3)), name="dropout", title="Dropout holds back overfitting"),
        a_check(drawn((8, 0, 2)), name="input_shape", title="The input has the right shape"),
    )
