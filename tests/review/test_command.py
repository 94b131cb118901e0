"""`grader review` as it is typed: one line with an address, a desk until Ctrl-C, and a sentence for what can't be."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from shutil import copytree

import pytest

from tests.fakes import run_cli

KEPT = Path(__file__).parents[1] / "kept"
LINE = re.compile(r"Review desk: (http://127\.0\.0\.1:(\d+)/\?token=[\w-]{32,})  \(Ctrl-C ends it\)\n")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A course with a graded class and its gradebook."""
    for part in ("course", "out"):
        copytree(KEPT / part, tmp_path / part)
    return tmp_path


@pytest.fixture
def desk(kept: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "grader", "review", "out/digits", "--course", "course", "--as", "kim"]
    process = subprocess.Popen(command, cwd=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_prints_one_address_and_serves_until_it_is_ended(
    desk: subprocess.Popen[str], how: signal.Signals, code: int
) -> None:
    assert desk.stdout is not None
    found = LINE.fullmatch(desk.stdout.readline())
    assert found is not None
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with browser.open(found[1], timeout=120) as answer:
        page = answer.read().decode()
        assert (answer.status, "token" in answer.url) == (200, False)
    assert "as kim" in page and "looked at or decided" in page
    desk.send_signal(how)
    out, err = desk.communicate(timeout=120)
    assert (desk.returncode, out, err) == (code, "", "")


def test_a_folder_that_holds_no_batch_is_said(tmp_path: Path) -> None:
    said = run_cli("review", tmp_path)
    assert (said.code, "holds no results of a batch" in said.err) == (2, True)
    said = run_cli("review", tmp_path / "nowhere")
    assert (said.code, "is not a folder" in said.err) == (2, True)


def test_results_of_another_version_are_said_with_what_to_do(kept: Path) -> None:
    for path in (kept / "out/digits").glob("*/result.json"):
        path.write_text(json.dumps({"schema": 99}), encoding="utf-8")
    said = run_cli("review", kept / "out/digits", "--course", kept / "course")
    assert said.code == 2
    assert "another version wrote them" in said.err and "grader regrade" in said.err


def test_a_class_without_a_gradebook_is_said(kept: Path) -> None:
    (kept / "out/digits/gradebook.sqlite").unlink()
    said = run_cli("review", kept / "out/digits", "--course", kept / "course")
    assert (said.code, "has no gradebook" in said.err, "--gradebook" in said.err) == (2, True, True)


def test_another_assignment_is_said_with_those_that_there_are(kept: Path) -> None:
    said = run_cli("review", kept / "out/digits", "--course", kept / "course", "--assignment", "windows")
    assert (said.code, "Available: digits" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "without encryption"), (("--token-file", "nowhere"), "can't be read"),
        (("--port", "70000"), "65535"), (("--as", " "), "needs an author"),
    ],
)  # fmt: skip
def test_what_is_not_safe_or_not_possible_is_refused(kept: Path, words: tuple[str, str], said: str) -> None:
    done = run_cli("review", kept / "out/digits", "--course", kept / "course", *words)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_port_in_use_is_refused_with_its_number(kept: Path, desk: subprocess.Popen[str]) -> None:
    assert desk.stdout is not None
    found = LINE.fullmatch(desk.stdout.readline())
    assert found is not None
    done = run_cli("review", kept / "out/digits", "--course", kept / "course", "--port", found[2])
    assert (done.code, f"--port {found[2]}: can't be opened" in done.err) == (2, True), done.err
