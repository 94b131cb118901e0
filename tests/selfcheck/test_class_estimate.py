"""What a class would take: a table, from short runs of some of its submissions."""

from hypothesis import given
from hypothesis import strategies as st

from grader.core.assignment import AuditPolicy
from grader.selfcheck.class_estimate import StudentForecast, audited, choose_sample, forecast_lines


def test_the_table_names_the_sample_and_adds_up_the_class() -> None:
    sample = (
        StudentForecast("ada", 600.0, 20.0),
        StudentForecast("bob", 1200.0, 40.0, at_least=True),
        StudentForecast("cy", 0.0, 0.0, why="cy.docx: is no notebook."),
    )
    lines = list(forecast_lines(sample, students=40, jobs=2, policy=AuditPolicy()))
    assert lines[1].split() == ["ada", "10", "min", "20", "s"]
    assert "> 20 min" in lines[2]
    assert "no notebook" in lines[3]
    assert lines[-4:] == [
        "40 submissions, 2 at a time, by 2 short runs; an estimate for this machine:",
        "  --train always     at least 5 h 0 min",
        "  --train handed-in  40 min, with 4 audited by lot, if everybody hands one in",
        "                     10 min without an audit",
    ]


def test_where_nothing_runs_nothing_is_said_of_the_class() -> None:
    sample = (StudentForecast("cy", 0.0, 0.0, why="is empty."),)
    assert "nothing can be said" in list(forecast_lines(sample, students=1, jobs=1, policy=AuditPolicy()))[-1]
    assert "nothing can be said" in list(forecast_lines((), students=0, jobs=1, policy=AuditPolicy()))[-1]


@given(st.integers(0, 500))
def test_the_sample_is_spread_over_the_class_and_names_nobody_twice(count: int) -> None:
    places = choose_sample(count)
    assert len(set(places)) == len(places) == min(count, 5)
    assert all(0 <= place < count for place in places)
    assert audited(count, AuditPolicy()) <= count
