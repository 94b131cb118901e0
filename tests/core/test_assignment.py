"""A rubric that can't be followed is refused: file, key, what is wrong, the nearest right word."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.checks.registry import plan
from grader.core.assignment import Assignment, read_assignment
from grader.core.errors import RubricError
from grader.core.text import did_you_mean
from grader.course.course import Course
from grader.course.rubric import plan_checks

GOOD = """\
schema = 1
title = "Exercise 1"
dataset = "mnist"
pass_mark = 60

[run]
wall = "30m"
memory = "4GiB"

[[check]]
use = "accuracy"
points = 50
at_least = 0.97

[[check]]
use = "input_shape"
points = 10
shapes = [[784]]
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "exercise1" / "assignment.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path) -> Assignment:
    """As a bench does it: the rubric, then the parameters of its checks."""
    assignment = read_assignment(path)
    plan(assignment.check, origin=str(path))
    return assignment


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = written(tmp_path, text)
    with pytest.raises(RubricError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)), "the file is named first"
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_good_rubric_is_read_with_its_limits_and_checks(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD.replace("pass_mark = 60", "pass_mark = 45")))
    assert (found.id, found.title, found.dataset, found.pass_mark, found.out_of) == (
        "exercise1", "Exercise 1", "mnist", 45, 60,
    )  # fmt: skip
    assert (found.run.wall, found.run.memory) == (1800, 4 << 30)
    assert found.check[0].parameters == {"at_least": 0.97}


def test_every_rubric_of_the_course_is_followed() -> None:
    course = Course.at()
    assert {"exercise1", "exercise2", "pets"} <= set(course.assignment_ids())
    for name in course.assignment_ids():
        assert read(course.assignment_file(name)).out_of >= 60


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("title =", "titel =", ("`titel`", "`title`")),
        ("pass_mark =", "passmark =", ("`passmark`", "`pass_mark`")),
        ("wall =", "wal =", ("`run.wal`", "`wall`")),
        ("memory =", "memry =", ("`run.memry`", "`memory`")),
        ('"accuracy"', '"acuracy"', ("check 1", "`acuracy`", "`accuracy`")),
        ('"input_shape"', '"inputshape"', ("check 2", "`inputshape`", "`input_shape`")),
        ("at_least =", "atleast =", ("check 1 (`accuracy`)", "`atleast`", "`at_least`")),
        ("shapes =", "shape =", ("check 2 (`input_shape`)", "`shape`", "`shapes`")),
        ("points = 10", "point = 10", ("check 2: key `points`", "missing")),
        ("[[check]]", "[[checks]]", ("`checks`", "`check`")),
        ('use = "accuracy"', 'name = "accuracy"', ("check 1: key `use`", "missing")),
        ('title = "Exercise 1"\n', "", ("`title`", "missing")),
    ],
)
def test_a_misspelt_word_is_refused_with_the_nearest_right_one(
    tmp_path: Path, right: str, wrong: str, words: tuple[str, ...]
) -> None:
    message = refusal(tmp_path, GOOD.replace(right, wrong))
    for word in words:
        assert word in message


def test_a_word_like_no_other_gets_the_list_of_what_there_is(tmp_path: Path) -> None:
    message = refusal(tmp_path, "zzz = 1\n" + GOOD)
    assert "`zzz` is not known; available: " in message
    assert "`pass_mark`" in message
    assert "`id`" not in message


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ("at_least = 0.97", "at_least = 97", "at_least"),
        ("at_least = 0.97", "at_least = nan", "at_least"),
        ("at_least = 0.97", 'at_least = "a lot"', "at_least"),
        ("at_least = 0.97", "", "bands"),
        ("at_least = 0.97", "bands = []", "bands"),
        ("at_least = 0.97", "bands = [{ at = 0.9, share = 1 }, { at = 0.8, share = 1 }]", "bands"),
        ("points = 50", "points = -1", "check 1: key `points`"),
        ("points = 50", "points = nan", "check 1: key `points`"),
        ("points = 50", "points = inf", "check 1: key `points`"),
        ("points = 50", f"points = {'9' * 400}", "check 1: key `points`"),
        ("points = 50", 'points = "many"', "check 1: key `points`"),
        ("pass_mark = 60", "pass_mark = -1", "pass_mark"),
        ("pass_mark = 60", "pass_mark = nan", "pass_mark"),
        ("pass_mark = 60", "pass_mark = inf", "pass_mark"),
        ('wall = "30m"', 'wall = "soon"', "run.wall"),
        ('wall = "30m"', "wall = -5", "run.wall"),
        ('wall = "30m"', "wall = true", "run.wall"),
        ('memory = "4GiB"', f'memory = "{"9" * 400}GiB"', "run.memory"),
        ('memory = "4GiB"', "memory = 1", "run.memory"),
        ('wall = "30m"', "wall = 30", 'key `run.wall`: 30 has no unit. Write it as in "30m"'),
        ('[run]\nwall = "30m"\nmemory = "4GiB"\n', "[late]\ngrace = 10\n", "key `late.grace`: 10 has no unit"),
        ("points = 10", "points = 10\ndue = 2026-11-20", "`due` stands below a `[[check]]`"),
        ('wall = "30m"', 'wall = "30m"\nsubmissions = "last"', "Move `submissions` to the top of the file"),
        ("schema = 1\n", "", "key `schema` is missing"),
        ('[run]\nwall = "30m"\nmemory = "4GiB"\n', "run = 5\n", "run"),
        ("shapes = [[784]]", "shapes = 784", "shapes"),
        ("shapes = [[784]]", "shapes = []", "shapes"),
        ('title = "Exercise 1"', "title = 5", "title"),
        ('dataset = "mnist"', 'dataset = ["mnist"]', "dataset"),
    ],
)
def test_a_value_that_can_not_be_is_refused_with_its_key(tmp_path: Path, right: str, wrong: str, key: str) -> None:
    assert right in GOOD
    message = refusal(tmp_path, GOOD.replace(right, wrong))
    assert f"`{key}" in message or (" " in key and key in message) or key == "pass_mark"


def test_slip_days_in_a_rubric_are_sent_to_the_course(tmp_path: Path) -> None:
    due = "due = 2026-11-20T23:59:00+01:00\n[late]\n{key}\n[run]\n"
    message = refusal(tmp_path, GOOD.replace("[run]\n", due.format(key="slip_days = 10"), 1))
    assert "`late.slip_days` is no key of a rubric" in message and "course.toml" in message
    assert "late.most_slip_days" in refusal(tmp_path, GOOD.replace("[run]\n", due.format(key="most_slip_days = -1"), 1))
    found = read(written(tmp_path, GOOD.replace("[run]\n", due.format(key="most_slip_days = 2"), 1)))
    assert found.late.most_slip_days == 2


def test_a_pass_mark_above_the_sum_of_points_is_refused_with_both_numbers(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("pass_mark = 60", "pass_mark = 61"))
    assert "pass_mark = 61" in message
    assert "60 points" in message


def test_a_rubric_without_checks_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, 'schema = 1\ntitle = "x"\ndataset = "mnist"\npass_mark = 0\ncheck = []\n')
    assert "`check`" in message


@pytest.mark.parametrize("schema", ["schema = 2", "schema = 0", 'schema = "1"', "schema = [1]", ""])
def test_another_schema_is_refused_with_the_one_that_is_read(tmp_path: Path, schema: str) -> None:
    message = refusal(tmp_path, GOOD.replace("schema = 1", schema))
    assert ("schema is" if schema else "key `schema` is missing") in message
    assert "schema = 1" in message


def test_the_id_is_the_folders_name_and_no_key(tmp_path: Path) -> None:
    assert "`id`" in refusal(tmp_path, 'id = "exercise9"\n' + GOOD)


@pytest.mark.parametrize(
    "text",
    [
        b"title = ", b"[[check]\n", b"\xff\xfe\x00", b"a = 1\na = 2\n", b'a = "\n"', b"a = " + b"9" * 5000,
        b"a = " + b"[" * 100_000, b"a = 2021-02-30", b"\x00", b"a.b = 1\na = 1\n",
    ],
)  # fmt: skip
def test_what_is_no_toml_is_refused_and_never_breaks_the_reader(tmp_path: Path, text: bytes) -> None:
    assert "not a TOML file" in refusal(tmp_path, text)


def test_a_rubric_that_can_not_be_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exercise1" / "assignment.toml"
    path.mkdir(parents=True)
    with pytest.raises(RubricError, match="can't be read"):
        read(path)


KEYS = st.sampled_from(["schema", "title", "dataset", "pass_mark", "run", "check", "use", "points", "wall", "id"])
VALUES = st.one_of(
    st.integers(), st.floats().map(lambda value: str(value)), st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(['"x"', '"accuracy"', "[]", "{}", "[[1]]", "1", "nan", "-inf", '"9e9GiB"', "2020-01-01", "1_0"]),
).map(str)  # fmt: skip
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join), st.sampled_from(["[run]", "[[check]]", "[check]", "schema = 1"]), st.text()
)


@given(st.one_of(st.text(), st.lists(LINES).map("\n".join)))
def test_any_text_is_a_rubric_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = written(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))
    try:
        read(path)
    except RubricError as error:
        assert str(path) in str(error)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.text(max_size=3))
def test_a_good_rubric_with_something_cut_out_is_a_rubric_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, start: int, end: int, between: str
) -> None:
    text = GOOD[: min(start, end)] + between + GOOD[max(start, end) :]
    path = written(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))
    try:
        read(path)
    except RubricError as error:
        assert str(path) in str(error)


def test_the_nearest_word_is_named_else_all_of_them_else_nothing() -> None:
    assert did_you_mean("pionts", ("points", "title")) == " (did you mean `points`?)"
    assert did_you_mean("zzz", ("points", "title")) == "; available: `points`, `title`"
    assert did_you_mean("zzz", ()) == ""


RETRY = '\n[retry]\ntimes = 2\ncounts = "mean"\n\n[[check]]'


def test_a_rubric_says_what_becomes_of_a_borderline_run(tmp_path: Path) -> None:
    silent = read(written(tmp_path, GOOD))
    assert (silent.retry.times, silent.retry.counts) == (0, "best")
    found = read(written(tmp_path, GOOD.replace("\n[[check]]", RETRY, 1)))
    assert (found.retry.times, found.retry.counts) == (2, "mean")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("times = 2", "times = -1", ("retry.times", "must be at least 0")),
        ("times = 2", "times = 6", ("retry.times", "must be at most 5")),
        ("times = 2", "time = 2", ("`retry.time`", "did you mean `times`")),
        ('"mean"', '"median"', ("retry.counts", "'median' is not known (did you mean `mean`?)")),
        ("counts", "count", ("`retry.count`", "did you mean `counts`")),
        ("[retry]", "[retries]", ("`retries`", "did you mean `retry`")),
    ],
)  # fmt: skip
def test_an_impossible_retry_policy_is_refused(tmp_path: Path, right: str, wrong: str, words: tuple[str, ...]) -> None:
    said = refusal(tmp_path, GOOD.replace("\n[[check]]", RETRY.replace(right, wrong), 1))
    assert all(word in said for word in words), said


def test_functions_are_not_run_again(tmp_path: Path) -> None:
    text = GOOD.replace('dataset = "mnist"', 'cases = "cases.py"').replace("\n[[check]]", RETRY, 1)
    assert "`retry` is for networks" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "near"), [("exercise9", "(did you mean `exercise"), ("zzz", "Available: exercise1, exercise2.")]
)
def test_better_than_an_exercise_that_does_not_exist_is_refused(tmp_path: Path, name: str, near: str) -> None:
    for exercise in ("exercise1", "exercise2"):
        folder = tmp_path / "assignments" / exercise
        folder.mkdir(parents=True)
        check = f'\n[[check]]\nuse = "better_than"\npoints = 5\nexercise = "{name}"\n'
        (folder / "assignment.toml").write_text(GOOD + check)
    course = Course.at(tmp_path)
    with pytest.raises(RubricError) as caught:
        plan_checks(course, course.assignment("exercise2"))
    said = str(caught.value)
    assert said.startswith(f"{folder / 'assignment.toml'}: check 3 (`better_than`): there is no exercise `{name}`")
    assert near in said


def test_every_comparison_of_the_course_is_with_an_exercise_that_exists() -> None:
    course = Course.at()
    for name in course.assignment_ids():
        assert plan_checks(course, course.assignment(name))


DEADLINE = """\
due = 2026-11-20T23:59:00+01:00
submissions = "best"

[late]
grace = "10m"
per_day = 0.1
most = 0.5
after = "7d"

[run]
"""


def test_a_rubric_says_when_it_is_due_what_lateness_costs_and_which_submission_counts(tmp_path: Path) -> None:
    silent = read(written(tmp_path, GOOD))
    assert (silent.due, silent.submissions, silent.late.per_day, silent.late.after) == (None, "last", 0, None)
    found = read(written(tmp_path, GOOD.replace("[run]\n", DEADLINE, 1)))
    assert found.due is not None
    assert (found.due.isoformat(), found.submissions) == ("2026-11-20T23:59:00+01:00", "best")
    late = {"grace": 600, "per_day": 0.1, "most": 0.5, "after": 7 * 86400, "most_slip_days": None}
    assert found.late.model_dump() == late


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("+01:00", "", ("`due`", "another moment in every time zone", "2026-11-20T23:59:00+01:00")),
        ("2026-11-20T23:59:00+01:00", "2026-11-20", ("`due`", "is not a point in time")),
        ("2026-11-20T23:59:00+01:00", "23:59:00", ("`due`", "is not a point in time")),
        ("2026-11-20T23:59:00+01:00", '"2026-11-20T23:59:00+01:00"', ("`due`", "without quotation marks")),
        ("2026-11-20T23:59:00+01:00", "1", ("`due`", "is not a point in time")),
        ("due =", "deu =", ("`deu`", "did you mean `due`")),
        ('"best"', '"first"', ("`submissions`", "'first' is not known; available: `last`, `best`")),
        ("per_day", "per_days", ("`late.per_days`", "did you mean `per_day`")),
        ("grace =", "graze =", ("`late.graze`", "did you mean `grace`")),
        ("per_day = 0.1", "per_day = 10", ("`late.per_day`", "must be at most 1")),
        ("most = 0.5", "most = -1", ("`late.most`", "must be at least 0")),
        ('"10m"', '"10 minutes"', ("`late.grace`", "s, m, h, d")),
        ('"7d"', '"5m"', ("`late.after` is shorter than `late.grace`",)),
        ('"7d"', '"400d"', ("`late.after`", "must be at most 8784 h")),
        ("due = 2026-11-20T23:59:00+01:00", "", ("`[late]`", "nothing is late without `due`")),
    ],
)  # fmt: skip
def test_an_impossible_deadline_is_refused_with_the_reason(
    tmp_path: Path, right: str, wrong: str, words: tuple[str, ...]
) -> None:
    assert right in DEADLINE
    said = refusal(tmp_path, GOOD.replace("[run]\n", DEADLINE.replace(right, wrong), 1))
    assert all(word in said for word in words), said
