"""What is told to CI of smoke runs, which give no mark."""

import pytest

from grader.ci.annotations import autograding_document, exit_status, fork_note, github_log, github_summary
from grader.ci.check_repository import CiRun, CiSubmission
from grader.core.evidence import Smoke
from grader.core.results import CheckResult, Outcome, Status
from tests.exports.validators import read_summary
from tests.pages.builders import SOME_CHECKS, a_check, a_result

FINE = tuple(check for check in SOME_CHECKS if check.points >= check.out_of)


@pytest.mark.parametrize(("checks", "status", "code"), [(FINE, "pass", 0), (SOME_CHECKS, "fail", 1)])
def test_a_smoke_run_with_something_to_mend_passes_nowhere(
    checks: tuple[CheckResult, ...], status: str, code: int
) -> None:
    result = a_result(checks, status=Status.EXPLAINED, passed=False, accuracy=None, smoke=Smoke())
    runs = [
        CiRun(handed=CiSubmission(assignment="exercise2", path="work.ipynb", mode="smoke"), out_of=100, result=result)
    ]
    document = autograding_document(runs)
    assert (document["status"], document["max_score"]) == (status, 0)
    assert [(test["name"], test["status"]) for test in document["tests"]] == [("nothing gives points yet", status)]
    assert exit_status(runs) == code


def test_what_awaits_a_person_has_no_points_yet_and_says_so() -> None:
    plot = a_check(Outcome.AWAITING, name="manual", title="The plot is right")
    handed = CiSubmission(assignment="exercise1", path="work.ipynb", mode="full")
    result = a_result((a_check(), plot), out_of=20, passed=False)
    document = autograding_document([CiRun(handed=handed, out_of=20, result=result)])
    assert (document["status"], document["max_score"]) == ("fail", 20)
    (test,) = document["tests"]
    assert (test["name"], test["score"]) == ("exercise1: awaits a person", 0)
    assert test["message"] == "a person gives the points of The plot is right; until then there is no mark"


def pull_request(head: object) -> dict[str, object]:
    return {"pull_request": {"head": {"repo": head}, "base": {"repo": {"full_name": "class/ada"}}}}


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (pull_request({"full_name": "eve/ada"}), "comes from a fork (eve/ada), which gets no secrets"),
        (pull_request(None), "comes from a fork (since deleted)"),
        (pull_request({"full_name": "class/ada"}), ""), ({"ref": "refs/heads/main"}, ""), (None, ""), ([1], ""),
        ({"pull_request": "x"}, ""),
    ],
)  # fmt: skip
def test_a_forks_pull_request_is_told_what_it_can_not_have(event: object, says: str) -> None:
    note = fork_note(event)
    assert says in note if says else note == ""


def test_log_and_summary_begin_with_the_note_and_say_what_had_not_changed() -> None:
    handed = CiSubmission(assignment="exercise1", path="work.ipynb")
    runs = [CiRun(handed=handed, out_of=100, result=a_result(), unchanged=True)]
    note = fork_note(pull_request({"full_name": "eve/[x](y)"}))
    _, shown = read_summary(github_summary(runs, note=note))
    assert shown.startswith("This pull request comes from a fork (eve/[x](y))")
    assert "exercise1: unchanged since it was run" in shown
    log = github_log(runs, "0123456789abcdef0", note=note)
    assert "comes from a fork" in log and "unchanged since it was run" in log
    assert "fork" not in github_summary(runs) + github_log(runs, "0123456789abcdef0")
