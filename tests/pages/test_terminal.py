"""Progress: a live table for people, plain lines for logs, JSON lines for machines."""

import io
import json
import threading
from pathlib import Path

import pytest
from rich.console import Console

from grader.core.progress import Several, Silent, TimeLeft
from grader.pages.terminal import Events, Live, PlainProgress, live_table, show_progress
from tests.fakes import Act, Stage, data_of, run_cli, write_class, write_course


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told_nothing(words: str) -> None:
    """Nobody reads it."""


def test_a_log_gets_a_line_for_each_that_is_finished() -> None:
    stream = io.StringIO()
    lines = PlainProgress(3, stream)
    lines.step("ada", "cell 1 of 9")
    lines.done("ada", "61 of 100 points")
    lines.done("bob", "0 of 100 points")
    assert stream.getvalue() == "[1/3] ada: 61 of 100 points\n[2/3] bob: 0 of 100 points\n"


def test_a_log_is_told_how_long_the_rest_will_take_once_that_is_known() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = PlainProgress(1, stream, clock)
    lines.begin(12, 1)
    for number in range(4):
        lines.step(f"s{number}", "cell 1 of 1")
        clock.now += 60
        lines.done(f"s{number}", "done")
    said = stream.getvalue().splitlines()
    assert said[:2] == ["[1/12] s0: done", "[2/12] s1: done"]
    assert said[2:] == ["[3/12] s2: done  [about 9 min left]", "[4/12] s3: done  [about 8 min left]"]


def test_a_download_and_a_word_about_the_whole_are_worth_a_line() -> None:
    stream = io.StringIO()
    lines = PlainProgress(1, stream)
    lines.step("mnist", "downloading https://example.org/mnist.npz")
    lines.say("1 at a time instead of 2")
    assert stream.getvalue() == "mnist: downloading https://example.org/mnist.npz\n1 at a time instead of 2\n"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\rb", "\u202eb", "a\x07b", "::error::b"])
def test_a_students_name_can_not_steer_the_terminal(name: str) -> None:
    stream = io.StringIO()
    PlainProgress(1, stream).done(name, name)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().rstrip("\n").isprintable()
    shown: list[str] = []
    live = Live(2, shown.append)
    live.step(name, f"epoch {name}")
    live.done("x", name, trouble=True)
    assert all(word.isprintable() for row in live.rows() for word in row)
    assert shown[0].isprintable()


def test_lines_from_many_threads_are_counted_and_stay_whole() -> None:
    stream = io.StringIO()
    lines = PlainProgress(200, stream)

    def work(number: int) -> None:
        for item in range(20):
            lines.done(f"s{number}-{item}", "done")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stream.getvalue().splitlines()
    assert [line.split("]")[0] for line in found] == [f"[{number}/200" for number in range(1, 201)]


def test_the_table_shows_who_is_on_the_way_and_the_line_above_it_how_many_are_done() -> None:
    clock = Clock()
    live = Live(1, told_nothing, clock)
    live.step("mnist", "preparing the data")
    live.begin(3, 2)
    live.step("ada", "cell 1 of 9")
    live.step("bob", "judging the network")
    clock.now += 61
    live.step("ada", "cell 2 of 9, epoch 3 of 5")
    assert live.rows() == [
        ("ada", "cell 2 of 9, epoch 3 of 5", "1 min 1 s"), ("bob", "judging the network", "1 min 1 s"),
    ]  # fmt: skip
    assert live.headline() == "0 of 3 done · 2 on the way"
    live.done("bob", "61 of 100 points")
    assert live.headline() == "1 of 3 done · 1 on the way · less than a minute left"
    live.done("ada", "0 of 100 points (broken): no sandbox", trouble=True)
    live.done("cy", "already there")
    assert live.headline() == "3 of 3 done · 0 on the way · 1 to look at"


def test_trouble_is_told_as_it_comes() -> None:
    told: list[str] = []
    live = Live(2, told.append)
    live.done("ada", "61 of 100 points")
    live.done("bob", "0 of 100 points (explained): bob.py: is empty.", trouble=True)
    live.say("The gradebook does not answer.")
    assert told == ["bob: 0 of 100 points (explained): bob.py: is empty.", "The gradebook does not answer."]


def test_the_table_can_be_drawn_whatever_a_name_holds() -> None:
    live = Live(2, told_nothing)
    live.step("ada [bold]", "cell 1 of 9 [/]")
    stream = io.StringIO()
    Console(file=stream, width=100).print(live.drawing())
    assert "ada [bold]" in stream.getvalue()
    assert "cell 1 of 9 [/]" in stream.getvalue()


def test_finishing_twice_or_unseen_does_no_harm() -> None:
    live = Live(2, told_nothing)
    live.done("nobody", "done")
    live.done("nobody", "done")
    assert live.headline() == "2 of 2 done · 0 on the way"


def test_the_table_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with live_table(2) as live:
        live.step("ada [bold]", "cell 1 of 9")
        live.done("ada [bold]", "failed", trouble=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "ada [bold]: failed" in said.err


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for listener in (Silent(), Several([]), Several([Silent()])):
        listener.begin(2, 1)
        listener.step("ada", "x")
        listener.done("ada", "x", trouble=True)
        listener.say("x")
    assert capsys.readouterr() == ("", "")


# -- how long the rest takes


def test_the_pace_is_that_of_what_ran_and_not_of_what_was_stored() -> None:
    pace = TimeLeft()
    assert pace.left(10, 2, 0.0) is None
    assert pace.finish("stored", 1.0) is None
    assert pace.left(9, 2, 1.0) is None
    pace.start("ada", 0.0)
    pace.start("ada", 50.0)
    assert pace.finish("ada", 100.0) == 100.0
    assert pace.left(8, 2, 100.0) == 400.0
    pace.start("bob", 100.0)
    assert pace.left(8, 2, 160.0) == pytest.approx(370.0), "bob has spent 60 of his 100 seconds"
    assert pace.left(1, 1, 10_000.0) == 0.0
    assert pace.since("bob", 130.0) == 30.0
    assert pace.since("nobody", 130.0) == 0.0
    assert pace.left(0, 2, 100.0) is None


# -- for machines


def test_events_are_a_json_object_a_line() -> None:
    stream, clock = io.StringIO(), Clock()
    events = Events(stream, clock)
    events.begin(2, 1)
    clock.now += 1.5
    events.step("a\nb", "cell 1 of 9, epoch 1 of 5")
    events.done("a\nb", "0 of 100 points", trouble=True)
    events.say("late")
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"event": "begin", "seconds": 0.0, "total": 2, "jobs": 1},
        {"event": "step", "seconds": 1.5, "student": "a\nb", "what": "cell 1 of 9, epoch 1 of 5"},
        {
            "event": "done", "seconds": 1.5, "student": "a\nb", "what": "0 of 100 points", "trouble": True, "done": 1,
            "total": 2,
        },
        {"event": "note", "seconds": 1.5, "what": "late"},
    ]  # fmt: skip


def test_events_come_beside_lines_and_alone_where_all_else_is_quiet() -> None:
    lines, events = io.StringIO(), io.StringIO()
    with show_progress(1, lines, quiet=False, events=events) as progress:
        progress.done("ada", "done")
    assert lines.getvalue() == "[1/1] ada: done\n"
    assert json.loads(events.getvalue())["student"] == "ada"
    with show_progress(1, lines, quiet=True, events=events) as progress:
        progress.done("bob", "done")
    assert "bob" not in lines.getvalue()
    assert "bob" in events.getvalue()


@pytest.mark.parametrize("where", ["-", "events.ndjson"])
def test_a_batch_writes_its_events_where_it_is_told_to_and_its_json_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Stage({"bob": Act(model=False)}).install(monkeypatch)
    course = write_course(tmp_path / "course")
    said = run_cli(
        "batch", "tiny", write_class(tmp_path / "class", "ada", "bob"), "--json", "--events", where, "--sandbox", "none",
        "--course", course.root, "--data", data_of(course.root), "--jobs", "1",
    )  # fmt: skip
    text = said.err if where == "-" else (tmp_path / where).read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert [row["student"] for row in json.loads(said.out)] == ["ada", "bob"]
    assert {event["event"] for event in events} == {"note", "begin", "step", "done"}
    done = {event["student"]: event["trouble"] for event in events if event["event"] == "done"}
    assert done == {"ada": False, "bob": True}


def test_what_was_fetched_before_a_batch_is_not_counted_in_it() -> None:
    lines, events = io.StringIO(), io.StringIO()
    log, live, told = PlainProgress(1, lines), Live(1, told_nothing), Events(events)
    for progress in (log, live, told):
        progress.done("mnist", "downloaded", trouble=True)
        progress.begin(2, 1)
        progress.done("ada", "61 of 100 points")
    assert lines.getvalue().splitlines()[-1] == "[1/2] ada: 61 of 100 points"
    assert live.headline().startswith("1 of 2 done · 0 on the way") and "to look at" not in live.headline()
    assert json.loads(events.getvalue().splitlines()[-1])["done"] == 1
