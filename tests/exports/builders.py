"""Grades, worksheets and hostile texts for the tests of exports."""

from hypothesis import strategies as st

from grader.core.results import CheckResult, Grade, Outcome, Override, Penalty, Result, Status, Student
from tests.fakes import a_result

HOSTILE = (
    "]]>", "::error file=a,line=1::pwned", "::notice title=Autograding report::{}", "##[error]pwned", "%0A::error::x",
    "=HYPERLINK(1)", " =1+1", "＝1", "-rf", "@SUM(A1)", "\t=1", "\r=1", "a\nb", "a\r\nb", "a\rb", '"', '\\"', "a\\", "',\"",
    ";", ",", "|", "<script>", "&amp;", "![x](http://x)", "[x](y)", "`", "**b**", "<!--", "# h", "- a", "1. a", "~~x~~",
    "\u202egnp.exe", "\u200b", "\ufeff", "\x00", "\x1b[31m", "\ufffe", "\ud800", "../..", "/etc", "~x", ".x", "_1_2_3_4",
    "ünïcödé", "李", "\u2028::error::x", "\x85::error::x", "\x0b::error::x", "::stop-commands::x", "::x::", "%", "%25",
)  # fmt: skip
hostile_texts = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5), st.text(st.characters(codec=None), max_size=3)), max_size=4
).map("".join)


def a_grade(name: str = "Ada Lovelace", points: float | None = 61.5, **changes: object) -> Grade:
    """A grade out of 100; `participant`, `identity` and `email` are the student's."""
    who = {key: changes.pop(key) for key in ("participant", "identity", "email") if key in changes}
    values: dict[str, object] = {
        "student": Student.model_validate({"name": name, **who}),
        "assignment": "exercise2",
        "title": "Exercise 2",
        "points": points,
        "earned": points,
        "out_of": 100.0,
        "passed": True,
        "status": Status.GRADED,
        "submission": "solution.ipynb",
        "submissions": 1,
        "submitted": "2026-11-20T18:30:00+01:00",
        "due": "2026-11-21T00:00:00+01:00",
    }
    return Grade.model_validate({**values, **changes})


def decided(points: float | None = None, *, excused: bool = False) -> Override:
    """A person's decision."""
    return Override(points=points, excused=excused, author="Grace", reason="illness", time="2026-11-22T10:00:00+00:00")


LATE = Penalty(days=2, points=10.0, words="2 days late: 5 points a day")


def absent(name: str, **changes: object) -> Grade:
    """A student who handed in nothing."""
    return a_grade(
        name, None, earned=None, passed=False, status=None, submission="", submissions=0, submitted=None, **changes
    )


@st.composite
def hostile_results(draw: st.DrawFn) -> Result:
    """Results in which every text that a student could have a hand in is hostile, of every status and outcome."""
    worth = st.sampled_from([(0.0, 0.0), (0.0, 5.0), (3.333, 10.0), (5.0, 5.0)])
    checks = tuple(
        CheckResult(
            name=draw(st.sampled_from(["executes", "accuracy", "figure"])),
            title=draw(hostile_texts),
            outcome=draw(st.sampled_from(Outcome)),
            points=points,
            out_of=out_of,
            reason=draw(hostile_texts),
            hint=draw(hostile_texts),
        )
        for points, out_of in draw(st.lists(worth, max_size=4))
    )
    base = a_result(checks, status=draw(st.sampled_from(Status)), passed=draw(st.booleans()))
    texts = {
        name: draw(hostile_texts) for name in ("student", "submission", "title", "judged_on", "assignment", "started")
    }
    ending = base.ending.model_copy(
        update={"message": draw(hostile_texts), "cell": draw(st.none() | st.integers(0, 5))}
    )
    return base.model_copy(update={**texts, "ending": ending, "notes": (draw(hostile_texts),)})
