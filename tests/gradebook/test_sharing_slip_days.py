"""Slip days are shared out among what a student handed in late: none twice, none for nothing, in the order of hand-in."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.assignment import Late
from grader.core.grades import Extension, Rules
from grader.core.results import Grade, Override, Status, Student
from grader.gradebook.decide_grade import GradeBasis, Marked, share_out
from grader.gradebook.late_penalty import lateness_cost

DUE = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = Student(name="ada")
LATE = Late(grace=600, per_day=0.1, most=0.5, after=14 * 86400)
Works = dict[str, tuple[Rules, GradeBasis]]


def rules(name: str, **changes: object) -> Rules:
    week = int(name[-1]) * timedelta(days=7)  # one assignment is due each week
    plain = Rules(assignment=name, title=name, out_of=100, pass_mark=50, due=DUE + week, late=LATE)
    return plain.model_copy(update=changes)


def marked(submitted: datetime | None, points: float = 90.0, **changes: object) -> Marked:
    plain = Marked(
        sequence=1, submission="a.ipynb", status=Status.GRADED, points=points, out_of=100, pass_mark=50, passed=True,
        submitted=submitted,
    )  # fmt: skip
    return plain.model_copy(update=changes)


def late_by(name: str, days: float, points: float = 90.0, **changes: object) -> tuple[Rules, GradeBasis]:
    """An assignment that was handed in so many days after its deadline (a minute before they are over)."""
    of = rules(name)
    assert of.due is not None
    when = of.due + timedelta(days=days) - timedelta(minutes=1)
    return of, GradeBasis(student=ADA, marked=(marked(when, points),)).model_copy(update=changes)


def graded(budget: int, works: Works) -> dict[str, Grade]:
    left = share_out(budget, works)
    return {name: basis.model_copy(update={"slip_days": left[name]}).grade(of) for name, (of, basis) in works.items()}


def told(budget: int, works: Works) -> dict[str, tuple[int, int, float | None]]:
    """For each assignment: slip days spent, left after it, and points."""
    return {
        name: (grade.slip_days.spent, grade.slip_days.left, grade.points)
        for name, grade in graded(budget, works).items()
        if grade.slip_days is not None
    }


def test_days_go_to_what_is_handed_in_first_until_none_is_left() -> None:
    works = {"a1": late_by("a1", 2), "a2": late_by("a2", 0), "a3": late_by("a3", 2), "a4": late_by("a4", 1)}
    assert told(3, works) == {"a1": (2, 1, 90), "a2": (0, 1, 90), "a3": (1, 0, 80), "a4": (0, 0, 80)}


def test_what_was_due_first_but_handed_in_last_comes_last() -> None:
    works = {"a1": late_by("a1", 12), "a2": late_by("a2", 1)}
    assert told(8, works) == {"a1": (0, 7, 40), "a2": (1, 7, 90)}, "seven of twelve days would change nothing"
    assert told(9, works) == {"a1": (8, 0, 50), "a2": (1, 8, 90)}


def test_a_slip_day_moves_the_deadline_so_the_grace_counts_from_there() -> None:
    of = rules("a1")
    assert of.due is not None
    basis = GradeBasis(student=ADA, marked=(marked(of.due + timedelta(days=1, minutes=5)),), slip_days=5)
    grade = basis.grade(of)
    assert grade.penalty is not None and grade.penalty.days == 2
    assert grade.slip_days is not None and (grade.slip_days.spent, grade.points) == (1, 90)


def test_slip_days_make_nothing_accepted_that_came_too_late() -> None:
    assert told(10, {"a1": late_by("a1", 15)}) == {"a1": (0, 10, 0)}


def test_nothing_is_spent_where_lateness_costs_nothing() -> None:
    of, basis = late_by("a1", 3)
    assert told(5, {"a1": (of.model_copy(update={"late": Late()}), basis)}) == {"a1": (0, 5, 90)}


def test_no_day_is_spent_for_what_floats_are_off() -> None:
    of, basis = late_by("a1", 4)  # three days cost 3 x 0.15, which is 0.45 but for a hair
    capped = of.model_copy(update={"late": Late(per_day=0.15, most=0.45)})
    assert told(1, {"a1": (capped, basis)}) == {"a1": (0, 1, 45)}


def test_an_assignment_may_take_fewer_days_than_there_are() -> None:
    of, basis = late_by("a1", 3)
    few = of.model_copy(update={"late": LATE.model_copy(update={"most_slip_days": 2})})
    assert told(5, {"a1": (few, basis)}) == {"a1": (2, 3, 80)}
    none = of.model_copy(update={"late": LATE.model_copy(update={"most_slip_days": 0})})
    assert told(5, {"a1": (none, basis)}) == {"a1": (0, 5, 60)}


def test_an_extension_comes_before_slip_days_and_gives_some_back() -> None:
    works = {"a1": late_by("a1", 2), "a2": late_by("a2", 3)}
    assert told(3, works) == {"a1": (2, 1, 90), "a2": (1, 0, 70)}
    works["a1"] = late_by("a1", 2, extension=Extension(seconds=86400))
    assert told(3, works) == {"a1": (1, 2, 90), "a2": (2, 0, 80)}


def test_a_double_hand_in_spends_the_days_of_the_one_that_counts() -> None:
    of, basis = late_by("a1", 1)
    assert of.due is not None
    twice = basis.model_copy(update={"marked": (*basis.marked, marked(of.due + timedelta(days=2.5), 95, sequence=2))})
    assert told(4, {"a1": (of, twice), "a2": late_by("a2", 2)}) == {"a1": (3, 1, 95), "a2": (1, 0, 80)}
    best = of.model_copy(update={"submissions": "best"})
    worse = basis.model_copy(update={"marked": (*basis.marked, marked(of.due + timedelta(days=2.5), 60, sequence=2))})
    assert told(4, {"a1": (best, worse), "a2": late_by("a2", 2)}) == {"a1": (1, 3, 90), "a2": (2, 1, 90)}


def test_of_several_hand_ins_the_best_is_chosen_with_the_days_that_are_left() -> None:
    of = rules("a2", submissions="best")
    assert of.due is not None
    both = (marked(of.due, 80), marked(of.due + timedelta(days=1.5), 95, sequence=2))
    works = {"a1": late_by("a1", 2), "a2": (of, GradeBasis(student=ADA, marked=both))}
    assert told(4, works)["a2"] == (2, 0, 95)
    assert told(3, works)["a2"] == (1, 0, 85)
    assert told(2, works)["a2"] == (0, 0, 80), "the one in time is better then"


def test_who_is_excused_spends_nothing_and_whom_a_person_gives_points_spends_what_he_did() -> None:
    excuse = Override(points=None, excused=True, author="x", time="2026-12-01T00:00:00+00:00")
    works = {"a1": late_by("a1", 2, override=excuse), "a2": late_by("a2", 3)}
    assert told(3, works) == {"a2": (3, 0, 90)}
    works["a1"] = late_by("a1", 2, override=excuse.model_copy(update={"points": 12.0, "excused": False}))
    assert told(3, works) == {"a1": (2, 1, 12), "a2": (1, 0, 70)}


def test_nothing_handed_in_and_no_time_spend_nothing() -> None:
    works = {
        "a1": (rules("a1"), GradeBasis(student=ADA)),
        "a2": (rules("a2"), GradeBasis(student=ADA, marked=(marked(None),))),
    }
    assert told(3, works) == {"a2": (0, 3, 90)}


def test_the_words_say_what_was_spent_and_what_is_left() -> None:
    works = {"a1": late_by("a1", 1), "a2": late_by("a2", 3)}
    one, two = graded(3, works).values()
    assert one.comment == (
        "Handed in after the deadline, on day 1, for which 1 slip day is spent; this costs nothing. Slip days left: 2."
    )
    assert two.comment == (
        "Handed in after the deadline, on day 3, for which 2 slip days are spent: 10 points off (10 % of all points for "
        "each day begun beyond that). Slip days left: 0."
    )


# -- properties

late_rules = st.builds(
    Late, grace=st.sampled_from([0, 600, 86400]), per_day=st.sampled_from([0, 0.1, 0.25, 1]),
    most=st.sampled_from([0.3, 0.5, 1]), after=st.sampled_from([None, 2 * 86400, 9 * 86400]),
    most_slip_days=st.sampled_from([None, 0, 1, 3]),
)  # fmt: skip
hours = st.integers(-48, 24 * 12)
EXCUSE = Override(points=None, excused=True, author="x", time="2026-12-01T00:00:00+00:00")


@st.composite
def a_work(draw: st.DrawFn, name: str, submissions: st.SearchStrategy[str]) -> tuple[Rules, GradeBasis]:
    of = rules(name, late=draw(late_rules), submissions=draw(submissions))
    assert of.due is not None
    times = draw(st.lists(hours, max_size=3, unique=True))
    points = draw(st.lists(st.integers(0, 100), min_size=len(times), max_size=len(times)))
    status = st.sampled_from([Status.GRADED, Status.GRADED, Status.BROKEN])
    handed_in = tuple(
        marked(of.due + timedelta(hours=time), float(got), sequence=number, status=draw(status))
        for number, (time, got) in enumerate(zip(times, points, strict=True))
    )
    more = draw(st.sampled_from([None, None, Extension(seconds=86400.0)]))
    decided = draw(st.sampled_from([None, None, None, EXCUSE]))
    return of, GradeBasis(student=ADA, marked=handed_in, extension=more, override=decided)


def a_course(submissions: st.SearchStrategy[str]) -> st.SearchStrategy[Works]:
    return st.fixed_dictionaries({name: a_work(name, submissions) for name in ("a1", "a2", "a3", "a4")})


@given(st.integers(0, 12), a_course(st.sampled_from(["last", "best"])))
def test_no_day_is_spent_twice_and_none_for_nothing(budget: int, works: Works) -> None:
    grades = graded(budget, works)
    spent = {name: grade.slip_days.spent for name, grade in grades.items() if grade.slip_days is not None}
    assert all(days >= 0 for days in spent.values())
    assert sum(spent.values()) <= budget
    for name, days in spent.items():
        of, grade = works[name][0], grades[name]
        assert of.late.most_slip_days is None or days <= of.late.most_slip_days
        if days:
            assert grade.submitted is not None and grade.due is not None
            late = datetime.fromisoformat(grade.submitted) - datetime.fromisoformat(grade.due)
            one_fewer, now = (lateness_cost(late - timedelta(days=n), of, out_of=1.0)[1] for n in (days - 1, days))
            assert now < one_fewer, "the last of them saved something"
            assert of.late.after is None or late.total_seconds() <= of.late.after


@given(st.integers(0, 12), a_course(st.sampled_from(["last", "best"])))
def test_the_order_in_which_assignments_are_told_changes_nothing(budget: int, works: Works) -> None:
    names = sorted(works, reverse=True)
    assert share_out(budget, {name: works[name] for name in names}) == share_out(budget, works)


@given(a_course(st.sampled_from(["last", "best"])))
def test_without_slip_days_everything_is_as_without_a_budget(works: Works) -> None:
    for name, grade in graded(0, works).items():
        of, basis = works[name]
        assert grade.model_copy(update={"slip_days": None, "comment": ""}) == basis.grade(of).model_copy(
            update={"comment": ""}
        )


@given(st.integers(0, 12), a_course(st.just("last")), st.floats(0, 100))
def test_another_mark_moves_no_slip_day_where_the_last_hand_in_counts(budget: int, works: Works, points: float) -> None:
    changed = {
        name: (of, basis.model_copy(update={"marked": tuple(
            item.model_copy(update={"points": points, "status": Status.GRADED}) for item in basis.marked
        )}))
        for name, (of, basis) in works.items()
    }  # fmt: skip
    assert share_out(budget, changed) == share_out(budget, works)


@given(st.integers(0, 12), a_course(st.just("last")))
def test_what_is_handed_in_later_takes_nothing_from_what_was_handed_in_before(budget: int, works: Works) -> None:
    grades = graded(budget, works)
    timed = {name: grade.submitted for name, grade in grades.items() if grade.submitted is not None}
    if not timed:
        return
    last = max(timed, key=lambda name: (datetime.fromisoformat(timed[name]), name))
    before = graded(budget, {name: work for name, work in works.items() if name != last})
    for name, grade in before.items():
        if name in timed:
            assert grade == grades[name]


@given(st.integers(0, 12), a_course(st.sampled_from(["last", "best"])))
def test_slip_days_never_cost_points(budget: int, works: Works) -> None:
    for name, grade in graded(budget, works).items():
        of, basis = works[name]
        plain = basis.grade(of)
        assert (grade.points is None) == (plain.points is None)
        assert grade.points is None or plain.points is None or grade.points >= plain.points


@pytest.mark.parametrize("budget", [0, 1, 366])
def test_a_student_without_any_work_keeps_the_whole_budget(budget: int) -> None:
    assert share_out(budget, {}) == {}
    assert share_out(budget, {"a1": (rules("a1"), GradeBasis(student=ADA))}) == {"a1": budget}
