"""Progress: plain lines for logs, one line that is overwritten for people."""

import io
import threading

import pytest

from grader.progress import Silent
from grader.terminal import Lines, Live, live_status


def test_a_log_gets_a_line_for_each_that_is_finished() -> None:
    stream = io.StringIO()
    lines = Lines(3, stream)
    lines.step("ada", "cell 1 of 9")
    lines.done("ada", "61 of 100 points")
    lines.done("bob", "0 of 100 points")
    assert stream.getvalue() == "[1/3] ada: 61 of 100 points\n[2/3] bob: 0 of 100 points\n"


def test_a_download_is_worth_a_line() -> None:
    stream = io.StringIO()
    Lines(1, stream).step("mnist", "downloading https://example.org/mnist.npz")
    assert stream.getvalue() == "mnist: downloading https://example.org/mnist.npz\n"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\rb", "\u202eb", "a\x07b"])
def test_a_students_name_can_not_steer_the_terminal(name: str) -> None:
    stream = io.StringIO()
    Lines(1, stream).done(name, "done")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().rstrip("\n").isprintable()
    shown: list[str] = []
    Live(2, shown.append).step(name, "cell 1 of 2")
    assert shown[-1].isprintable()


def test_lines_from_many_threads_are_counted_and_stay_whole() -> None:
    stream = io.StringIO()
    lines = Lines(200, stream)

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


def test_the_live_line_shows_who_is_on_the_way_and_how_many_are_done() -> None:
    shown: list[str] = []
    live = Live(3, shown.append)
    live.step("ada", "cell 1 of 9")
    live.step("bob", "judging the network")
    live.step("ada", "cell 2 of 9")
    live.done("bob", "61 of 100 points")
    live.done("ada", "0 of 100 points")
    assert shown == [
        "0/3 ada: cell 1 of 9",
        "0/3 ada: cell 1 of 9 · bob: judging the network",
        "0/3 ada: cell 2 of 9 · bob: judging the network",
        "1/3 ada: cell 2 of 9",
        "2/3 ",
    ]


def test_one_submission_alone_is_not_counted() -> None:
    shown: list[str] = []
    Live(1, shown.append).step("ada", "cell 1 of 9")
    assert shown == ["ada: cell 1 of 9"]


def test_finishing_twice_or_unseen_does_no_harm() -> None:
    shown: list[str] = []
    live = Live(2, shown.append)
    live.done("nobody", "done")
    live.done("nobody", "done")
    assert shown[-1] == "2/2 "


def test_the_status_line_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with live_status(2) as live:
        live.step("ada [bold]", "cell 1 of 9")
        live.done("ada [bold]", "done")
    assert capsys.readouterr().out == ""


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Silent().step("ada", "x")
    Silent().done("ada", "x")
    assert capsys.readouterr() == ("", "")
