"""Which submission counts, what lateness costs, what a person decided: pure rules, and what always holds of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.assignment import Late, read_assignment
from grader.core.decision_log import Adjustment, CheckPoints, Comment, Review
from grader.core.grades import Extension, Rules, plain_grade, rubric_digest, standing_checks, with_grade
from grader.core.results import CheckResult, Grade, Outcome, Override, Status, Student
from grader.core.text import rounded
from grader.gradebook.decide_grade import GradeBasis, Marked, MarkedCheck
from grader.gradebook.late_penalty import effective_due
from tests.fakes import a_result

ADA = Student(name="ada")
DUE = datetime.fromisoformat("2026-11-20T23:59:00+01:00")
LATE = Late(grace=600, per_day=0.1, most=0.5, after=7 * 86400)
RULES = Rules(assignment="exercise1", title="Exercise 1", out_of=100, pass_mark=60, due=DUE, late=LATE)
OVERRIDE = Override(points=75, excused=False, author="kim", reason="a defect", time="2026-11-23T09:00:00+00:00")
EXCUSE = OVERRIDE.model_copy(update={"points": None, "excused": True})


def marked(points: float = 90, late: timedelta | None = None, **changes: object) -> Marked:
    """A submission of so many of 100 points, handed in so long after the deadline (None: at an unknown time)."""
    values: dict[str, object] = {
        "sequence": 1, "submission": "work.ipynb", "status": Status.GRADED, "points": points, "out_of": 100,
        "pass_mark": 60, "passed": points >= 60, "submitted": late if late is None else DUE + late,
    }  # fmt: skip
    return Marked.model_validate({**values, **changes})


def decide_grade(student: Student, rules: Rules, works: Sequence[Marked], **more: object) -> Grade:
    return GradeBasis.model_validate({"student": student, "marked": works, **more}).grade(rules)


def lost(late: timedelta, rules: Rules = RULES, **changes: object) -> float:
    grade = decide_grade(ADA, rules, [marked(90, late)], **changes)
    assert grade.points is not None
    return 90 - grade.points


def test_nothing_handed_in_has_no_points_and_no_status() -> None:
    grade = decide_grade(ADA, RULES, [])
    assert (grade.points, grade.earned, grade.status, grade.passed, grade.submissions) == (None, None, None, False, 0)
    assert (grade.out_of, grade.due) == (100, DUE.isoformat())


@pytest.mark.parametrize(
    ("late", "points"),
    [
        (timedelta(days=-1), 0), (timedelta(0), 0), (timedelta(minutes=10), 0),
        (timedelta(minutes=10, seconds=1), 10), (timedelta(days=1), 10), (timedelta(days=1, microseconds=1), 20),
        (timedelta(days=4, hours=23), 50), (timedelta(days=7), 50), (timedelta(days=7, seconds=1), 90),
    ],
)  # fmt: skip
def test_each_day_begun_costs_its_share_up_to_the_cap_and_in_the_end_all(late: timedelta, points: float) -> None:
    assert lost(late) == points


def test_a_penalty_says_its_days_its_points_and_its_rule() -> None:
    grade = decide_grade(ADA, RULES, [marked(90, timedelta(hours=25))])
    assert grade.penalty is not None
    assert (grade.penalty.days, grade.penalty.points) == (2, 20)
    assert (
        grade.comment
        == "Handed in after the deadline, on day 2: 20 points off (10 % of all points for each day begun)."
    )
    capped = decide_grade(ADA, RULES, [marked(90, timedelta(days=5, hours=1))])
    assert capped.comment.endswith("on day 6: 50 points off (10 % of all points for each day begun, at most 50 %).")
    refused = decide_grade(ADA, RULES, [marked(90, timedelta(days=9))])
    assert (refused.points, refused.passed, refused.submissions) == (0, False, 1)
    assert refused.comment == "Handed in after the deadline, on day 9, when nothing was accepted any more."
    free = decide_grade(ADA, RULES.model_copy(update={"late": Late()}), [marked(90, timedelta(days=9))])
    assert free.penalty is not None
    assert (free.points, free.penalty.words, free.comment) == (
        90,
        "handed in after the deadline, on day 9; this costs nothing",
        "",
    )


def test_points_never_fall_below_nothing() -> None:
    grade = decide_grade(ADA, RULES, [marked(15, timedelta(days=3))])
    assert (grade.points, grade.earned) == (0, 15)
    assert grade.penalty is not None
    assert grade.penalty.points == 15, "what it really cost"


def test_points_their_penalty_and_its_words_are_hundredths_that_add_up() -> None:
    rules = RULES.model_copy(update={"out_of": 12.5, "pass_mark": 7.5, "late": Late(per_day=0.05)})
    work = marked(8.12, timedelta(hours=1), out_of=12.5, pass_mark=7.5)  # less 0.625
    grade = decide_grade(ADA, rules, [work])
    assert (grade.points, grade.passed, grade.penalty and grade.penalty.points) == (7.49, False, 0.63)
    assert "0.63 points off" in grade.comment


@pytest.mark.parametrize(("value", "digits", "expected"), [
    (88.335, 2, 88.34), (2.675, 2, 2.68), (27.495000000000005, 2, 27.5), (27.494999999999997, 2, 27.5), (0.1 + 0.2, 2, 0.3),
    (-2.675, 2, -2.68), (59.994, 2, 59.99), (1e15, 2, 1e15), (97.25, 1, 97.3),
])  # fmt: skip
def test_a_half_goes_up_whatever_floats_make_of_it(value: float, digits: int, expected: float) -> None:
    assert rounded(value, digits) == expected


def test_passing_is_decided_after_the_penalty() -> None:
    assert decide_grade(ADA, RULES, [marked(70, timedelta(hours=1))]).passed
    assert not decide_grade(ADA, RULES, [marked(69, timedelta(hours=1))]).passed
    unsound = marked(90, timedelta(0), passed=False, status=Status.EXPLAINED)
    assert not decide_grade(ADA, RULES, [unsound]).passed, "nothing was judged"


@pytest.mark.parametrize(
    ("extension", "due"),
    [
        (Extension(seconds=2 * 86400), DUE + timedelta(days=2)),
        (Extension(due=DUE + timedelta(days=3)), DUE + timedelta(days=3)),
        (Extension(due=DUE - timedelta(days=3)), DUE),
        (Extension(seconds=1e12), DUE),
        (None, DUE),
    ],
)
def test_an_extension_moves_the_deadline_and_never_shortens_it(extension: Extension | None, due: datetime) -> None:
    assert effective_due(DUE, extension) == due
    assert effective_due(None, extension) is None
    assert lost(due - DUE, extension=extension) == 0
    assert lost(due - DUE + timedelta(hours=1), extension=extension) == 10
    assert decide_grade(ADA, RULES, [], extension=extension).due == due.isoformat()


def test_a_mark_of_lateness_without_a_time_is_flagged_and_costs_nothing() -> None:
    grade = decide_grade(ADA, RULES, [marked(90, marked_late=True, flags=("borderline",))])
    assert (grade.points, grade.penalty, grade.flags) == (90, None, ("borderline", "late_without_time"))
    timed = decide_grade(ADA, RULES, [marked(90, timedelta(hours=1), marked_late=True)])
    assert (timed.points, timed.flags) == (80, ()), "a time says more than a mark"


def test_the_last_counts_by_time_or_else_by_the_order_in_which_they_were_seen() -> None:
    early = marked(90, timedelta(hours=-2), sequence=2)
    later = marked(50, timedelta(hours=-1), sequence=1)
    assert decide_grade(ADA, RULES, [later, early]).points == 50
    assert decide_grade(ADA, RULES, [later, early.model_copy(update={"submitted": None})]).points == 90


def test_the_best_counts_after_lateness() -> None:
    best = RULES.model_copy(update={"submissions": "best"})
    on_time, late = marked(80, timedelta(0)), marked(95, timedelta(days=2), sequence=2)
    grade = decide_grade(ADA, best, [on_time, late])
    assert (grade.points, grade.submissions, grade.penalty) == (80, 2, None)
    assert decide_grade(ADA, RULES, [on_time, late]).points == 75


def test_what_came_too_late_counts_only_where_there_is_no_other() -> None:
    too_late = marked(100, timedelta(days=8), sequence=2)
    assert decide_grade(ADA, RULES, [marked(70, timedelta(0)), too_late]).points == 70
    assert decide_grade(ADA, RULES, [too_late]).points == 0


def test_a_fault_of_ours_gives_no_points_rather_than_none_of_them() -> None:
    broken = marked(0, timedelta(days=3), status=Status.BROKEN, passed=False)
    grade = decide_grade(ADA, RULES, [broken])
    assert (grade.points, grade.earned, grade.penalty, grade.status) == (None, None, None, Status.BROKEN)
    best = RULES.model_copy(update={"submissions": "best"})
    assert decide_grade(ADA, best, [broken, marked(10, timedelta(0), sequence=0)]).points == 10


def test_a_reason_that_instructors_gave_is_no_comment_for_the_student() -> None:
    grade = decide_grade(ADA, RULES, [marked(90, timedelta(days=2))], override=OVERRIDE)
    assert (grade.comment, grade.override) == ("", OVERRIDE)


def test_times_are_written_as_the_deadline_is() -> None:
    grade = decide_grade(ADA, RULES, [marked(90, submitted=datetime(2026, 11, 20, 12, tzinfo=UTC))])
    assert grade.submitted == "2026-11-20T13:00:00+01:00"
    without = decide_grade(ADA, RULES.model_copy(update={"due": None}), [marked(90, submitted=DUE)])
    assert (without.submitted, without.due) == ("2026-11-20T22:59:00+00:00", None)


POINTS = st.floats(0, 100)
LATENESS = st.timedeltas(timedelta(days=-400), timedelta(days=400))
MARKED = st.builds(
    lambda points, late, status, sequence: marked(points, late, status=status, sequence=sequence),
    POINTS, st.none() | LATENESS, st.sampled_from(Status), st.integers(1, 9),
)  # fmt: skip
LATES = st.builds(
    lambda grace, per_day, most, more: Late(
        grace=grace, per_day=per_day, most=most, after=None if more is None else grace + more
    ),
    st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1), st.none() | st.floats(0, 1e6),
)  # fmt: skip
EVERY_RULE = st.builds(
    lambda due, late, counts: RULES.model_copy(update={"due": due, "late": late, "submissions": counts}),
    st.none() | st.just(DUE), LATES, st.sampled_from(["last", "best"]),
)  # fmt: skip
EXTENSIONS = (
    st.none()
    | st.builds(Extension, seconds=st.floats(0, 1e7))
    | st.builds(Extension, due=LATENESS.map(lambda by: DUE + by))
)


@given(EVERY_RULE, st.lists(MARKED, max_size=4), EXTENSIONS)
def test_points_lie_between_nothing_and_what_was_earned(
    rules: Rules, all_marked: list[Marked], extension: Extension | None
) -> None:
    grade = decide_grade(ADA, rules, all_marked, extension=extension)
    assert grade.submissions == len(all_marked)
    if grade.points is None:
        assert not grade.passed
        return
    assert grade.earned is not None
    assert 0 <= grade.points <= grade.earned <= grade.out_of
    assert grade.passed <= (grade.points >= 60)
    lost_points = 0.0 if grade.penalty is None else grade.penalty.points
    assert grade.points == pytest.approx(grade.earned - lost_points, abs=1e-5)


@given(EVERY_RULE, POINTS, LATENESS, LATENESS, EXTENSIONS)
def test_more_lateness_is_never_more_points(
    rules: Rules, points: float, one: timedelta, other: timedelta, extension: Extension | None
) -> None:
    earlier, later = (
        decide_grade(ADA, rules, [marked(points, late)], extension=extension) for late in sorted((one, other))
    )
    assert later.points is not None
    assert earlier.points is not None
    assert later.points <= earlier.points
    assert later.passed <= earlier.passed


@given(EVERY_RULE, POINTS, LATENESS, st.floats(0, 1e7))
def test_an_extension_never_costs_points(rules: Rules, points: float, late: timedelta, seconds: float) -> None:
    plain = decide_grade(ADA, rules, [marked(points, late)])
    longer = decide_grade(ADA, rules, [marked(points, late)], extension=Extension(seconds=seconds))
    assert plain.points is not None
    assert longer.points is not None
    assert longer.points >= plain.points


@given(st.data(), EVERY_RULE, st.lists(MARKED, max_size=4), EXTENSIONS, st.sampled_from([OVERRIDE, EXCUSE]))
def test_a_decision_wins_over_every_result_rule_and_regrade(
    data: st.DataObject, rules: Rules, all_marked: list[Marked], extension: Extension | None, decision: Override
) -> None:
    def points(grade: Grade) -> tuple[float | None, bool]:
        return grade.points, grade.passed

    first = decide_grade(ADA, rules, all_marked, extension=extension, override=decision)
    regraded = [item.model_copy(update={"points": data.draw(POINTS)}) for item in all_marked]
    again = decide_grade(ADA, data.draw(EVERY_RULE), regraded, override=decision)
    assert points(first) == points(again) == ((None, False) if decision.excused else (75, True))
    assert first.excused is decision.excused
    plain = decide_grade(ADA, rules, all_marked, extension=extension)
    assert first.earned == plain.earned, "what was earned stays to be seen"


@given(EVERY_RULE, st.lists(MARKED, min_size=1, max_size=4, unique_by=lambda item: item.sequence))
def test_best_is_never_worse_than_last_and_the_order_does_not_matter(rules: Rules, all_marked: list[Marked]) -> None:
    last, best = (
        decide_grade(ADA, rules.model_copy(update={"submissions": counts}), all_marked) for counts in ("last", "best")
    )
    assert (best.points or 0) >= (last.points or 0)
    assert decide_grade(ADA, rules, all_marked[::-1]) == decide_grade(ADA, rules, all_marked)


RUBRIC = (
    'schema = 1\ntitle = "x"\ndataset = "mnist"\npass_mark = 1\n{}\n'
    '[[check]]\nuse = "accuracy"\npoints = 10\nat_least = 0.9\n'
)


def test_a_rubrics_digest_is_moved_by_what_moves_a_mark_alone(tmp_path: Path) -> None:
    def digest(rules: str = "", text: str = RUBRIC, data: str = "d") -> str:
        path = tmp_path / "exercise1" / "assignment.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(rules))
        return rubric_digest(read_assignment(path), data)

    plain = digest()
    assert (
        digest('due = 2026-11-20T23:59:00+01:00\nsubmissions = "best"\n[late]\nper_day = 0.1\n[run]\nwall = "1m"')
        == plain
    )
    changed = [digest(data="e"), digest(text=RUBRIC.replace("0.9", "0.8")), digest("[retry]\ntimes = 1")]
    assert len({plain, *changed}) == 4


CHECKS = (
    MarkedCheck(label="accuracy", title="Accurate", points=40, out_of=70),
    MarkedCheck(label="manual", title="The plot is right", points=0, out_of=10, awaiting=True),
)
ACCURATE = CheckPoints(check="accuracy", points=60, author="kim", reason="a defect")
PLOT = CheckPoints(check="manual", points=8, author="kim")


def reviewed(*checks: CheckPoints, late: timedelta | None = None, points: float = 50, **changes: object) -> Grade:
    """The grade of a submission of so many points, of which a person decided some."""
    review = Review.model_validate({"checks": checks, **changes})
    return decide_grade(ADA, RULES, [marked(points, late, checks=CHECKS)], review=review)


def test_without_the_points_that_a_person_gives_there_are_none_in_all() -> None:
    for grade in (reviewed(), reviewed(ACCURATE), decide_grade(ADA, RULES, [marked(50, checks=CHECKS)])):
        assert (grade.points, grade.passed, grade.awaits) == (None, False, ("The plot is right",))
    assert (reviewed(PLOT).points, reviewed(PLOT).awaits) == (58, ())


def test_decided_points_replace_those_of_the_check_and_pass_whom_they_should() -> None:
    grade = reviewed(ACCURATE, PLOT)
    assert (grade.points, grade.earned, grade.passed) == (78, 50, True)
    explained = decide_grade(
        ADA, RULES, [marked(50, checks=CHECKS, status=Status.EXPLAINED, passed=False)], review=grade.review
    )
    assert (explained.points, explained.passed) == (78, True)


def test_lateness_takes_from_what_a_person_decided() -> None:
    assert reviewed(ACCURATE, PLOT, late=timedelta(hours=1)).points == 68


def test_what_was_decided_of_a_check_that_is_gone_changes_nothing_and_is_asked_about() -> None:
    grade = reviewed(PLOT, ACCURATE.model_copy(update={"check": "acuracy"}))
    assert (grade.points, "decided_before" in grade.flags) == (58, True)


def test_a_check_never_gets_more_points_than_it_has_and_that_is_asked_about() -> None:
    grade = reviewed(PLOT, ACCURATE.model_copy(update={"points": 90.0}))
    assert (grade.points, "decided_before" in grade.flags) == (88, True)


@pytest.mark.parametrize(
    "review",
    [
        Review(comments=(Comment(id="1", text="untidy", points=-1),)), Review(adjustment=Adjustment(points=0, author="kim")),
        Review(checks=(CheckPoints(check="accuracy", points=40, author="kim"),)), Review(looked_at="kim"),
    ],
)  # fmt: skip
def test_only_points_that_are_given_pass_whom_no_verdict_passed(review: Review) -> None:
    unjudged = marked(70, checks=CHECKS[:1], status=Status.EXPLAINED, passed=False)
    assert not decide_grade(ADA, RULES, [unjudged], review=review).passed
    given = review.model_copy(update={"adjustment": Adjustment(points=5, author="kim")})
    assert decide_grade(ADA, RULES, [unjudged], review=given).passed


def test_no_points_for_the_last_check_that_awaited_a_person_pass_who_has_enough() -> None:
    waiting = marked(70, checks=CHECKS[1:], passed=False)
    nothing = CheckPoints(check="manual", points=0, author="kim")
    grade = decide_grade(ADA, RULES, [waiting], review=Review(checks=(nothing,)))
    assert (grade.points, grade.passed) == (70, True)


def test_a_check_that_is_called_otherwise_since_its_points_were_decided_is_asked_about() -> None:
    renamed = PLOT.model_copy(update={"title": "The discussion names two sources of error"})
    assert "decided_before" in reviewed(renamed).flags
    assert "decided_before" not in reviewed(PLOT.model_copy(update={"title": "The plot is right"})).flags


def test_points_follow_a_check_whose_label_a_second_one_of_its_kind_changed() -> None:
    checks = (
        MarkedCheck(label="manual (The plot is right)", title="The plot is right", points=0, out_of=10, awaiting=True),
        MarkedCheck(label="manual (Discussion)", title="Discussion", points=0, out_of=10, awaiting=True),
    )
    told = PLOT.model_copy(update={"title": "The plot is right"})
    grade = decide_grade(ADA, RULES, [marked(70, checks=checks)], review=Review(checks=(told,)))
    assert (grade.awaits, "decided_before" in grade.flags) == (("Discussion",), False)
    assert grade.review is not None and grade.review.checks[0].check == "manual (The plot is right)"


def test_an_override_needs_no_points_of_anybody_else() -> None:
    grade = decide_grade(ADA, RULES, [marked(50, checks=CHECKS)], override=OVERRIDE, review=Review(checks=(ACCURATE,)))
    assert (grade.points, grade.awaits, grade.passed) == (75, (), True)


def test_points_of_comments_and_in_all_come_on_top() -> None:
    comments = (Comment(id="1", text="tidy", points=-2), Comment(id="2", text="well done"))
    grade = reviewed(PLOT, adjustment=Adjustment(points=5, author="kim"), comments=comments)
    assert grade.points == 61
    assert grade.review is not None and grade.review.deciders == ("kim",)


@given(
    points=st.floats(0, 100),
    decided=st.lists(st.tuples(st.sampled_from(["accuracy", "manual", "gone"]), st.floats(-1e6, 1e6)), max_size=4),
    extra=st.floats(-1e6, 1e6),
    late=st.none() | st.integers(-100_000, 2_000_000).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_whatever_people_decide_points_lie_between_none_and_all(
    points: float, decided: list[tuple[str, float]], extra: float, late: timedelta | None
) -> None:
    checks = tuple(CheckPoints(check=check, points=given) for check, given in decided)
    grade = reviewed(*checks, late=late, points=points, adjustment=Adjustment(points=extra))
    assert (grade.points is None) == ("manual" not in dict(decided))
    assert grade.points is None or 0 <= grade.points <= grade.out_of


def test_a_result_of_two_checks_with_one_name_keeps_both_and_decides_the_one_that_is_meant() -> None:
    titles = ("The plot", "The report", "The plot")
    checks = tuple(
        CheckResult(name="manual", title=title, outcome=Outcome.AWAITING, points=0, out_of=10) for title in titles
    )
    review = Review(checks=(CheckPoints(check="manual (The report)", points=4),))
    plain = a_result(checks=checks)
    found = standing_checks(with_grade(plain, plain_grade(plain).model_copy(update={"review": review})))
    assert [(check.title, check.points) for check in found] == [("The plot", 0), ("The report", 4), ("The plot", 0)]
