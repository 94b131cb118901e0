"""Numbers are written into a rubric file and all else stays; a file that was edited meanwhile is not touched."""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.checks.registry import plan
from grader.core.assignment import read_assignment
from grader.core.errors import RubricError
from grader.course.course import Course
from grader.course.rubric import plan_checks
from grader.marking.rubric_numbers import (
    NotANumber,
    NumberChange,
    RubricEdited,
    RubricFile,
    RubricNumber,
    changed_numbers,
    changed_text,
    differences,
    read_number,
    read_rubric_file,
    require_unedited,
    rubric_numbers,
    with_changes,
    write_changes,
)

COURSE = Course.at()
RUBRICS = COURSE.assignment_ids()


def numbers_of(assignment: str, file: RubricFile) -> tuple[RubricNumber, ...]:
    return rubric_numbers(file.raw, plan_checks(COURSE, COURSE.assignment(assignment)))


def opened(assignment: str) -> tuple[RubricFile, tuple[RubricNumber, ...]]:
    file = read_rubric_file(COURSE.assignment_file(assignment))
    return file, numbers_of(assignment, file)


def changes_for(assignment: str, typed: Mapping[str, str]) -> tuple[RubricFile, tuple[NumberChange, ...]]:
    file, numbers = opened(assignment)
    changes, faults = changed_numbers(numbers, typed)
    assert not faults
    return file, changes


def copied(assignment: str, folder: Path) -> RubricFile:
    path = folder / assignment / "assignment.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(COURSE.assignment_file(assignment).read_bytes())
    return read_rubric_file(path)


def other_value(number: RubricNumber, share: float) -> str:
    """Some value that the number may have."""
    if number.kind == "span":
        return f"{round(share * 300)}m"
    if number.kind == "moment":
        return f"2026-11-20T{round(share * 23):02}:59:00+01:00"
    least, most = number.least or 0.0, 40.0 if number.most is None else min(number.most, 90.0)
    value = least + share * (most - least)
    return str(round(value) if number.kind == "whole" else round(value, 3))


@given(st.sampled_from(RUBRICS), st.data())
@settings(max_examples=120, deadline=None)
def test_lines_that_are_not_changed_stay_byte_for_byte_and_the_others_say_what_was_typed(
    assignment: str, data: st.DataObject
) -> None:
    file, numbers = opened(assignment)
    chosen = data.draw(st.lists(st.sampled_from(numbers), max_size=6, unique_by=lambda number: number.key))
    shares = data.draw(st.lists(st.floats(0, 1), min_size=len(chosen), max_size=len(chosen)))
    typed = {number.key: other_value(number, share) for number, share in zip(chosen, shares, strict=True)}
    changes, faults = changed_numbers(numbers, typed)
    assert not faults
    new = changed_text(file, changes).decode()
    assert tomllib.loads(new) == with_changes(file.raw, changes)
    old_lines, new_lines = file.data.decode().splitlines(keepends=True), new.splitlines(keepends=True)
    touched = sum(change.number.value is not None for change in changes)
    lost = list(old_lines)
    for line in new_lines:
        if line in lost:
            lost.remove(line)
    assert len(lost) <= touched
    assert len(new_lines) - len(old_lines) <= 3 * sum(change.number.value is None for change in changes)
    comments = [line[line.index("#") :] for line in old_lines if "#" in line]
    assert [line[line.index("#") :] for line in new_lines if "#" in line] == comments


@pytest.mark.parametrize("assignment", RUBRICS)
def test_nothing_changed_is_the_same_file(assignment: str) -> None:
    file, _ = opened(assignment)
    assert changed_text(file, ()) == file.data


def test_a_changed_line_keeps_its_comment_and_its_place() -> None:
    file, changes = changes_for("pets", {"check.8.bands.0.at": "0.75", "check.8.doubt": "0.2", "pass_mark": "55"})
    lines = changed_text(file, changes).decode().splitlines()
    assert "bands = [{ at = 0.75, share = 0.9 }, { at = 0.80, share = 1.0 }]" in lines
    assert "pass_mark = 55" in lines
    assert any(line.startswith("doubt = 0.2 ") and "# 78 % is denied only" in line for line in lines)
    assert [change.words for change in changes] == [
        "Whole rubric: pass mark 60 -> 55",
        "Check 9, accuracy: bands 1 at 0.78 -> 0.75", "Check 9, accuracy: doubt 0.1 -> 0.2",
    ]  # fmt: skip


def test_the_two_ends_of_a_line_are_numbers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "pets" / "assignment.toml"
    path.parent.mkdir()
    text = opened("pets")[0].data.decode()
    bands = "bands = [{ at = 0.78, share = 0.9 }, { at = 0.80, share = 1.0 }]"
    line = "linear = { from = 0.70, to = 0.80 }   # as the lecture said"
    path.write_text(text.replace(bands, line), encoding="utf-8")
    file = read_rubric_file(path)
    planned = plan(read_assignment(path).check, origin="")
    numbers = rubric_numbers(file.raw, planned)
    by_key = {number.key: number for number in numbers}
    assert (by_key["check.8.linear.from"].label, by_key["check.8.linear.to"].kind) == ("linear from", "fraction")
    assert not by_key["check.8.linear.from"].optional
    assert "check.8.at_least" not in by_key, "it can't stand beside a line"
    changes, faults = changed_numbers(numbers, {"check.8.linear.from": "0.72", "check.8.linear.to": "1.2"})
    assert faults["check.8.linear.to"].message == "1.2 is more than 1."
    assert [change.words for change in changes] == ["Check 9, accuracy: linear from 0.7 -> 0.72"]
    new = changed_text(file, changes).decode()
    assert "linear = { from = 0.72, to = 0.80 }   # as the lecture said" in new
    assert [item.key for item in differences(file.raw, with_changes(file.raw, changes))] == ["check 9.linear.from"]


def test_sizes_times_and_slip_days_are_numbers_with_their_units(tmp_path: Path) -> None:
    path = tmp_path / "pets" / "assignment.toml"
    path.parent.mkdir()
    more = '[[check]]\nuse = "model_size"\npoints = 1\nat_most = "5MiB"\n'
    more += '[[check]]\nuse = "training_time"\npoints = 1\nat_most = "5m"\n[late]\nmost_slip_days = 2\n'
    due = "due = 2026-11-20T12:00:00Z\npass_mark"
    path.write_text(opened("pets")[0].data.decode().replace("pass_mark", due, 1) + more, encoding="utf-8")
    file = read_rubric_file(path)
    numbers = rubric_numbers(file.raw, plan(read_assignment(path).check, origin=""))
    last = len(file.raw["check"])
    size, time = f"check.{last - 2}.at_most", f"check.{last - 1}.at_most"
    typed = {size: "500KiB", time: "90s", "late.most_slip_days": ""}
    changes, faults = changed_numbers(numbers, typed)
    assert not faults
    assert [change.words.partition(": ")[2] for change in changes] == [
        "slip days at most 2 -> not set", "at_most 5MiB -> 500KiB", "at_most 5m -> 90s",
    ]  # fmt: skip
    path.write_bytes(changed_text(file, changes))
    again = read_assignment(path)
    assert again.late.most_slip_days is None and again.check[-1].parameters == {"at_most": "90s"}
    _, faults = changed_numbers(numbers, {size: "", "late.most_slip_days": "400"})
    assert faults[size].remedy == "Write a number and a unit, as in 500KiB or 5MiB."
    assert faults["late.most_slip_days"].message == "400 is more than 366."


def test_a_number_that_was_not_set_comes_right_behind_its_check_and_a_new_table_at_the_end(tmp_path: Path) -> None:
    typed = {"check.6.doubt": "0.1", "due": "2026-11-20T23:59:00+01:00", "late.per_day": "0.1", "late.grace": "10m"}
    file, changes = changes_for("exercise1", typed)
    text = changed_text(file, changes).decode()
    assert "at_least = 0.97\ndoubt = 0.1\n\n# --- suggested" in text
    assert "pass_mark = 60\ndue = 2026-11-20T23:59:00+01:00\n\n[run]" in text
    assert text.endswith('points = 0\n\n[late]\ngrace = "10m"\nper_day = 0.1\n')
    path = tmp_path / "exercise1" / "assignment.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert read_assignment(path).late.grace == 600


def test_a_number_is_taken_out_again_and_an_empty_table_with_it(tmp_path: Path) -> None:
    file = copied("exercise1", tmp_path)
    numbers = numbers_of("exercise1", file)
    typed = {"due": "2026-11-20T23:59:00+01:00", "late.per_day": "0.1"}
    written = write_changes(file, changed_numbers(numbers, typed)[0])
    back = changed_numbers(numbers_of("exercise1", written), {"due": "", "late.per_day": ""})[0]
    assert len(back) == 2
    assert write_changes(written, back).raw == file.raw


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b""])
def test_line_ends_of_windows_and_a_byte_order_mark_stay(before: bytes, tmp_path: Path) -> None:
    path = tmp_path / "exercise1" / "assignment.toml"
    path.parent.mkdir()
    path.write_bytes(before + COURSE.assignment_file("exercise1").read_bytes().replace(b"\n", b"\r\n"))
    file = read_rubric_file(path)
    changes, _ = changed_numbers(numbers_of("exercise1", file), {"pass_mark": "50", "check.6.doubt": "0.1"})
    new = write_changes(file, changes).data
    assert new.startswith(before + b"# The rubric of exercise 1")
    assert new.count(b"\n") == new.count(b"\r\n") == file.data.count(b"\n") + 1


def test_a_file_that_was_edited_by_hand_is_not_touched_and_the_difference_is_told(tmp_path: Path) -> None:
    file = copied("exercise1", tmp_path)
    changes, _ = changed_numbers(numbers_of("exercise1", file), {"pass_mark": "50"})
    edited = file.data.replace(b"at_least = 0.97", b"at_least = 0.96").replace(b'counts = "best"', b'counts = "mean"')
    file.path.write_bytes(edited)
    with pytest.raises(RubricEdited, match="nothing was written") as told:
        write_changes(file, changes)
    assert [(one.key, one.was, one.now) for one in told.value.found] == [
        ("retry.counts", "best", "mean"), ("check 7.at_least", "0.97", "0.96"),
    ]  # fmt: skip
    assert file.path.read_bytes() == edited


def test_a_comment_that_was_edited_is_an_edit_too(tmp_path: Path) -> None:
    file = copied("exercise1", tmp_path)
    file.path.write_bytes(file.data + b"# more\n")
    with pytest.raises(RubricEdited) as told:
        require_unedited(file)
    assert told.value.found == ()


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    file = copied("exercise1", tmp_path)
    os.chmod(file.path, 0o640)  # noqa: PTH101
    link = tmp_path / "link" / "assignment.toml"
    link.parent.mkdir()
    link.symlink_to(file.path)
    changes, _ = changed_numbers(numbers_of("exercise1", file), {"pass_mark": "50"})
    write_changes(read_rubric_file(link), changes)
    assert link.is_symlink()
    assert tomllib.loads(file.path.read_text())["pass_mark"] == 50
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


def test_a_file_that_is_no_toml_any_more_is_told(tmp_path: Path) -> None:
    file = copied("exercise1", tmp_path)
    file.path.write_bytes(b"schema = [")
    with pytest.raises(RubricError, match="not a TOML file"):
        require_unedited(file)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("pass_mark", "", "pass mark is missing"), ("pass_mark", "sixty", "`sixty` is not a number"),
        ("pass_mark", "nan", "`nan` is not a number"), ("pass_mark", "-1", "-1 is less than 0"),
        ("pass_mark", "9" * 70, "This has 70 characters"), ("check.6.at_least", "97", "97 is more than 1"),
        ("check.4.at_least", "1.5", "1.5 is not a whole number"), ("check.6.doubt", "0.9", "0.9 is more than 0.5"),
        ("due", "tomorrow", "`tomorrow` is not a point in time"),
    ],
)  # fmt: skip
def test_nonsense_is_told_in_a_sentence_for_its_field(key: str, text: str, said: str) -> None:
    _, numbers = opened("exercise1")
    changes, faults = changed_numbers(numbers, {key: text})
    assert changes == ()
    assert said in str(faults[key])


def test_a_comma_is_read_as_a_point_and_a_whole_number_stays_one() -> None:
    _, numbers = opened("exercise1")
    by_key = {number.key: number for number in numbers}
    assert read_number(by_key["check.6.at_least"], "0,95") == 0.95
    assert repr(read_number(by_key["pass_mark"], "55.0")) == "55"
    with pytest.raises(NotANumber):
        read_number(by_key["pass_mark"], "1,000.5")


def test_differences_name_what_is_new_and_what_is_gone() -> None:
    was = {"a": 1, "check": [{"use": "x", "points": 1}, {"use": "y"}]}
    now = {"check": [{"use": "x", "points": 2}], "b": [1, 2]}
    assert [(one.key, one.was, one.now) for one in differences(was, now)] == [
        ("a", "1", ""), ("check 1.points", "1", "2"), ("check 2.use", "y", ""), ("b", "", "[1, 2]"),
    ]  # fmt: skip
