"""What a saved comment says where it was used, as the log goes on."""

from grader.core.decision_log import LogEntry, reviews_of, saved_comments


def entry(number: int, kind: str, subject: str, value: dict[str, object] | None, student: str = "") -> LogEntry:
    return LogEntry.model_validate(
        {
            "id": number, "assignment": "a", "student": student, "kind": kind, "subject": subject, "value": value,
            "author": "kim", "time": "2026-11-20T10:00:00+00:00",
        }
    )  # fmt: skip


USED = entry(2, "comment", "c", {"text": "then", "points": -9.0, "saved": "s"}, "ada")


def said(*log: LogEntry) -> list[tuple[str, float]]:
    return [(comment.text, comment.points) for comment in reviews_of(log)["ada"].comments]


def test_a_use_says_what_the_saved_comment_says_today() -> None:
    log = (entry(1, "saved_comment", "s", {"text": "first", "points": -1.0}), USED)
    assert said(*log) == [("first", -1.0)]
    assert said(*log, entry(3, "saved_comment", "s", {"text": "second", "points": -2.0})) == [("second", -2.0)]


def test_a_deleted_one_is_in_no_list_and_its_last_words_stay_where_it_was_used() -> None:
    log = (
        entry(1, "saved_comment", "s", {"text": "first", "points": -1.0}),
        USED,
        entry(3, "saved_comment", "s", {"text": "second", "points": -2.0}),
        entry(4, "saved_comment", "s", None),
    )
    assert saved_comments(log) == {}
    assert said(*log) == [("second", -2.0)]


def test_a_use_of_one_that_never_was_says_its_own_words() -> None:
    assert said(USED) == [("then", -9.0)]
